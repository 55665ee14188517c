from typing import Any

import pytest
from tests.handlers.bank import ACCOUNT, CARD, EUR, SETTLEMENT, Bank

from twinrail.engine.pipeline import Decision
from twinrail.engine.state import State
from twinrail.handlers.flows.operator import change_account, change_card, open_account, open_card, transfer
from twinrail.schemas.instructions import ChangeAccount, ChangeCard, OpenAccount, OpenCard, Transfer
from twinrail.schemas.journal import CommandDone
from twinrail.schemas.reasons import Reason

KEPT = "an id that begins so is kept for the bank's own account of that kind and currency"


def _done(decision: Decision) -> CommandDone:
    done = decision.effects[-1]
    assert isinstance(done, CommandDone)
    assert (decision.reason is Reason.ACCEPTED) == (done.status == "done")
    return done


def _refusal(decision: Decision) -> str:
    done = _done(decision)
    assert (done.status, len(decision.effects)) == ("refused", 1)
    return done.result


def _account(**terms: Any) -> OpenAccount:
    return OpenAccount(**({"command": "k", "account": "B", "currency": EUR} | terms))


def _card(**terms: Any) -> OpenCard:
    return OpenCard(
        **({"command": "k", "card": "d" * 32, "account": ACCOUNT, "expiry": "3012", "last4": "0002"} | terms)
    )


def test_the_first_account_of_a_currency_brings_its_settlement_accounts() -> None:
    bank = Bank()
    decision = bank.decide(open_account, _account(currency="392", credit_limit=5))
    assert _done(decision).command == "k"
    accounts = bank.state.ledger.accounts
    assert {"card-settlement-JPY", "sepa-settlement-JPY", "suspense-JPY", "B"} <= set(accounts)
    assert (accounts["suspense-JPY"].kind, accounts["card-settlement-JPY"].kind) == ("suspense", "settlement")
    assert bank.available == 100_00
    assert bank.state.available(accounts["B"]) == 5
    again = bank.decide(open_account, _account(account="C", currency="392"))
    assert [type(effect).__name__ for effect in again.effects] == ["AccountOpened", "CommandDone"]


def test_a_settlement_account_may_be_opened_by_name() -> None:
    state = State()
    decision = open_account(_account(account=SETTLEMENT, kind="settlement"), state, 0)
    state.apply(decision.effects, 1)
    assert state.ledger.accounts[SETTLEMENT].kind == "settlement"


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"currency": "EUR"}, "unknown currency (ISO 4217 numeric, as in 978)"),
        ({"kind": "house"}, "kind is one of customer, settlement, suspense"),
        ({"account": ""}, "an account id has 1 to 35 letters, digits and . _ : / -"),
        ({"account": "x" * 36}, "an account id has 1 to 35 letters, digits and . _ : / -"),
        ({"account": "Köln"}, "an account id has 1 to 35 letters, digits and . _ : / -"),
        ({"credit_limit": -1}, "a credit limit is not negative and below 10^15 minor units"),
        ({"credit_limit": 10**15}, "a credit limit is not negative and below 10^15 minor units"),
        ({"account": ACCOUNT}, "account exists"),
        ({"iban": "i" * 32}, "another account has this IBAN"),
        ({"account": "card-settlement-USD", "kind": "settlement"}, KEPT),
        ({"account": "sepa-settlement-JPY", "currency": "392"}, KEPT),
        ({"account": "suspense-JPY", "currency": "392", "kind": "settlement"}, KEPT),
    ],
)
def test_an_account_that_cannot_be_is_refused_in_words(terms: dict[str, Any], why: str) -> None:
    assert _refusal(Bank().decide(open_account, _account(**terms))) == why


def test_an_account_changes_only_where_told() -> None:
    bank = Bank(credit_limit=7)
    bank.decide(change_account, ChangeAccount(command="k", account=ACCOUNT, status="blocked"))
    assert (bank.account.status, bank.account.credit_limit) == ("blocked", 7)
    bank.decide(change_account, ChangeAccount(command="k", account=ACCOUNT, credit_limit=9))
    assert (bank.account.status, bank.account.credit_limit) == ("blocked", 9)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"account": "nobody"}, "no such account"),
        ({"status": "asleep"}, "status is one of open, blocked, closed"),
        ({"credit_limit": -1}, "a credit limit is not negative and below 10^15 minor units"),
        ({"status": "closed"}, "an account with a balance or holds cannot be closed"),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_words(terms: dict[str, Any], why: str) -> None:
    command = ChangeAccount(**({"command": "k", "account": ACCOUNT} | terms))
    assert _refusal(Bank().decide(change_account, command)) == why


def test_an_empty_account_can_be_closed() -> None:
    bank = Bank(balance=0)
    bank.decide(change_account, ChangeAccount(command="k", account=ACCOUNT, status="closed"))
    assert bank.account.status == "closed"


def test_a_card_is_issued_and_changed() -> None:
    bank = Bank()
    bank.decide(open_card, _card(amount_limit=50))
    card = bank.state.ledger.cards["d" * 32]
    assert (card.account, card.expiry, card.status, card.amount_limit) == (ACCOUNT, "3012", "active", 50)
    bank.decide(change_card, ChangeCard(command="k", card="d" * 32, status="frozen"))
    assert (card.expiry, card.status, card.amount_limit) == ("3012", "frozen", 50)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"account": "nobody"}, "no such open account"),
        ({"card": CARD}, "card exists"),
        ({"status": "asleep"}, "status is one of active, inactive, frozen, lost, stolen, closed"),
        ({"expiry": "3013"}, "expiry is YYMM"),
        ({"expiry": "30-1"}, "expiry is YYMM"),
        ({"amount_limit": -1}, "a limit is not negative and below 10^15 minor units"),
        ({"last4": "12345"}, "last4 is four digits"),
        ({"last4": "x234"}, "last4 is four digits"),
    ],
)
def test_a_card_that_cannot_be_is_refused_in_words(terms: dict[str, Any], why: str) -> None:
    assert _refusal(Bank().decide(open_card, _card(**terms))) == why


def test_an_unknown_card_cannot_be_changed() -> None:
    assert _refusal(Bank().decide(change_card, ChangeCard(command="k", card="d" * 32))) == "no such card"
    assert _refusal(Bank().decide(change_card, ChangeCard(command="k", card=CARD, expiry="9"))) == "expiry is YYMM"


def _transfer(**terms: Any) -> Transfer:
    shared: dict[str, Any] = {"command": "k", "debit": ACCOUNT, "credit": SETTLEMENT, "amount": 1, "currency": EUR}
    return Transfer(**(shared | terms))


def test_a_transfer_moves_money_and_never_overdraws_a_customer() -> None:
    bank = Bank(credit_limit=5)
    bank.decide(transfer, _transfer(amount=100_05))
    assert bank.account.posted == -5
    assert _refusal(bank.decide(transfer, _transfer())) == "insufficient funds"
    bank.decide(transfer, _transfer(debit=SETTLEMENT, credit=ACCOUNT, amount=10**9))
    assert bank.account.posted == 10**9 - 5


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"debit": "nobody"}, "no such account"),
        ({"credit": "nobody"}, "no such account"),
        ({"credit": ACCOUNT}, "debit and credit are the same account"),
        ({"currency": "840"}, "the accounts are not both in this currency"),
        ({"amount": 0}, "an amount is above zero and below 10^15 minor units"),
        ({"amount": -5}, "an amount is above zero and below 10^15 minor units"),
        ({"amount": 10**15}, "an amount is above zero and below 10^15 minor units"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_in_words(terms: dict[str, Any], why: str) -> None:
    assert _refusal(Bank().decide(transfer, _transfer(**terms))) == why
