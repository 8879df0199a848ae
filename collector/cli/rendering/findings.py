"""Findings as lines for people, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from collector.cli.rendering.brush import brush
from collector.cli.rendering.printable import encodable, one_line
from collector.doctor.finding import Finding, State, worst
from collector.emit.visible import escaped

_COLORS: Final[dict[State, str]] = {
    "ok": "green",
    "warning": "yellow",
    "failed": "red",
    "skipped": "blue",
}
_STATE_WIDTH: Final = max(map(len, _COLORS))
_STEP_WIDTH: Final = 16


class Sheet:
    """Writes a line for each finding, and one for each thing to do."""

    def __init__(self, *, color: bool) -> None:
        self._brushes = {
            state: brush(color=color, fg=name) for state, name in _COLORS.items()
        }

    def lines_of(self, finding: Finding) -> str:
        """Return the lines of a finding; what they quote steers no terminal."""
        state = self._brushes[finding.state].paint(f"{finding.state:<{_STATE_WIDTH}}")
        step = f"{one_line(finding.step):<{_STEP_WIDTH}}"
        lines = [f"{state}  {step}  {one_line(finding.seen)}"]
        indent = " " * (_STATE_WIDTH + 2)
        lines += [f"{indent}-> {one_line(advice)}" for advice in finding.advice]
        return "\n".join(lines)

    def summary(self, findings: Sequence[Finding]) -> str:
        """Return how many findings of each state there are."""
        counts = Counter(finding.state for finding in findings)
        told = [f"{counts[state]} {state}" for state in _COLORS if counts[state]]
        return ", ".join(told)


def findings_json(findings: Sequence[Finding]) -> str:
    """Return an object with the state of the whole, and all findings."""
    document = {
        "state": worst(findings),
        "findings": [
            {
                "step": encodable(finding.step),
                "state": finding.state,
                "seen": encodable(finding.seen),
                "advice": list(map(encodable, finding.advice)),
            }
            for finding in findings
        ],
    }
    return msgspec.json.format(escaped(msgspec.json.encode(document).decode()))
