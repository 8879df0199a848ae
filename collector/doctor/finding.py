"""A finding: what one step of an examination has seen, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen in a step, in one line, and what to do, a thing a line.

    `skipped`: it could not be looked at, and the line says why.
    """

    step: str
    state: State
    seen: str
    advice: tuple[str, ...] = ()


def ok(step: str, seen: str) -> Finding:
    """Return that a step found nothing wrong."""
    return Finding(step, "ok", seen)


def warning(step: str, seen: str, *advice: str) -> Finding:
    """Return that a step found what may become, or hide, a fault."""
    return Finding(step, "warning", seen, advice)


def failed(step: str, seen: str, *advice: str) -> Finding:
    """Return that a step found what keeps records from being stored."""
    return Finding(step, "failed", seen, advice)


def skipped(step: str, seen: str, *advice: str) -> Finding:
    """Return that a step could not be done."""
    return Finding(step, "skipped", seen, advice)


def found(step: str, look: Callable[[], Finding]) -> Finding:
    """Return what a step finds; that it breaks is a finding, too."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - the other steps must be shown
        return failed(
            step,
            f"could not be looked at: {type(error).__name__}: {error}",
            "this should not happen: please report it with this line",
        )


def worst(findings: Sequence[Finding]) -> State:
    """Return the state of a whole: failed, warning or ok."""
    states = {finding.state for finding in findings}
    if "failed" in states:
        return "failed"
    return "warning" if "warning" in states else "ok"
