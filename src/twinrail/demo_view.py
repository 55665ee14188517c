"""What the demo shows: a line a second while traffic runs, and the report at its end."""

import textwrap
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from twinrail import money
from twinrail.engine.store.contract import AccountRow
from twinrail.schemas.reasons import CODES, Reason
from twinrail.simulators.histogram import Histogram
from twinrail.simulators.replay import Settled
from twinrail.simulators.report import Outcome as ReplayOutcome
from twinrail.simulators.report import Report

_ACCEPTED_MTIS = frozenset({"0120", "0121", "0400", "0401", "0420", "0421"})
_WORDS: dict[str, str] = {}
for _codes in CODES.values():
    _WORDS.setdefault(_codes.de39, _codes.words)


def words_of(mti: str, code: str) -> str:
    """Say an answer code in words; what an advice or a reversal is told is that it was accepted.

    >>> words_of("0100", "51"), words_of("0420", "00"), words_of("0100", "")
    ('insufficient funds', 'accepted', 'no answer')
    """
    if not code:
        return "no answer"
    if code == "00" and mti in _ACCEPTED_MTIS:
        return CODES[Reason.ACCEPTED].words
    return _WORDS.get(code, f"code {code}").partition(",")[0]


@dataclass(slots=True)
class Live:
    """The counts behind the live line; network messages are no decisions and are left out."""

    budget_s: float
    started: float = field(default_factory=time.monotonic)
    reasons: Counter[str] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=Histogram)
    misses: int = 0
    answered: int = 0
    _last: tuple[float, int] = (0.0, 0)

    def settled(self, settled: Settled) -> None:
        """Count what became of one request."""
        if settled.mti[1] == "8":
            return
        self.reasons[words_of(settled.mti, settled.code)] += 1
        if settled.code:
            self.answered += 1
            self.latency.record(settled.response_ns)
            self.misses += settled.response_ns > self.budget_s * 1e9

    def line(self) -> str:
        """Write the state of this moment; the rate is that since the line before, the commonest decline comes first."""
        now = time.monotonic()
        before, count = self._last if self._last[0] else (self.started, 0)
        rate = (self.answered - count) / max(now - before, 1e-9)
        self._last = (now, self.answered)
        approved, accepted = self.reasons["approved"], self.reasons["accepted"]
        declined = ", ".join(
            f"{number} {words}" for words, number in self.reasons.most_common() if words not in {"approved", "accepted"}
        )
        p50, p99 = (self.latency.percentile(percent) / 1e6 for percent in (50, 99))
        return (
            f"{now - self.started:4.0f} s  {rate:3.0f}/s  {approved} approved  {accepted} accepted  "
            f"p50 {p50:.1f} p99 {p99:.1f} of {self.budget_s * 1000:g} ms, {self.misses} over"
            + (f"  declined: {declined}" if declined else "")
        )


def rewritten(line: str, columns: int, rows: int) -> tuple[str, int]:
    r"""Fold a line to a terminal's width and put it in place of the `rows` rows before; give the new number too.

    >>> rewritten("one two", 6, 2)
    ('\r\x1b[1A\x1b[Jone\n  two', 2)
    """
    folded = textwrap.wrap(line, max(columns - 1, 1), subsequent_indent="  ", break_on_hyphens=False)
    up = f"\x1b[{rows - 1}A" if rows > 1 else ""
    return f"\r{up}\x1b[J" + "\n".join(folded), len(folded)


class FileOutcome(NamedTuple):
    """A payment file: the report written for it and what that says; `report` is "" where none came."""

    report: str
    message: str
    group_status: str
    transactions: tuple[tuple[str, str, str], ...]  # end-to-end id, status, reason


class InstantOutcome(NamedTuple):
    """An instant payment: its status ("" where none came), reason and time in seconds."""

    status: str
    reason: str
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that a run of the demo has to say."""

    ok: bool
    missing: tuple[str, ...]  # what was expected and did not come, in words
    report: Report
    reasons: Mapping[str, int]
    before: Mapping[str, AccountRow]
    after: Mapping[str, AccountRow]
    file: FileOutcome
    instant: InstantOutcome

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON."""
        latency = self.report.overall(self.report.response)
        return {
            "ok": self.ok,
            "missing": list(self.missing),
            "decisions": dict(self.reasons),
            "latency": latency.to_dict(),
            "budget_us": self.report.budget_ns / 1000,
            "budget_misses": self.report.budget_misses,
            "balances": [
                {
                    "account": row.id,
                    "currency": money.alphabetic(row.currency),
                    "available_before": None if (was := self.before.get(row.id)) is None else was.available,
                    "available_after": row.available,
                    "posted_after": row.posted,
                    "held_after": row.held,
                }
                for row in _customers(self.after)
            ],
            "file": {**self.file._asdict(), "transactions": [list(row) for row in self.file.transactions]},
            "instant": self.instant._asdict(),
            "replay": self.report.to_dict(),
        }

    def text(self) -> str:
        """Write it for people."""
        parts = [*self._cards(), "", *self._sepa(), "", *self._balances(), ""]
        if not self.report.ok:
            parts += [self.report.text(), ""]
        return "\n".join((*parts, self._verdict()))

    def _cards(self) -> Sequence[str]:
        report = self.report
        latency = report.overall(report.response)
        points = {"p50": 50, "p99": 99, "p99.9": 99.9, "max": 100}
        figures = ", ".join(f"{name} {latency.percentile(percent) / 1e6:.1f} ms" for name, percent in points.items())
        same = report.outcomes[ReplayOutcome.EQUAL] + report.outcomes[ReplayOutcome.OVER_BUDGET]
        return (
            f"Card traffic: {report.events} recorded requests in {report.seconds:.1f} s; {same} answered as recorded",
            *(f"  {number:5d}  {words}" for words, number in sorted(self.reasons.items(), key=lambda row: -row[1])),
            f"  latency from the intended send: {figures}",
            f"  over the budget of {report.budget_ns / 1e6:g} ms: {report.budget_misses}",
        )

    def _sepa(self) -> Sequence[str]:
        file, instant = self.file, self.instant
        took = f"{instant.latency_s * 1000:.1f} ms" if instant.status else "no answer"
        reason = f" {instant.reason}" if instant.reason else ""
        return (
            f"Payment file: {file.message or 'no'} report, group status {file.group_status or '-'}",
            *(f"  {name:10} {status} {why}".rstrip() for name, status, why in file.transactions),
            f"  written to {file.report or '-'}",
            f"Instant payment: pacs.002 {instant.status or '-'}{reason} in {took}",
        )

    def _balances(self) -> Sequence[str]:
        lines = ["Account                  available before   available after     held"]
        for row in _customers(self.after):
            was = self.before.get(row.id)
            before = "" if was is None else money.show(was.available, row.currency)
            held = money.show(row.held, row.currency)
            lines.append(f"  {row.id:20} {before:>18} {money.show(row.available, row.currency):>17} {held:>13}")
        return lines

    def _verdict(self) -> str:
        return "Every expected answer came." if self.ok else "NOT as expected: " + "; ".join(self.missing)


def _customers(rows: Mapping[str, AccountRow]) -> list[AccountRow]:
    """Give the accounts that people ask about first: customers, then the bank's own."""
    return sorted(rows.values(), key=lambda row: (row.kind != "customer", row.id))
