"""Files wait for cards, not for nothing, and not for ever; all in virtual conditions."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.transports.pace import PAUSE_MAX_S, PAUSE_S, SHARE, Pace

BUDGET_NS = 1_500_000_000
ALLOWED_NS = int(BUDGET_NS * SHARE)


@dataclass
class Conditions:
    """What the switch would say, one (requests under way, predicted wait) after every pause; the last one stays."""

    story: list[tuple[int, int]]
    paused: list[float] = field(default_factory=list)

    def pace(self) -> Pace:
        return Pace(
            under_way=lambda: self._now()[0], wait_ns=lambda: self._now()[1], budget_ns=BUDGET_NS, pause=self._pause
        )

    def _now(self) -> tuple[int, int]:
        return self.story[min(len(self.paused), len(self.story) - 1)]

    async def _pause(self, seconds: float) -> None:
        self.paused.append(seconds)


async def test_nothing_waits_without_cards_however_slow_the_store_is() -> None:
    conditions = Conditions([(0, 100 * ALLOWED_NS)])
    await conditions.pace()()
    assert conditions.paused == []


async def test_nothing_waits_while_cards_have_next_to_nothing_before_them() -> None:
    conditions = Conditions([(500, ALLOWED_NS)])
    await conditions.pace()()
    assert conditions.paused == []


async def test_a_window_waits_until_what_is_before_cards_has_shrunk() -> None:
    conditions = Conditions([(9, ALLOWED_NS + 1)] * 3 + [(9, ALLOWED_NS)])
    pace = conditions.pace()
    await pace()
    assert conditions.paused == [PAUSE_S] * 3
    assert pace.pauses == 3


async def test_a_window_waits_until_the_last_card_is_answered() -> None:
    conditions = Conditions([(2, 9 * ALLOWED_NS), (1, 9 * ALLOWED_NS), (0, 9 * ALLOWED_NS)])
    await conditions.pace()()
    assert len(conditions.paused) == 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2 * ALLOWED_NS)), min_size=1))
async def test_no_window_waits_for_ever(story: list[tuple[int, int]]) -> None:
    conditions = Conditions(story)
    await conditions.pace()()
    assert sum(conditions.paused) <= PAUSE_MAX_S + PAUSE_S
    given_up = sum(conditions.paused) > PAUSE_MAX_S - PAUSE_S
    busy, wait = conditions._now()
    assert given_up or not busy or wait <= ALLOWED_NS
