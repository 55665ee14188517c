from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import NS, Bank, authorization, verdict_of

from twinrail.engine.pipeline import PASS, Decline
from twinrail.handlers.checks.check_expiry import CheckExpiry
from twinrail.schemas.reasons import Reason

EXPIRED = Decline(Reason.EXPIRED_CARD)
months = st.tuples(st.integers(24, 40), st.integers(1, 12))


def _at(year: int, month: int, day: int = 1, hour: int = 0) -> int:
    return int(datetime(2000 + year, month, day, hour, tzinfo=UTC).timestamp()) * NS


def _yymm(month: tuple[int, int]) -> str:
    return f"{month[0]:02d}{month[1]:02d}"


@given(ours=months, theirs=months, now=months)
def test_passes_while_neither_month_lies_before_this_one(
    ours: tuple[int, int], theirs: tuple[int, int], now: tuple[int, int]
) -> None:
    bank = Bank(expiry=_yymm(ours))
    verdict = verdict_of(CheckExpiry(), authorization(1, expiry=_yymm(theirs)), bank.state, _at(*now))
    assert verdict == (PASS if ours >= now and theirs >= now else EXPIRED)


@pytest.mark.parametrize(("at", "verdict"), [(_at(27, 2, 28, 23), PASS), (_at(27, 3, 1), EXPIRED)])
def test_a_card_is_good_to_the_last_day_of_its_month(at: int, verdict: object) -> None:
    assert verdict_of(CheckExpiry(), authorization(1), Bank(expiry="2702").state, at) == verdict


def test_the_month_is_worked_out_anew_on_another_day() -> None:
    bank, check = Bank(expiry="2702"), CheckExpiry()
    assert verdict_of(check, authorization(1), bank.state, _at(27, 2, 28)) is PASS
    assert verdict_of(check, authorization(1), bank.state, _at(27, 3, 1)) == EXPIRED
    assert verdict_of(check, authorization(1), bank.state, _at(27, 2, 28)) is PASS


def test_a_message_without_an_expiry_is_judged_by_our_record() -> None:
    assert verdict_of(CheckExpiry(), authorization(1), Bank(expiry="2611").state, _at(27, 1)) == EXPIRED
