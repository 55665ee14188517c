"""The report of a replay: what was equal, what differed and how, and how long the answers took.

Every request has exactly one outcome. Response time counts from the intended send, service time from the actual one;
the difference is the player's own schedule slip, which has its own figures: a run that could not keep its schedule
says so instead of claiming latencies.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import NamedTuple

from twinrail.codecs.iso8583 import Message
from twinrail.simulators.histogram import Histogram

GROUPS_MAX = 200  # groups of field differences
DIVERGENCES_MAX = 10_000  # cards with a difference
_SHOWN = 20  # rows of a table in the text


@unique
class Outcome(StrEnum):
    """What became of one event."""

    EQUAL = "equal"  # answered in budget, no unexplained difference
    DIFFERENT = "different"  # answered in time, a compared element differs
    OVER_BUDGET = "over budget"  # answered before the deadline, beyond the latency budget
    LATE = "late"  # answered after the deadline; its elements are compared all the same
    UNANSWERED = "unanswered"
    UNMATCHED = "unmatched"  # an answer that fits no request
    UNPARSED = "unparsed"  # bytes that are no message
    DUPLICATE = "duplicate"  # a second answer
    REFUSED = "refused"  # the link was not there when the event was due
    NOT_SENT = "not sent"  # its cause never came, or the recording holds only its length


FAILURES = frozenset(Outcome) - {Outcome.EQUAL, Outcome.OVER_BUDGET, Outcome.NOT_SENT}


@unique
class Compare(StrEnum):
    """How an element that may vary between two runs is compared."""

    IGNORE = "ignore"
    SHAPE = "same shape"  # both present, same length
    PRESENCE = "presence"  # both present


# Elements that a second run may answer otherwise without being wrong (times, numbers the issuer gives, texts, MACs).
# What is echoed is computed first, by shifting the recorded answer like its request; the rules only excuse the rest.
VARYING: dict[int, Compare] = {
    7: Compare.IGNORE, 12: Compare.IGNORE, 13: Compare.IGNORE, 15: Compare.IGNORE, 37: Compare.SHAPE,
    38: Compare.SHAPE, 44: Compare.PRESENCE, 55: Compare.PRESENCE, 64: Compare.IGNORE, 128: Compare.IGNORE,
}  # fmt: skip


class Difference(NamedTuple):
    """One element that differs: `kind` is missing, extra or changed."""

    path: str
    kind: str


def compare(expected: Message, given: Message) -> list[Difference]:
    """List the differences between the recorded answer, shifted like its request, and the one that came."""
    differences = []
    if expected.mti != given.mti:
        differences.append(Difference("mti", "changed"))
    for number in sorted(expected.elements.keys() | given.elements.keys()):
        wanted, got = expected.elements.get(number), given.elements.get(number)
        if wanted == got:
            continue
        rule = VARYING.get(number)
        if rule is Compare.IGNORE:
            continue
        if wanted is None or got is None:
            differences.append(Difference(str(number), "extra" if wanted is None else "missing"))
        elif rule is None or (rule is Compare.SHAPE and len(wanted) != len(got)):
            differences.append(Difference(str(number), "changed"))
    return differences


class Pair(NamedTuple):
    """A cell of the decision matrix: DE39 as recorded and as replayed; "-" where there was no answer."""

    recorded: str
    replayed: str


@dataclass(slots=True)
class Group:
    """Differences of one kind in one place."""

    count: int
    first_event: int


@dataclass(slots=True)
class Divergence:
    """The first event of a card that went another way; what followed on that card is counted under it."""

    event: int
    mti: str
    decision: Pair
    folded: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """All figures of one replay; filled by the player. Times are nanoseconds inside, microseconds in `to_dict`."""

    recording: str = ""  # sha256 of the file
    player: str = ""
    mode: str = "original"
    speed: float = 1.0
    budget_ns: int = 0
    deadline_ns: int = 0
    events: int = 0  # requests of the recording
    seconds: float = 0.0
    torn: bool = False
    renumbered: bool = False
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)  # DE39 as replayed
    matrix: Counter[Pair] = field(default_factory=Counter)
    amounts: Counter[Pair] = field(default_factory=Counter)  # minor units of DE4, all currencies together
    groups: dict[tuple[str, str, str], Group] = field(default_factory=dict)
    not_sent: Counter[str] = field(default_factory=Counter)  # why
    divergences: dict[str, Divergence] = field(default_factory=dict)  # by card; never shown by its number
    response: dict[str, Histogram] = field(default_factory=dict)  # by MTI, from the intended send
    service: dict[str, Histogram] = field(default_factory=dict)  # by MTI, from the actual send
    slip: Histogram = field(default_factory=Histogram)
    budget_misses: int = 0

    @property
    def ok(self) -> bool:
        """Say whether every expected answer came, in time and as recorded; budget misses are a figure of their own."""
        return not any(self.outcomes[outcome] for outcome in FAILURES)

    @property
    def pace_kept(self) -> bool:
        """Say whether the player kept its schedule: p99 of its slip within a tenth of the latency budget."""
        return self.slip.percentile(99) * 10 <= self.budget_ns

    def overall(self, of: Mapping[str, Histogram]) -> Histogram:
        """Join the histograms of all MTIs."""
        joined = Histogram()
        for histogram in of.values():
            joined.merge(histogram)
        return joined

    def settle(self, outcome: Outcome) -> None:
        """Count the outcome of one event."""
        self.outcomes[outcome] += 1

    def decided(self, decision: Pair, amount: int) -> None:
        """Count a decision beside the recorded one; `amount` is DE4 in minor units."""
        self.matrix[decision] += 1
        self.amounts[decision] += amount
        if decision.replayed != "-":
            self.decisions[decision.replayed] += 1

    def differ(self, event: int, mti: str, card: str, decision: Pair, differences: list[Difference]) -> None:
        """Group the differences of one answer, and fold them under the card's first divergence."""
        for path, kind in differences:
            group = self.groups.get((mti, path, kind))
            if group is not None:
                group.count += 1
            elif len(self.groups) < GROUPS_MAX:
                self.groups[mti, path, kind] = Group(1, event)
        first = self.divergences.get(card)
        if first is not None:
            first.folded += 1
        elif len(self.divergences) < DIVERGENCES_MAX:
            self.divergences[card] = Divergence(event, mti, decision)

    def took(self, mti: str, *, response_ns: int, service_ns: int) -> None:
        """Record the times of one answer."""
        self.response.setdefault(mti, Histogram()).record(response_ns)
        self.service.setdefault(mti, Histogram()).record(service_ns)
        if response_ns > self.budget_ns:
            self.budget_misses += 1

    def to_dict(self) -> dict[str, object]:
        """Give the whole report as plain values, for JSON."""
        return {
            "recording": self.recording,
            "player": self.player,
            "mode": self.mode,
            "speed": self.speed,
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "torn": self.torn,
            "ok": self.ok,
            "outcomes": {outcome.value: self.outcomes[outcome] for outcome in Outcome if self.outcomes[outcome]},
            "decisions": dict(sorted(self.decisions.items())),
            "matrix": [
                {
                    "recorded": pair.recorded,
                    "replayed": pair.replayed,
                    "count": count,
                    "amount_minor": self.amounts[pair],
                }
                for pair, count in self._matrix_rows()
            ],
            "differences": [
                {"mti": mti, "path": path, "kind": kind, "count": group.count, "first_event": group.first_event}
                for (mti, path, kind), group in self._group_rows()
            ],
            "not_sent": dict(self.not_sent),
            "first_divergences": [
                {"event": first.event, "mti": first.mti, "decision": list(first.decision), "folded": first.folded}
                for first in sorted(self.divergences.values(), key=lambda each: each.event)
            ],
            "budget_us": self.budget_ns / 1000,
            "deadline_us": self.deadline_ns / 1000,
            "budget_misses": self.budget_misses,
            "response": {mti: histogram.to_dict() for mti, histogram in sorted(self.response.items())},
            "service": {mti: histogram.to_dict() for mti, histogram in sorted(self.service.items())},
            "slip": self.slip.to_dict(),
            "pace_kept": self.pace_kept,
        }

    def text(self) -> str:
        """Write the report for people."""
        lines = [
            f"recording {self.recording[:12]}  mode {self.mode}  speed {self.speed:g}  player {self.player}",
            f"{self.events} requests in {self.seconds:.1f} s: " + ("as recorded" if self.ok else "NOT AS RECORDED"),
            "outcomes   " + ("  ".join(f"{name} {self.outcomes[name]}" for name in Outcome if self.outcomes[name])),
        ]
        if self.torn:
            lines.append("the last line of the recording was cut short and left out")
        lines += [f"not sent   {count:6d}  {why}" for why, count in sorted(self.not_sent.items())]
        changed = [(pair, count) for pair, count in self._matrix_rows() if pair.recorded != pair.replayed]
        lines += [
            f"decision   {pair.recorded} -> {pair.replayed}  {count} times, {self.amounts[pair]} minor units"
            for pair, count in changed[:_SHOWN]
        ]
        lines += [
            f"difference {mti} element {path} {kind}: {group.count} times, first in event {group.first_event}"
            for (mti, path, kind), group in self._group_rows()[:_SHOWN]
        ]
        firsts = sorted(self.divergences.values(), key=lambda each: each.event)
        lines += [
            f"diverged   event {first.event} ({first.mti}, {first.decision.recorded} -> {first.decision.replayed}), "
            f"{first.folded} more on the same card"
            for first in firsts[:_SHOWN]
        ]
        lines += ["", *self._latency_lines()]
        return "\n".join(lines)

    def _latency_lines(self) -> list[str]:
        lines = ["            count     p50      p90      p99    p99.9      max   ms from the intended send"]
        lines += [
            f"  {mti}  {histogram.total:9d} " + "".join(f"{value / 1e6:8.2f} " for value in _points(histogram))
            for mti, histogram in sorted(self.response.items())
        ]
        lines.append(f"  slip  {self.slip.total:9d} " + "".join(f"{value / 1e6:8.2f} " for value in _points(self.slip)))
        lines.append(f"budget {self.budget_ns / 1e6:g} ms: {self.budget_misses} answers beyond it")
        if not self.pace_kept:
            lines.append(
                "the player did not keep its schedule (p99 slip above a tenth of the budget): judge no latency"
            )
        return lines

    def _matrix_rows(self) -> list[tuple[Pair, int]]:
        """Approvals that turned into declines and the reverse first, then other changes, then what stayed."""

        def rank(row: tuple[Pair, int]) -> tuple[int, int, Pair]:
            pair, count = row
            turned = (pair.recorded == "00") != (pair.replayed == "00")
            return (0 if turned else 1 if pair.recorded != pair.replayed else 2, -count, pair)

        return sorted(self.matrix.items(), key=rank)

    def _group_rows(self) -> list[tuple[tuple[str, str, str], Group]]:
        return sorted(self.groups.items(), key=lambda row: (-row[1].count, row[0]))


def _points(histogram: Histogram) -> tuple[int, ...]:
    return (*(histogram.percentile(percent) for percent in (50, 90, 99, 99.9)), histogram.largest)
