import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.journal import TABLES, slot_of
from twinrail.engine.ledger import Account, Card, Ledger
from twinrail.errors import InvariantBroken
from twinrail.schemas.journal import AccountChanged, AccountOpened, CardChanged, CardOpened, Leg, Posted

EUR, JPY = "978", "392"


def _ledger(*currencies: str) -> Ledger:
    ledger = Ledger()
    for number, currency in enumerate(currencies or (EUR, EUR, EUR)):
        ledger.account_opened(AccountOpened(account=f"A{number}", kind="customer", currency=currency), number + 1)
    return ledger


amounts = st.integers(-(10**12), 10**12)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), amounts), max_size=20))
def test_postings_always_sum_to_zero(moves: list[tuple[int, int, int]]) -> None:
    ledger = _ledger()
    for seq, (debit, credit, amount) in enumerate(moves, 10):
        ledger.posted(Posted(currency=EUR, legs=(Leg(f"A{debit}", -amount), Leg(f"A{credit}", amount))), seq)
        assert sum(row.posted for row in ledger.accounts.values()) == 0
        assert ledger.accounts[f"A{debit}"].changed_seq == seq


@given(amounts, amounts)
def test_a_posting_that_does_not_sum_to_zero_is_a_defect(one: int, other: int) -> None:
    posted = Posted(currency=EUR, legs=(Leg("A0", one), Leg("A1", other)))
    if one + other:
        with pytest.raises(InvariantBroken, match="does not sum to zero"):
            _ledger().posted(posted, 9)
    else:
        _ledger().posted(posted, 9)


def test_a_posting_in_another_currency_is_a_defect() -> None:
    with pytest.raises(InvariantBroken, match="another currency"):
        _ledger(EUR, JPY).posted(Posted(currency=EUR, legs=(Leg("A0", -1), Leg("A1", 1))), 9)


@given(posted=amounts, held=st.integers(0, 10**12), limit=st.integers(0, 10**12))
def test_available_is_posted_less_held_plus_limit(posted: int, held: int, limit: int) -> None:
    ledger = _ledger()
    row = ledger.accounts["A0"]
    row.posted, row.held, row.credit_limit = posted, held, limit
    assert Ledger.available(row) == posted - held + limit


def test_held_below_zero_is_a_defect() -> None:
    ledger = _ledger()
    ledger.move_held("A0", 5, 9)
    ledger.move_held("A0", -5, 10)
    assert ledger.changed_accounts["A0"].held == 0
    with pytest.raises(InvariantBroken, match="held below zero"):
        ledger.move_held("A0", -1, 11)


def test_rows_stand_in_the_order_of_their_columns() -> None:
    for row, table in ((Account, "account"), (Card, "card")):
        assert row.__struct_fields__ == tuple(column.name for column in TABLES[table].columns)


def test_an_account_is_found_by_its_iban_token_and_opened_once() -> None:
    ledger = Ledger()
    opened = AccountOpened(account="A", kind="customer", currency=EUR, credit_limit=7, iban="t1", iban_last4="0001")
    ledger.account_opened(opened, 4)
    row = ledger.by_iban["t1"]
    assert (row.id, row.slot, row.status, row.credit_limit, row.opened_seq) == ("A", slot_of("A"), "open", 7, 4)
    with pytest.raises(InvariantBroken, match="opened twice"):
        ledger.account_opened(opened, 5)
    with pytest.raises(InvariantBroken, match="one IBAN on two accounts"):
        ledger.account_opened(AccountOpened(account="B", kind="customer", currency=EUR, iban="t1"), 6)


def test_accounts_and_cards_take_their_new_values() -> None:
    ledger = _ledger()
    ledger.account_changed(AccountChanged(account="A0", status="blocked", credit_limit=5), 9)
    assert (ledger.accounts["A0"].status, ledger.accounts["A0"].credit_limit) == ("blocked", 5)
    card = CardOpened(card="c", account="A0", expiry="3012", last4="1111", status="active")
    ledger.card_opened(card, 10)
    ledger.card_changed(CardChanged(card="c", status="lost", expiry="3101", amount_limit=9), 11)
    assert ledger.changed_cards["c"] == Card("c", "A0", "3101", "1111", "lost", 9, "")


@pytest.mark.parametrize(
    ("effect", "problem"),
    [
        (CardOpened(card="c", account="A0", expiry="3012", last4="1", status="active"), "opened twice"),
        (CardOpened(card="d", account="nobody", expiry="3012", last4="1", status="active"), "without its account"),
    ],
)
def test_a_card_out_of_nowhere_is_a_defect(effect: CardOpened, problem: str) -> None:
    ledger = _ledger()
    ledger.card_opened(CardOpened(card="c", account="A0", expiry="3012", last4="1111", status="active"), 5)
    with pytest.raises(InvariantBroken, match=problem):
        ledger.card_opened(effect, 6)
    with pytest.raises(InvariantBroken, match="unknown card"):
        ledger.card_changed(CardChanged(card="x", status="lost", expiry="3101", amount_limit=0), 7)
