"""The examination: all steps in order, from the program to a delivered record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from collector.doctor.arrival import STEP as DELIVERY
from collector.doctor.clock import STEP as CLOCK
from collector.doctor.clock import judge_clock
from collector.doctor.collecting import Holders, look_for_holders
from collector.doctor.configuration import look_at_settings
from collector.doctor.content import STEP as DATABASE
from collector.doctor.content import Content
from collector.doctor.descriptors import STEP as DESCRIPTORS
from collector.doctor.descriptors import judge_descriptors, room_for_peers
from collector.doctor.finding import Finding, found, ok, skipped
from collector.doctor.library import STEP as LIBRARY
from collector.doctor.library import judge_library
from collector.doctor.order import Order
from collector.doctor.serving import examine_service
from collector.doctor.storing import examine_database, read_clock
from collector.settings import Settings
from collector.store.library import has_trigrams, library_version


def examine(order: Order) -> Iterator[Finding]:
    """Yield what each step finds, as soon as it is known."""
    yield ok("program", order.version)
    yield found(
        LIBRARY, lambda: judge_library(library_version(), has_trigrams=has_trigrams())
    )
    settings, finding = _settings(order)
    yield finding
    if settings is None:
        yield found(CLOCK, lambda: judge_clock(read_clock(order, None, Content())))
        yield skipped(DATABASE, "which one it is, the settings don't tell")
        yield skipped(DELIVERY, "where to send, the settings don't tell")
        return
    holders = Holders(is_known=False)
    if settings.db:
        database = Path(settings.db).absolute()
        yield from examine_database(order, settings, database)
        holders = look_for_holders(database)
    else:
        yield found(CLOCK, lambda: judge_clock(read_clock(order, None, Content())))
        yield skipped(DATABASE, "none: records are shown, not stored (db is empty)")
    yield found(DESCRIPTORS, lambda: _descriptors(settings, holders))
    yield from examine_service(order, settings, holders)


def _settings(order: Order) -> tuple[Settings | None, Finding]:
    kept: list[Settings | None] = [None]

    def look() -> Finding:
        kept[0], finding = look_at_settings(
            order.config_file, order.environment, order.flags
        )
        return finding

    finding = found("settings", look)
    return kept[0], finding


def _descriptors(settings: Settings, holders: Holders) -> Finding:
    return judge_descriptors(
        holders.process,
        room_for_peers(holders.process, len(settings.addresses())),
        settings.max_connections,
        is_default=settings.max_connections == Settings().max_connections,
    )
