"""Credit transfers on a real State: who pays whom, who is refused and why, and the checkpoint of a file."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.pipeline import Decision
from twinrail.engine.state import State
from twinrail.handlers.flows.credit_transfer import credit_transfer
from twinrail.schemas.instructions import CreditTransfer
from twinrail.schemas.journal import AccountOpened, Effect, FileAdvanced, FileOpened, Leg, PaymentSettled, Posted
from twinrail.schemas.reasons import Reason

EUR, FILE = "978", "f" * 64
SETTLEMENT = "sepa-settlement-EUR"
OURS, FRIEND, STRANGER = "a" * 32, "b" * 32, "x" * 32


class Books:
    def __init__(self, **friend: Any) -> None:
        self.state = State()
        self.seq = 0
        self.apply(
            AccountOpened(account=SETTLEMENT, kind="settlement", currency=EUR),
            AccountOpened(account="A", kind="customer", currency=EUR, iban=OURS),
            AccountOpened(**({"account": "B", "kind": "customer", "currency": EUR, "iban": FRIEND} | friend)),
            Posted(currency=EUR, legs=(Leg("A", 100_00), Leg(SETTLEMENT, -100_00))),
        )

    def apply(self, *effects: Effect) -> None:
        self.seq += 1
        self.state.apply(effects, self.seq)

    def take(self, **terms: Any) -> Decision:
        usual: dict[str, Any] = {
            "key": "k",
            "outgoing": True,
            "account": OURS,
            "counterparty": STRANGER,
            "amount": 10_00,
        }
        usual |= {"currency": EUR, "message_id": "M", "end_to_end_id": "E"}
        decision = credit_transfer(CreditTransfer(**(usual | terms)), self.state, 0)
        self.apply(*decision.effects)
        return decision

    def posted(self, account: str) -> int:
        found = self.state.account(account)
        assert found is not None
        return found.posted

    def status(self, account: str, status: str) -> None:
        found = self.state.account(account)
        assert found is not None
        found.status = status


def settled(decision: Decision) -> PaymentSettled:
    (found,) = [effect for effect in decision.effects if isinstance(effect, PaymentSettled)]
    return found


def test_outgoing_goes_to_the_settlement_account() -> None:
    books = Books()
    decision = books.take()
    assert (decision.reason, settled(decision).status) == (Reason.ACCEPTED, "ACSP")
    assert (books.posted("A"), books.posted(SETTLEMENT)) == (90_00, -90_00)


def test_outgoing_to_our_own_customer_stays_on_us() -> None:
    books = Books()
    books.take(counterparty=FRIEND)
    assert (books.posted("A"), books.posted("B"), books.posted(SETTLEMENT)) == (90_00, 10_00, -100_00)


def test_incoming_is_paid_by_the_settlement_account() -> None:
    books = Books()
    decision = books.take(outgoing=False)
    assert (decision.reason, settled(decision).status) == (Reason.ACCEPTED, "ACCP")
    assert (books.posted("A"), books.posted(SETTLEMENT)) == (110_00, -110_00)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"refused": "invalid_iban"}, Reason.INVALID_IBAN),
        ({"refused": "invalid_date", "account": STRANGER}, Reason.INVALID_DATE),
        ({"amount": 0}, Reason.INVALID_AMOUNT),
        ({"account": STRANGER}, Reason.ACCOUNT_UNKNOWN),
        ({"account": ""}, Reason.ACCOUNT_UNKNOWN),
        ({"account": STRANGER, "outgoing": False}, Reason.ACCOUNT_UNKNOWN),
        ({"currency": "840"}, Reason.CURRENCY_NOT_SERVED),
        ({"amount": 100_01}, Reason.INSUFFICIENT_FUNDS),
        ({"counterparty": OURS}, Reason.NOT_PERMITTED),
    ],
)
def test_a_refusal_is_recorded_and_moves_nothing(terms: dict[str, Any], reason: Reason) -> None:
    books = Books()
    decision = books.take(**terms)
    assert decision.reason is reason
    assert (settled(decision).status, settled(decision).reason) == ("RJCT", reason)
    assert len(decision.effects) == 1
    assert books.posted("A") == 100_00


@pytest.mark.parametrize(("status", "reason"), [("closed", Reason.ACCOUNT_CLOSED), ("blocked", Reason.ACCOUNT_BLOCKED)])
def test_an_account_that_is_not_open_refuses(status: str, reason: Reason) -> None:
    books = Books()
    books.status("B", status)
    assert books.take(counterparty=FRIEND).reason is reason
    books.status("A", status)
    assert books.take().reason is reason
    assert books.take(outgoing=False).reason is reason


def test_a_friend_in_another_currency_is_refused() -> None:
    books = Books(currency="840")
    assert books.take(counterparty=FRIEND).reason is Reason.CURRENCY_NOT_SERVED


@given(st.integers(1, 200_00), st.integers(0, 50_00))
def test_no_request_takes_available_below_zero(amount: int, credit_limit: int) -> None:
    books = Books()
    account = books.state.account("A")
    assert account is not None
    account.credit_limit = credit_limit
    decision = books.take(amount=amount)
    assert (decision.reason is Reason.ACCEPTED) == (amount <= 100_00 + credit_limit)
    assert books.state.available(account) >= 0
    assert books.posted("A") + books.posted(SETTLEMENT) == 0


def with_file(transactions: int = 3, status: str = "open") -> Books:
    books = Books()
    books.apply(
        FileOpened(file=FILE, message_id="M", initiator="I", transactions=transactions, control_sum=0, status=status)
    )
    return books


def test_a_file_advances_with_every_transaction_good_or_bad() -> None:
    books = with_file()
    books.take(file=FILE, position=1)
    books.take(file=FILE, position=2, refused="invalid_iban")
    decision = books.take(file=FILE, position=3)
    assert decision.effects[-1] == FileAdvanced(file=FILE, position=3, accepted=2, accepted_sum=20_00)


@given(st.lists(st.integers(1, 5), max_size=30))
def test_each_position_is_booked_once_and_in_order_whatever_is_handed_in(positions: list[int]) -> None:
    books = with_file(5)
    done = 0
    for position in positions:
        decision = books.take(file=FILE, position=position)
        if position == done + 1:
            done += 1
            assert decision.reason is Reason.ACCEPTED
        else:
            assert decision.effects == ()
            assert decision.reason is (Reason.ACCEPTED if position <= done else Reason.INVALID_TRANSACTION)
    assert books.posted("A") == 100_00 - done * 10_00


def test_a_file_that_is_not_open_books_nothing() -> None:
    assert Books().take(file=FILE, position=1).reason is Reason.INVALID_TRANSACTION
    books = with_file(status="refused")
    assert books.take(file=FILE, position=1).reason is Reason.INVALID_TRANSACTION
    assert books.posted("A") == 100_00
