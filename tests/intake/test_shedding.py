"""Shedding: a time of loss, and the record that tells of it."""

import json

from collector.intake.peer_counts import MAX_COUNTED_PEERS, OTHER_PEERS
from collector.intake.shedding import TOLD_PEERS, Episode
from collector.record import normalise
from collector.wire.decoder import Decoder
from collector.wire.limits import DecodeLimits


def test_a_loss_is_told(said):
    """A record like any other tells how many were lost, for how long, and whose."""
    episode = Episode(100.0)
    for peer in ("10.0.0.7", "10.0.0.8", "10.0.0.7"):
        episode.count(peer)
    payload = episode.ended(102.5, created=1_700_000_000.0)

    attributes = Decoder(DecodeLimits()).decode(payload)
    record = normalise(attributes, received=1.0, peer="p", hostname="h")
    assert record.message == "3 records were shed in 2.5 s, as there was no room"
    assert (record.name, record.levelno) == ("logcollector", 30)
    assert record.created == 1_700_000_000.0
    assert json.loads(record.extra or "") == {
        "shed": 3,
        "seconds": 2.5,
        "peers": {"10.0.0.7": 2, "10.0.0.8": 1},
    }
    assert said == [
        "no room is left: records are shed and counted",
        "3 records were shed in 2.5 s, as there was no room",
    ]


def test_peers_without_end_take_bounded_memory(said):
    """Of a million peers some are counted apart, fewer told, and all counted."""
    episode = Episode(0.0)
    for number in range(MAX_COUNTED_PEERS + 5000):
        episode.count(f"peer {number}")
    for _ in range(3):
        episode.count("peer 1000")
    told = json.loads(episode.ended(1.0, created=1.0))

    assert told["shed"] == MAX_COUNTED_PEERS + 5003
    assert len(told["peers"]) == TOLD_PEERS
    assert list(told["peers"].items())[:2] == [(OTHER_PEERS, 5000), ("peer 1000", 4)]
