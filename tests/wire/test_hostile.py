"""The catalogue of hostile payloads, read in child processes with limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import CATALOGUE

# The aim is 100 ms, which measure_hostile.py shows on a quiet machine; this
# leaves room for slow ones, and still finds what takes square time.
MAX_CPU_MS = 1000.0
MAX_MEMORY = 64 * 1024 * 1024

REASONS = {
    "control_frame",
    "empty",
    "malformed_json",
    "malformed_messagepack",
    "malformed_pickle",
    "no_message",
    "not_a_mapping",
    "out_of_band_buffer",
    "too_deep",
    "too_many_operations",
    "too_much_text",
    "truncated_messagepack",
    "truncated_pickle",
    "unknown_protocol",
}

# Where the outcome matters beyond that there is one.
EXPECTED = {
    "reduce": "not_a_mapping",
    "reduce in record": "record",
    "newobj_ex": "record",
    "extension codes": "record",
    "persistent ids": "record",
    "buffers": "out_of_band_buffer",
    "escapes in a name": "record",
    "no UTF-8 in a name": "malformed_pickle",
    "not a number as offset": "record",
    "instance of itself": "record",
    "empty": "empty",
    "none": "not_a_mapping",
    "trailing bytes": "malformed_pickle",
    "protocol 6": "unknown_protocol",
    "control frame": "control_frame",
    "keys of all types": "record",
    "string with unknown escapes": "record",
    "legacy text": "record",
    "list in itself": "record",
    "record in itself": "record",
    "lone surrogate": "record",
    "signs before a number": "record",
    "created int 2^5000": "record",
    "push and pop": "too_many_operations",
    "one list under many names": "record",
    "one text under many names": "record",
    "message of 15 MB": "record",
    "huge number": "record",
    "json": "record",
    "json of 15 MB": "record",
    "json NaN": "malformed_json",
    "json deep list": "too_many_operations",
    "json lone surrogate": "record",
    "messagepack": "record",
    "messagepack keys": "record",
    "messagepack 15 MB": "record",
    "messagepack map of 2^32": "truncated_messagepack",
    "messagepack deep lists": "too_deep",
}


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, object]]:
    """What became of each payload, measured once, and without coverage's own time."""
    script = Path(__file__).with_name("measure_hostile.py")
    variables = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=variables,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CATALOGUE)
def test_payload_is_a_record_or_rejected(results, name):
    """Each payload becomes a record that can be stored, or a DecodeError."""
    outcome = results[name]["outcome"]
    assert outcome in REASONS | {"record"}
    assert EXPECTED.get(name, outcome) == outcome


@pytest.mark.parametrize("name", CATALOGUE)
def test_payload_is_read_in_bounded_time(results, name):
    """No payload takes seconds, or more: the best of three times is bounded."""
    assert results[name].get("cpu_ms", results[name]["outcome"]) <= MAX_CPU_MS


@pytest.mark.parametrize("name", CATALOGUE)
def test_payload_is_read_in_bounded_memory(results, name):
    """Each payload takes at most 64 MiB of memory beyond its own size."""
    assert results[name].get("memory", results[name]["outcome"]) <= MAX_MEMORY


def test_catalogue_is_measured_whole(results):
    """No payload is left out of the measurement."""
    assert results.keys() == CATALOGUE.keys()
