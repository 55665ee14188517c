"""The report: comparison rules, grouping, what comes first, and the verdict."""

import json

from twinrail.codecs.iso8583 import Message
from twinrail.simulators.report import Difference, Outcome, Pair, Report, compare


def reply(code: str = "00", **more: str) -> Message:
    return Message("0110", {11: "000001", 39: code, **{int(name[1:]): value for name, value in more.items()}})


def test_elements_that_vary_are_excused_by_their_rules() -> None:
    recorded = reply(e7="0102030405", e38="A00001", e44="text", e37="000000000001")
    assert compare(recorded, reply(e7="1231235959", e38="B99999", e44="other text", e37="000000000009")) == []
    assert compare(recorded, reply(e38="B9999", e44="x", e37="000000000001")) == [Difference("38", "changed")]
    assert compare(recorded, reply(e7="0102030405", e37="000000000001")) == [
        Difference("38", "missing"),
        Difference("44", "missing"),
    ]


def test_everything_else_is_exact() -> None:
    assert compare(reply("00"), reply("51", e49="978")) == [Difference("39", "changed"), Difference("49", "extra")]
    assert compare(reply(), Message("0210", {11: "000001", 39: "00"})) == [Difference("mti", "changed")]


def filled() -> Report:
    report = Report(recording="ab" * 32, budget_ns=10_000_000, deadline_ns=1_500_000_000, events=4)
    for code, replayed, outcome in (
        ("00", "00", Outcome.EQUAL),
        ("51", "61", Outcome.DIFFERENT),
        ("00", "51", Outcome.DIFFERENT),
    ):
        report.settle(outcome)
        report.decided(Pair(code, replayed), 1_000)
        report.took("0100", response_ns=2_000_000, service_ns=1_000_000)
    report.took("0100", response_ns=20_000_000, service_ns=1_000_000)
    report.differ(3, "0100", "4111111111111111", Pair("51", "61"), [Difference("39", "changed")])
    report.differ(
        9, "0100", "4111111111111111", Pair("00", "51"), [Difference("39", "changed"), Difference("38", "missing")]
    )
    report.slip.record(100)
    return report


def test_turned_approvals_come_first_and_later_differences_fold_under_the_first() -> None:
    figures = filled().to_dict()
    matrix = figures["matrix"]
    assert isinstance(matrix, list)
    assert [(row["recorded"], row["replayed"]) for row in matrix] == [("00", "51"), ("51", "61"), ("00", "00")]
    assert figures["differences"] == [
        {"mti": "0100", "path": "39", "kind": "changed", "count": 2, "first_event": 3},
        {"mti": "0100", "path": "38", "kind": "missing", "count": 1, "first_event": 9},
    ]
    assert figures["first_divergences"] == [{"event": 3, "mti": "0100", "decision": ["51", "61"], "folded": 1}]
    assert figures["budget_misses"] == 1
    assert figures["ok"] is False


def test_no_card_number_is_in_any_form_of_the_report() -> None:
    report = filled()
    assert "41111111" not in report.text() + json.dumps(report.to_dict())


def test_budget_misses_alone_do_not_fail_and_every_other_outcome_does() -> None:
    for outcome in Outcome:
        report = Report()
        report.settle(outcome)
        assert report.ok is (outcome in {Outcome.EQUAL, Outcome.OVER_BUDGET, Outcome.NOT_SENT})


def test_a_player_that_fell_behind_says_so() -> None:
    report = filled()
    assert report.pace_kept
    report.slip.record(5_000_000)
    assert not report.pace_kept
    assert "judge no latency" in report.text()
