from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import AT, EUR, authorization

from twinrail.engine.pipeline import PASS, Check, Decline, Hold, Judgement, Pass, Pipeline, Stage, Subject, Verdict
from twinrail.engine.state import State
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

REFUSALS = [Reason.UNKNOWN_CARD, Reason.AMOUNT_LIMIT, Reason.EXPIRED_CARD]
verdicts = st.one_of(
    st.just(PASS),
    st.sampled_from(REFUSALS).map(Decline),
    st.integers(1, 9).map(lambda amount: Pass(Hold("A", amount, EUR))),
)


def _saying(verdict: Verdict, heard: list[str], name: str) -> Check:
    def check(_instruction: CardMessage, _subject: Subject, _at: int, /) -> Verdict:
        heard.append(name)
        return verdict

    return check


@given(st.lists(st.lists(verdicts, min_size=1, max_size=3), max_size=4))
def test_the_first_stage_with_a_decline_ends_it_and_its_first_decline_names_the_reason(
    stages: list[list[Verdict]],
) -> None:
    heard: list[str] = []
    rows = tuple(
        Stage(f"s{index}", tuple((f"c{n}", _saying(verdict, heard, f"s{index}.c{n}")) for n, verdict in enumerate(row)))
        for index, row in enumerate(stages)
    )
    judgement = Pipeline(rows, "v1").judge(authorization(1), State(), AT)
    ends = next(
        (index for index, row in enumerate(stages) if any(isinstance(verdict, Decline) for verdict in row)), None
    )
    if ends is None:
        holds = tuple(v.hold for row in stages for v in row if isinstance(v, Pass) and v.hold is not None)
        assert judgement == Judgement(Reason.APPROVED, holds)
        return
    declines = [(n, v.reason) for n, v in enumerate(stages[ends]) if isinstance(v, Decline)]
    assert judgement.reason is declines[0][1]
    assert judgement.holds == ()
    assert judgement.trace == tuple(f"s{ends}.c{n}: {reason}" for n, reason in declines)
    assert {f"s{ends}.c{n}" for n in range(len(stages[ends]))} <= set(heard)  # all checks of the stage ran
    assert not any(name.startswith(f"s{index}.") for name in heard for index in range(ends + 1, len(stages)))


def test_a_pipeline_without_stages_approves_and_holds_nothing() -> None:
    assert Pipeline((), "v1").judge(authorization(1), State(), AT) == Judgement(Reason.APPROVED)
