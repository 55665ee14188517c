"""Operator commands: open and change accounts and cards, and book between accounts (decision table H2).

Every command is journaled; one that cannot be carried out is refused with a sentence for the person who gave it.
"""

import re

from twinrail.engine.pipeline import Decision, View
from twinrail.money import CURRENCIES
from twinrail.schemas.instructions import ChangeAccount, ChangeCard, Command, OpenAccount, OpenCard, Transfer
from twinrail.schemas.journal import (
    AccountChanged,
    AccountOpened,
    CardChanged,
    CardOpened,
    CommandDone,
    Effect,
    Leg,
    Posted,
)
from twinrail.schemas.reasons import Reason

ACCOUNT_KINDS = frozenset({"customer", "settlement", "suspense"})
ACCOUNT_STATUSES = frozenset({"open", "blocked", "closed"})
CARD_STATUSES = frozenset({"active", "inactive", "frozen", "lost", "stolen", "closed"})
AMOUNT_MAX = 10**15
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9._:/-]{1,35}", re.ASCII)
RAILS = ("card", "sepa", "suspense")  # every currency has a settlement account a rail, and a suspense account
OWN = ("card-settlement-", "sepa-settlement-", "suspense-")  # how the ids of those accounts begin


def _refused(command: Command, why: str) -> Decision:
    done = CommandDone(command=command.command, status="refused", result=why)
    return Decision(reason=Reason.INVALID_TRANSACTION, effects=(done,))


def _done(command: Command, *effects: Effect, result: str = "") -> Decision:
    done = CommandDone(command=command.command, status="done", result=result)
    return Decision(reason=Reason.ACCEPTED, effects=(*effects, done))


def open_account(command: OpenAccount, view: View, _at: int, /) -> Decision:
    """Open an account; the settlement and suspense accounts of its currency come with the first one."""
    if command.currency not in CURRENCIES:
        return _refused(command, "unknown currency (ISO 4217 numeric, as in 978)")
    if command.kind not in ACCOUNT_KINDS:
        return _refused(command, "kind is one of customer, settlement, suspense")
    if not _ACCOUNT_ID.fullmatch(command.account):
        return _refused(command, "an account id has 1 to 35 letters, digits and . _ : / -")
    if not 0 <= command.credit_limit < AMOUNT_MAX:
        return _refused(command, "a credit limit is not negative and below 10^15 minor units")
    if view.account(command.account) is not None:
        return _refused(command, "account exists")
    if command.iban and view.account_by_iban(command.iban) is not None:
        return _refused(command, "another account has this IBAN")
    bank = {view.settlement(command.currency, rail): _kind_of(rail) for rail in RAILS}
    if command.account.startswith(OWN) and bank.get(command.account) != command.kind:
        return _refused(command, "an id that begins so is kept for the bank's own account of that kind and currency")
    effects: list[Effect] = [
        AccountOpened(account=own, kind=kind, currency=command.currency)
        for own, kind in bank.items()
        if own != command.account and view.account(own) is None
    ]
    effects.append(
        AccountOpened(
            account=command.account,
            kind=command.kind,
            currency=command.currency,
            credit_limit=command.credit_limit,
            iban=command.iban,
            iban_last4=command.iban_last4,
        )
    )
    return _done(command, *effects)


def _kind_of(rail: str) -> str:
    return "suspense" if rail == "suspense" else "settlement"


def change_account(command: ChangeAccount, view: View, _at: int, /) -> Decision:
    """Change an account's status or credit limit."""
    account = view.account(command.account)
    if account is None:
        return _refused(command, "no such account")
    status = account.status if command.status is None else command.status
    limit = account.credit_limit if command.credit_limit is None else command.credit_limit
    if status not in ACCOUNT_STATUSES:
        return _refused(command, "status is one of open, blocked, closed")
    if not 0 <= limit < AMOUNT_MAX:
        return _refused(command, "a credit limit is not negative and below 10^15 minor units")
    if status == "closed" and (account.posted or account.held):
        return _refused(command, "an account with a balance or holds cannot be closed")
    return _done(command, AccountChanged(account=account.id, status=status, credit_limit=limit))


def open_card(command: OpenCard, view: View, _at: int, /) -> Decision:
    """Issue a card on an open account."""
    account = view.account(command.account)
    if account is None or account.status == "closed":
        return _refused(command, "no such open account")
    if view.card(command.card) is not None:
        return _refused(command, "card exists")
    why = _card_fault(command.status, command.expiry, command.amount_limit)
    if why:
        return _refused(command, why)
    if not (len(command.last4) == 4 and command.last4.isascii() and command.last4.isdigit()):
        return _refused(command, "last4 is four digits")
    opened = CardOpened(
        card=command.card,
        account=account.id,
        expiry=command.expiry,
        last4=command.last4,
        status=command.status,
        amount_limit=command.amount_limit,
    )
    return _done(command, opened)


def change_card(command: ChangeCard, view: View, _at: int, /) -> Decision:
    """Change a card's status, expiry or limit."""
    card = view.card(command.card)
    if card is None:
        return _refused(command, "no such card")
    status = card.status if command.status is None else command.status
    expiry = card.expiry if command.expiry is None else command.expiry
    limit = card.amount_limit if command.amount_limit is None else command.amount_limit
    why = _card_fault(status, expiry, limit)
    if why:
        return _refused(command, why)
    return _done(command, CardChanged(card=card.token, status=status, expiry=expiry, amount_limit=limit))


def _card_fault(status: str, expiry: str, limit: int) -> str:
    if status not in CARD_STATUSES:
        return "status is one of active, inactive, frozen, lost, stolen, closed"
    if not (len(expiry) == 4 and expiry.isascii() and expiry.isdigit() and "01" <= expiry[2:] <= "12"):
        return "expiry is YYMM"
    if not 0 <= limit < AMOUNT_MAX:
        return "a limit is not negative and below 10^15 minor units"
    return ""


def transfer(command: Transfer, view: View, _at: int, /) -> Decision:
    """Book an amount from one account to another; a customer's account is never overdrawn by it."""
    debit, credit = view.account(command.debit), view.account(command.credit)
    if debit is None or credit is None:
        return _refused(command, "no such account")
    if debit.id == credit.id:
        return _refused(command, "debit and credit are the same account")
    if debit.currency != command.currency or credit.currency != command.currency:
        return _refused(command, "the accounts are not both in this currency")
    if debit.status == "closed" or credit.status == "closed":
        return _refused(command, "account closed")
    if not 0 < command.amount < AMOUNT_MAX:
        return _refused(command, "an amount is above zero and below 10^15 minor units")
    if debit.kind == "customer" and command.amount > view.available(debit):
        return _refused(command, "insufficient funds")
    posted = Posted(
        currency=command.currency,
        legs=(Leg(debit.id, -command.amount), Leg(credit.id, command.amount)),
        text=command.text[:140],
    )
    return _done(command, posted)
