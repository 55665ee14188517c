"""Hundreds of seeded worlds: nothing is found in them, and they hold what could have been found."""

from collections import Counter

import pytest

from twinrail.assembly import flows
from twinrail.schemas.iso8583.profiles import PROFILES
from twinrail.simulators.world import run

SEEDS, CHUNK = 300, 50
FLOWS = flows()
# Faults and states that every chunk must have seen so often; a run without them would prove nothing.
SOMETIMES = {
    **dict.fromkeys(("lost", "duplicated", "delayed", "split", "coalesced", "reset", "given_up"), 3),
    **dict.fromkeys(("malformed_bits", "malformed_length", "malformed_noise", "malformed_short"), 3),
    **dict.fromkeys(("early_reversal", "reversed", "reversed_unanswered", "advised", "repeated"), 20),
    **dict.fromkeys(("retried", "reused", "switch_duplicates", "switch_duplicate_other_content"), 3),
    **dict.fromkeys(("commit_failed", "commit_lost", "commit_still_open", "commit_written_reply_lost"), 3),
    **dict.fromkeys(("commit_stalled", "store_away", "answer_slow", "asked_store", "clock_step"), 3),
    **dict.fromkeys(("crash", "second_owner", "halted_fenced", "drained"), 1),
    **dict.fromkeys(("switch_late", "switch_refused_issuer_unavailable", "switch_malformed", "closed_by_engine"), 5),
    **dict.fromkeys(("half_open", "command_fund", "command_freeze", "command_release"), 1),
}


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_worlds_hold_nothing_to_find(first: int) -> None:
    seen: Counter[str] = Counter()
    approvals = decided = 0
    for seed in range(first, first + CHUNK):
        outcome = run(seed, flows=FLOWS)
        assert outcome.good, f"seed {seed}: {outcome.findings}"
        seen.update(outcome.counters)
        approvals += outcome.approvals
        decided += outcome.approvals + outcome.declines + outcome.refusals
    missing = {what: seen[what] for what, least in SOMETIMES.items() if seen[what] < least}
    assert not missing, f"seeds from {first}: too rarely seen"
    assert 0.2 < approvals / decided < 0.8


@pytest.mark.parametrize(
    "names",
    [
        ("card-1993", "card-2003", "base1-like"),
        ("mds-like", "pos-tpdu", "base24-like"),
        ("card-1993-bcd", "ifsf-like", "amex-like"),
        ("elavon-like", "postilion-like", "base1-like"),
    ],
    ids=lambda names: names[0],
)
def test_worlds_of_other_versions_headers_and_sign_ons_hold_nothing_either(names: tuple[str, ...]) -> None:
    profiles = [PROFILES[name] for name in names]
    approvals = reversed_or_advised = 0
    for seed in range(2000, 2015):
        outcome = run(seed, flows=FLOWS, profiles=profiles)
        assert outcome.good, f"seed {seed}: {outcome.findings}"
        approvals += outcome.approvals
        reversed_or_advised += sum(outcome.counters.get(what, 0) for what in ("reversed", "advised"))
    assert approvals > 200
    assert reversed_or_advised > 50


def test_a_world_is_mostly_traffic_and_not_waiting() -> None:
    outcomes = [run(seed, flows=FLOWS) for seed in range(1000, 1010)]
    assert sum(outcome.answers for outcome in outcomes) > sum(outcome.virtual_s for outcome in outcomes)
