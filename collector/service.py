"""The service: starts the parts in order, stops them in reverse.

Signals only set events; everything happens in `run`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any, Final

from collector.addresses import Address
from collector.decoding import decode_limits
from collector.emit.emitter import Emitter
from collector.emitting import make_emitter
from collector.errors import CollectorError
from collector.fixed_settings import fixed_changes
from collector.intake.listener import Listener
from collector.intake.peers import Hostnames
from collector.intake.receiver import Receiver
from collector.intake.sockets import inherited, unlink
from collector.listening import Door, connection_limits, new_rules, open_doors
from collector.loop_lag import LoopLag
from collector.notify import Notifier
from collector.settings import Settings
from collector.snapshot import Parts, take_snapshot
from collector.status import State, Status, status_line, summary
from collector.storage import Storage
from collector.watching import Watching
from collector.wire.decoder import Decoder

log = logging.getLogger("logcollector")

STATUS_SECONDS: Final = 10.0
SUMMARY_SECONDS: Final = 60.0

# The part of a stop's time in which connections may still bring frames.
DRAIN_SHARE: Final = 0.4

# Then, the part in which what they have brought may still be decoded.
TAKE_SHARE: Final = 0.2

# What a part of the stop may take even when all time has been used up.
QUICK_SECONDS: Final = 0.1


class StopForced(CollectorError):
    """A second signal came before the stop was complete."""


class Service:
    """The whole daemon, run once within an event loop.

    `environment` holds what a service manager tells (sockets, readiness,
    watchdog), which is taken out of it. `reload_settings` returns new settings
    for SIGHUP, or raises ConfigError. What happened in the last
    `summary_seconds` is logged then, if anything did.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: MutableMapping[str, str],
        reload_settings: Callable[[], Settings] | None = None,
        summary_seconds: float = SUMMARY_SECONDS,
    ) -> None:
        self._summary_seconds = summary_seconds
        self._settings = settings
        self._started_with = settings
        self._environment = environment
        self._reload_settings = reload_settings
        self._notifier = Notifier(environment)
        self._stopping = asyncio.Event()
        self._forced = asyncio.Event()
        self._storage: Storage | None = None
        # The present one, and those of earlier settings that are not done yet.
        self._emitters: list[Emitter] = []
        self._lines_dropped = 0
        self._lines_emitted = 0
        self._receiver: Receiver | None = None
        self._listener: Listener | None = None
        # What systemd made is systemd's to remove; this is ours.
        self._bound: list[socket.socket] = []
        self._doors: list[Door] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._state: State = "starting"
        self._started = time.time()
        self._started_at = time.monotonic()
        self._loop_lag = LoopLag()
        self._watching: Watching | None = None

    @property
    def addresses(self) -> list[Address]:
        """The addresses it really listens on."""
        return self._listener.addresses if self._listener else []

    @property
    def http_addresses(self) -> list[Address]:
        """The addresses it really serves HTTP on."""
        return self._watching.addresses if self._watching else []

    @property
    def output_is_blocked(self) -> bool:
        """Whether a thread is still stuck in writing lines, after `run`."""
        return any(emitter.is_blocked for emitter in self._emitters)

    @property
    def is_stuck(self) -> bool:
        """Whether a thread is still in a call of a disk that hangs, after `run`."""
        return self._storage is not None and self._storage.is_stuck

    @property
    def is_looking_up(self) -> bool:
        """Whether a thread still waits for the name of a peer, after `run`."""
        return self._listener is not None and self._listener.hostnames.lookups > 0

    def stop(self) -> None:
        """Ask to stop; asked again, stop without waiting for anything."""
        if self._stopping.is_set():
            self._forced.set()
        self._stopping.set()

    def handle_signals(self) -> None:
        """Let SIGTERM and SIGINT stop, SIGHUP reload."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)

    async def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Start, serve until asked to stop, stop.

        `on_ready` is called once records are taken. Raises ListenError,
        ConfigError or StoreError when it can't start or the store fails for
        good, StopForced when it was told to stop twice.
        """
        try:
            await self._start()
            if on_ready is not None:
                on_ready()
            await self._until_stopped()
        finally:
            await self._unless_forced(self._shut_down())

    async def _start(self) -> None:
        settings = self._settings
        # 1. Addresses first: a mistake there must not touch the database.
        opened = open_doors(settings, inherited(self._environment))
        self._doors += opened.doors
        self._bound += opened.bound
        address = settings.http()
        if address is not None:
            self._watching = Watching(address, self.snapshot)
            await self._watching.open(settings)
        # 2. The store.
        storage = None
        if settings.db:
            storage = self._storage = Storage(settings)
            await storage.open()
        # 3. The output.
        emitter = make_emitter(settings)
        self._emitters = [emitter] if emitter is not None else []
        # 4. The listener.
        self._receiver = Receiver(
            Decoder(decode_limits(settings)),
            backlog=storage.backlog if storage else None,
            writer=storage.writer if storage else None,
            emitter=emitter,
            overflow=storage.overflow if storage else None,
        )
        if storage is not None:
            await storage.open_spool(self._receiver)
        self._listener = Listener(
            self._doors,
            receiver=self._receiver,
            hostnames=Hostnames(resolve=settings.resolve_hostnames),
            limits=connection_limits(settings),
        )
        await self._listener.start()
        # 5. Tell.
        self._state = "ready"
        self._tasks.append(asyncio.create_task(self._loop_lag.run()))
        self._tasks.append(asyncio.create_task(self._tell_status()))
        self._tasks.append(asyncio.create_task(self._log_summaries()))
        if self._notifier.watchdog_seconds:
            self._tasks.append(asyncio.create_task(self._feed_watchdog()))
        self._notifier.send(f"READY=1\nSTATUS={status_line(self.snapshot())}")

    async def _until_stopped(self) -> None:
        """Wait for `stop`, or for the store to fail."""
        stopping = asyncio.create_task(self._stopping.wait())
        waited: set[asyncio.Task[Any]] = {stopping}
        if self._storage is not None:
            waited |= self._storage.running
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def _shut_down(self) -> None:
        """Stop the parts in reverse; raises StoreError if records were lost."""
        loop = asyncio.get_running_loop()
        seconds = self._settings.stop_timeout_seconds
        deadline = loop.time() + seconds
        self._state = "stopping"
        self._notifier.send("STOPPING=1\nSTATUS=stopping")
        for task in self._tasks:
            task.cancel()
        # 1. No more connections; take the frames that have arrived.
        for bound in self._bound:
            unlink(bound)
        if self._watching is not None:
            self._watching.stop()
        if self._storage is not None:
            self._storage.stopping()
        if self._receiver is not None and self._storage and self._storage.has_failed:
            self._receiver.stopping = True
        if self._listener is not None:
            await self._listener.stop(seconds * DRAIN_SHARE)
        if self._receiver is not None and self._listener is not None:
            # Those who still wait for room have what they read spooled.
            self._receiver.stopping = True
            await self._listener.wait_closed(seconds * TAKE_SHARE)
            await self._listener.cut_off()
        for bound in self._bound:
            bound.close()
        # 2. Write what waits; what can't be written stays in the spool.
        failure = None
        if self._storage is not None:
            failure = await self._storage.finish(deadline)
        if self._receiver is not None and self._receiver.shed_total:
            shed = self._receiver.shed_total.total()
            log.warning("%d records were shed since the start", shed)
        # 3. Show what waits.
        unshown = 0
        for emitter in self._emitters:
            left = max(QUICK_SECONDS, deadline - loop.time())
            unshown += await asyncio.to_thread(emitter.stop, left)
        if self._watching is not None:
            await self._watching.close(QUICK_SECONDS)
        if unshown:
            log.warning("%d lines were not written before the stop", unshown)
        if failure is not None:
            raise failure

    async def _unless_forced(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        forced = asyncio.create_task(self._forced.wait())
        await asyncio.wait({task, forced}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            waiting = self._storage.backlog.waiting_records if self._storage else 0
            lost = f"; {waiting} records were not stored" if waiting else ""
            raise StopForced(f"stopped at once{lost}")
        forced.cancel()
        await task

    def reload(self) -> None:
        """Read the settings again and reopen files; bad ones change nothing."""
        if self._listener is None:
            # Still starting: the settings have just been read.
            return
        self._notifier.send(
            f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
        )
        try:
            settings = self._settings
            if self._reload_settings is not None:
                settings = self._reload_settings()
            self._apply(settings)
        except CollectorError as error:
            log.error("reload: %s; the old settings stay", error)
        else:
            log.info("settings reloaded")
        finally:
            self._notifier.send(f"READY=1\nSTATUS={status_line(self.snapshot())}")

    def _apply(self, settings: Settings) -> None:
        assert self._receiver is not None
        assert self._listener is not None
        # What may be wrong comes first, while all is as it was.
        rules = new_rules(settings, self._doors)
        if fixed := fixed_changes(self._started_with, settings):
            log.warning("reload: %s can only change at a restart", ", ".join(fixed))
        new = make_emitter(settings)
        self._receiver.emitter = new
        for emitter in self._emitters:
            # Its thread ends by itself once it has shown what it has.
            emitter.retire()
        ended = [e for e in self._emitters if not e.is_blocked]
        self._lines_dropped += sum(emitter.dropped_total for emitter in ended)
        self._lines_emitted += sum(emitter.emitted_total for emitter in ended)
        self._emitters = [e for e in self._emitters if e.is_blocked]
        self._emitters += [new] if new is not None else []
        self._receiver.decoder = Decoder(decode_limits(settings))
        self._listener.limits = connection_limits(settings)
        for gate, changed in rules:
            gate.rules = changed
        if settings.resolve_hostnames != self._settings.resolve_hostnames:
            self._listener.hostnames = Hostnames(resolve=settings.resolve_hostnames)
        if self._storage is not None:
            self._storage.change(settings)
        self._settings = settings

    def snapshot(self) -> Status:
        """Return how it does just now."""
        return take_snapshot(
            Parts(
                state=self._state,
                started=self._started,
                started_at=self._started_at,
                storage=self._storage,
                receiver=self._receiver,
                listener=self._listener,
                emitters=self._emitters,
                emitted_before=self._lines_emitted,
                dropped_before=self._lines_dropped,
                loop_lag=self._loop_lag,
            )
        )

    async def _tell_status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            self._notifier.send(f"STATUS={status_line(self.snapshot())}")

    async def _log_summaries(self) -> None:
        before = self.snapshot()
        while True:
            await asyncio.sleep(self._summary_seconds)
            after = self.snapshot()
            told = summary(before, after)
            if told:
                log.info("%s", told)
            before = after

    async def _feed_watchdog(self) -> None:
        """Give signs of life while this loop runs and the writer gets on."""
        interval = self._notifier.watchdog_seconds
        while True:
            if self._storage is None or not self._storage.is_hung(interval):
                self._notifier.send("WATCHDOG=1")
            await asyncio.sleep(interval / 3)
