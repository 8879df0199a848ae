"""Random lives of a spool: appended, read, stored, killed, stopped, full."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from store.spool_model import Model

from collector.store import spool as spool_module

counts = st.integers(1, 8)
calls = st.integers(0, 8)


class Lives(RuleBasedStateMachine):
    """Every frame is read once and in order, whatever happens between."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._patch = pytest.MonkeyPatch()
        # So that a frame may be longer than what is read at once.
        self._patch.setattr(spool_module, "READ_BYTES", 150)

    @initialize(max_bytes=st.sampled_from([100, 3000, 1 << 30]))
    def begin(self, max_bytes: int) -> None:
        self.model = Model(Path(self._folder.name, "spool"), max_bytes=max_bytes)

    @rule(count=counts)
    def append(self, count: int) -> None:
        self.model.append(count)

    @rule(count=counts, calls=st.integers(0, 3))
    def append_and_die(self, count: int, calls: int) -> None:
        self.model.append_and_die(count, calls)

    @rule(count=counts, calls=st.integers(0, 3))
    def append_when_full(self, count: int, calls: int) -> None:
        self.model.append_when_full(count, calls)

    @rule()
    def read(self) -> None:
        self.model.read()

    @rule(count=st.integers(0, 12))
    def store(self, count: int) -> None:
        self.model.store(count)

    @rule()
    def forget(self) -> None:
        self.model.forget()

    @rule(calls=calls)
    def forget_and_die(self, calls: int) -> None:
        self.model.forget_and_die(calls)

    @rule()
    def sync(self) -> None:
        self.model.spool.sync()

    @rule()
    def crash(self) -> None:
        self.model.crash()

    @rule(direct=st.integers(0, 3), unsure=st.integers(0, 8), committed=st.booleans())
    def stop(self, direct: int, unsure: int, committed: bool) -> None:
        self.model.stop(direct, unsure, committed=committed)

    @precondition(lambda self: self.model.handed)
    @rule(direct=st.integers(0, 3), calls=calls, is_killed=st.booleans())
    def stop_and_fail(self, direct: int, calls: int, is_killed: bool) -> None:
        self.model.stop_and_fail(direct, calls, is_killed=is_killed)

    def teardown(self) -> None:
        try:
            if hasattr(self, "model"):
                self.model.finish()
        finally:
            self._patch.undo()
            self._folder.cleanup()


Lives.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
TestLives = Lives.TestCase
