from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import AUTHORIZE, FINANCIAL, NS, Bank, authorization, financial, markers

from twinrail.handlers.flows.hold import expire_hold, release_hold, watch_late
from twinrail.schemas.instructions import ExpireHold, ReleaseHold, WatchLate
from twinrail.schemas.journal import FLAG_EXPIRED, FLAG_LATE, FLAG_OPEN, FLAG_REVERSED, CommandDone, ObligationMet
from twinrail.schemas.reasons import Reason


@given(lived_s=st.integers(0, 20))
def test_h1_a_hold_is_released_when_its_time_is_up_and_not_before(lived_s: int) -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, hold_expiry_s=10))
    bank.at = bank.newest.expires_at - 10 * NS + lived_s * NS
    bank.decide(expire_hold, ExpireHold(authorization=bank.newest.id))
    assert bank.account.held == (0 if lived_s >= 10 else 30_00)
    assert bank.newest.flags == (FLAG_EXPIRED if lived_s >= 10 else FLAG_OPEN)


def test_h1_once_is_enough() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, hold_expiry_s=0))
    bank.decide(expire_hold, ExpireHold(authorization=bank.newest.id))
    assert bank.decide(expire_hold, ExpireHold(authorization=bank.newest.id)).effects == ()
    assert bank.decide(expire_hold, ExpireHold(authorization=99)).effects == ()


def test_h2_an_operator_releases_a_hold_once() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    number = bank.newest.id
    decision = bank.decide(release_hold, ReleaseHold(command="k1", authorization=number))
    assert decision.effects[-1] == CommandDone(command="k1", status="done", result="released 3000")
    assert (bank.account.held, bank.newest.flags) == (0, FLAG_REVERSED)
    again = bank.decide(release_hold, ReleaseHold(command="k2", authorization=number))
    assert again.reason is Reason.ORIGINAL_NOT_FOUND
    assert again.effects[-1] == CommandDone(command="k2", status="refused", result="no open authorization of that id")


def test_l3_a_late_posting_is_shown_to_a_person_once() -> None:
    bank = Bank()
    bank.decide(FINANCIAL, financial(30_00))
    bank.newest.flags |= FLAG_LATE
    number = bank.newest.id
    assert markers(bank.decide(watch_late, WatchLate(authorization=number))) == ["LATE_POSTING"]
    again = bank.decide(watch_late, WatchLate(authorization=number))
    assert again.effects == (ObligationMet(obligation=f"late-posting-{number}"),)
