from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.handlers.bank import AUTHORIZE, FINANCIAL, Bank, authorization, financial, reversal

from twinrail.engine.journal import TABLES
from twinrail.engine.ledger import Ledger
from twinrail.engine.lifecycle import (
    KEY_IDS_MAX,
    Lifecycle,
    Lifecycles,
    Tombstone,
    approval_code,
    kept_late,
    released,
    stays,
    taken_back,
)
from twinrail.errors import InvariantBroken
from twinrail.handlers.flows.credit_transfer import credit_transfer
from twinrail.handlers.flows.reversal import decide_reversal
from twinrail.schemas.instructions import CreditTransfer
from twinrail.schemas.journal import (
    FLAG_DECLINED,
    FLAG_DIRECT,
    FLAG_EXPIRED,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    AccountOpened,
    Changed,
    Entry,
    ObligationSet,
    Opened,
    PaymentSettled,
    Tombstoned,
)

EUR = "978"


def _lifecycles(closed_max: int = 100) -> tuple[Lifecycles, Ledger]:
    ledger = Ledger()
    ledger.account_opened(AccountOpened(account="A", kind="customer", currency=EUR), 1)
    return Lifecycles(ledger, closed_max), ledger


def _opened(remaining: int = 5, keys: tuple[int, ...] = (7, 8), **more: Any) -> Opened:
    terms: dict[str, Any] = {"authorized": remaining, "flags": FLAG_OPEN if remaining else FLAG_DECLINED}
    return Opened(account="A", card="c", currency=EUR, remaining=remaining, life_keys=keys, **(terms | more))


def _row(number: int, flags: int = FLAG_REVERSED, life_hash: int = 7, origin_hash: int = 0) -> Lifecycle:
    return Lifecycle(number, "A", "c", EUR, 0, 0, 0, 0, flags, 0, life_hash, origin_hash, number)


def test_rows_stand_in_the_order_of_their_columns() -> None:
    for row, table in ((Lifecycle, "authorization"), (Tombstone, "tombstone")):
        assert row.__struct_fields__ == tuple(column.name for column in TABLES[table].columns)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=10), st.data())
def test_held_follows_what_remains(amounts: list[int], data: st.DataObject) -> None:
    life, ledger = _lifecycles()
    for number, amount in enumerate(amounts, 2):
        life.opened(_opened(amount), number)
    for number in list(life.by_id):
        row = life.by_id[number]
        remaining = data.draw(st.integers(0, row.remaining))
        effect = Changed(
            authorization=number,
            account="A",
            authorized=row.authorized,
            remaining=remaining,
            released=row.authorized - remaining,
            flags=row.flags,
        )
        life.changed_to(effect, 100 + number)
        assert ledger.accounts["A"].held == sum(row.remaining for row in life.by_id.values())


@pytest.mark.parametrize("wrong", [{"authorized": 6}, {"cleared": 1}, {"released": -1}, {"authorized": -5}])
def test_amounts_that_do_not_add_up_are_a_defect(wrong: dict[str, Any]) -> None:
    life, _ = _lifecycles()
    remaining = -5 if wrong.get("authorized") == -5 else 5
    with pytest.raises(InvariantBroken, match="do not add up"):
        life.opened(_opened(remaining, **wrong), 2)
    life.opened(_opened(5), 3)
    terms: dict[str, Any] = {"authorization": 3, "account": "A", "authorized": 5, "remaining": remaining}
    changed = Changed(**(terms | wrong))
    with pytest.raises(InvariantBroken, match="do not add up"):
        life.changed_to(changed, 4)


def test_found_by_the_first_key_that_finds_any_and_only_for_its_card() -> None:
    life, _ = _lifecycles()
    life.opened(_opened(keys=(7, 8)), 2)
    life.opened(_opened(keys=(9, 8)), 3)
    assert [row.id for row in life.find("c", (7, 8))] == [2]
    assert [row.id for row in life.find("c", (1, 8))] == [2, 3]
    assert [row.id for row in life.find("c", (0, 0))] == []
    assert [row.id for row in life.find("d", (7, 8))] == []


@given(st.permutations([2, 3, 4, 5]))
def test_found_oldest_first_however_rows_came_into_memory(order: list[int]) -> None:
    life, _ = _lifecycles()
    for number in order:
        life.restore(_row(number))
    assert [row.id for row in life.find("c", (7,))] == [2, 3, 4, 5]


def test_a_row_of_the_store_never_replaces_what_memory_holds() -> None:
    life, _ = _lifecycles()
    life.opened(_opened(5), 2)
    life.restore(_row(2))
    assert life.by_id[2].remaining == 5


def test_an_older_tombstone_of_the_store_never_replaces_a_newer_one() -> None:
    life, _ = _lifecycles()
    life.tombstoned(Tombstoned(card="c", life_keys=(7, 8), expires_at=100), 5)
    life.bury(Tombstone(2, "c", 7, 8, 10, 100))
    stone = life.tombstone("c", (7,), 0)
    assert stone is not None
    assert (stone.id, stone.replacement_amount) == (5, -1)


def test_a_tombstone_is_found_by_either_key_until_its_time_is_up() -> None:
    life, _ = _lifecycles()
    life.tombstoned(Tombstoned(card="c", life_keys=(7, 8), expires_at=100), 2)
    for keys in ((7,), (8,), (1, 8)):
        stone = life.tombstone("c", keys, 99)
        assert stone is not None
        assert stone.replacement_amount == -1
    assert life.tombstone("c", (1,), 99) is None
    assert life.tombstone("d", (7,), 99) is None
    assert life.tombstone("c", (7,), 100) is None
    life.bury_expired(99)
    assert life.tombstone("c", (7,), 0) is not None
    life.bury_expired(100)
    assert life.tombstone("c", (7,), 0) is None


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(0, 45), st.integers(1, 12))
def test_expired_are_taken_in_order_and_once(times: list[int], at: int, limit: int) -> None:
    life, _ = _lifecycles()
    for number, expires_at in enumerate(times, 2):
        life.opened(_opened(expires_at=expires_at), number)
    assert life.next_expiry() == min(times, default=None)
    due = sorted((expires_at, number) for number, expires_at in enumerate(times, 2) if expires_at <= at)
    taken: list[int] = []
    while some := life.take_expired(at, limit):
        assert len(some) <= limit
        taken += some
    assert taken == [number for _, number in due]


def test_an_expiry_that_moved_counts_at_its_new_time() -> None:
    life, _ = _lifecycles()
    life.opened(_opened(5, expires_at=10), 2)
    later = Changed(authorization=2, account="A", authorized=5, remaining=5, flags=FLAG_OPEN, expires_at=30)
    life.changed_to(later, 3)
    assert life.take_expired(20, 9) == []
    assert life.take_expired(30, 9) == [2]


def test_closed_ones_are_forgotten_beyond_the_bound_but_not_before_they_are_stored() -> None:
    life, _ = _lifecycles(closed_max=2)
    for number in range(2, 7):
        life.opened(_opened(0), number)
    life.opened(_opened(5), 7)
    life.forget(committed_seq=3)
    assert sorted(life.by_id) == [4, 5, 6, 7]
    life.forget(committed_seq=9)
    assert sorted(life.by_id) == [5, 6, 7]
    assert [row.id for row in life.find("c", (7,))] == [5, 6, 7]
    for number in (5, 6):
        life.restore(_row(number, FLAG_DECLINED, origin_hash=8))  # what is there already stays as it is
    assert [row.id for row in life.find("c", (8,))] == [5, 6, 7]


def test_the_keys_of_forgotten_ones_are_free_again() -> None:
    life, _ = _lifecycles(closed_max=0)
    life.opened(_opened(0), 2)
    life.forget(committed_seq=2)
    assert (dict(life.by_id), life.find("c", (7, 8))) == ({}, ())


@given(
    st.lists(
        st.tuples(st.sampled_from([FLAG_OPEN, FLAG_DECLINED]), st.sampled_from([(7, 8), (7, 0), (0, 8)])),
        min_size=KEY_IDS_MAX,
        max_size=KEY_IDS_MAX + 40,
    ),
    st.integers(0, 2 * KEY_IDS_MAX),
    st.integers(0, 2 * KEY_IDS_MAX),
)
@example(drawn=[(FLAG_OPEN, (7, 0))] * (KEY_IDS_MAX + 1), late=0, ends=1)
def test_a_key_finds_so_many_and_forgetting_them_leaves_nothing(
    drawn: list[tuple[int, tuple[int, int]]], late: int, ends: int
) -> None:
    life, _ = _lifecycles(closed_max=0)
    rows = [_row(number, flags, *keys) for number, (flags, keys) in enumerate(drawn, 2)]
    expected: dict[int, list[Lifecycle]] = {7: [], 8: []}
    late %= len(rows)
    for row in (*rows[late:], *rows[:late]):  # the last ones are older than what memory holds: the store's answers
        life.restore(row)
        for key in {row.life_hash, row.origin_hash} - {0}:
            held = expected[key] = sorted([*expected[key], row], key=lambda one: one.id)
            if len(held) > KEY_IDS_MAX:
                held.remove(next((one for one in held if one.flags != FLAG_OPEN), held[0]))
    for key, held in expected.items():
        assert [row.id for row in life.find("c", (key,))] == [row.id for row in held]
    ends %= len(rows)
    for seq, row in enumerate((*rows[ends:], *rows[:ends]), 1000):
        if row.flags == FLAG_OPEN:
            life.changed_to(
                Changed(authorization=row.id, account="A", authorized=0, remaining=0, flags=FLAG_EXPIRED), seq
            )
        life.forget(committed_seq=seq)
    life.forget(committed_seq=10_000)
    assert (dict(life.by_id), life.of_card("c"), life.find("c", (7, 8))) == ({}, None, ())


def test_of_more_than_a_key_finds_open_and_newest_ones_stay() -> None:
    life, _ = _lifecycles()
    for number in range(2, 3 + KEY_IDS_MAX):
        life.opened(_opened(5 if number == 2 else 0), number)
    assert [row.id for row in life.find("c", (7,))] == [2, *range(4, 3 + KEY_IDS_MAX)]


def test_what_stays_in_memory() -> None:
    assert stays(FLAG_OPEN)
    assert stays(FLAG_OPEN | FLAG_LATE)
    assert stays(FLAG_DIRECT | FLAG_LATE)
    assert not stays(FLAG_DIRECT)
    assert not stays(FLAG_LATE | FLAG_DECLINED)
    assert not stays(FLAG_DIRECT | FLAG_LATE | FLAG_DECLINED)  # taken back: nothing will ever end its lateness


@given(st.integers(0, 10**12))
def test_an_approval_code_is_six_digits(number: int) -> None:
    code = approval_code(number)
    assert len(code) == 6
    assert int(code) == number % 10**6


def test_released_gives_back_all_that_remains() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    effect = released(bank.newest, FLAG_REVERSED)
    assert (effect.remaining, effect.released, effect.flags) == (0, 30_00, FLAG_REVERSED)


def _entry(bank: Bank, *effects: Any) -> Entry:
    return Entry(seq=bank.seq, at=bank.at, kind="x", effects=effects)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("replacement", [None, 10_00, 0])
def test_l2_takes_back_what_a_reversal_has_left(direct: bool, replacement: int | None) -> None:  # noqa: FBT001 - a table's column
    bank = Bank()
    decision = bank.decide(FINANCIAL, financial(30_00)) if direct else bank.decide(AUTHORIZE, authorization(30_00))
    entry = _entry(bank, *decision.effects)
    if replacement != 0:
        bank.decide(decide_reversal, reversal(30_00, replacement_amount=replacement))
    bank.apply(*taken_back(entry, bank.state))
    row = bank.newest
    assert (bank.account.held, bank.account.posted, row.released) == (0, 100_00, 30_00)
    assert row.flags & (FLAG_LATE | FLAG_DECLINED | FLAG_OPEN) == FLAG_LATE | FLAG_DECLINED


def test_l2_takes_back_a_payment() -> None:
    bank = Bank()
    payment = CreditTransfer(
        key="k",
        outgoing=False,
        account="i" * 32,
        counterparty="o" * 32,
        amount=5,
        currency=EUR,
        message_id="M",
        end_to_end_id="E",
    )
    decision = bank.decide(credit_transfer, payment)
    effects = taken_back(_entry(bank, *decision.effects), bank.state)
    bank.apply(*effects)
    assert bank.account.posted == 100_00
    assert [effect.status for effect in effects if isinstance(effect, PaymentSettled)] == ["RJCT"]


def test_l2_has_nothing_to_take_back_of_a_decline() -> None:
    bank = Bank(balance=0)
    decision = bank.decide(FINANCIAL, financial(30_00))
    effects = taken_back(_entry(bank, *decision.effects), bank.state)
    bank.apply(*effects)
    assert (bank.account.held, bank.account.posted) == (0, 0)


def test_l3_keeps_a_hold_and_flags_it() -> None:
    bank = Bank()
    decision = bank.decide(AUTHORIZE, authorization(30_00))
    bank.apply(*kept_late(_entry(bank, *decision.effects), bank.state, bank.at, 60))
    assert (bank.account.held, bank.newest.flags) == (30_00, FLAG_OPEN | FLAG_LATE)


def test_l3_watches_a_posting() -> None:
    bank = Bank()
    decision = bank.decide(FINANCIAL, financial(30_00))
    effects = kept_late(_entry(bank, *decision.effects), bank.state, 1_000, 60)
    assert effects[1] == ObligationSet(
        obligation=f"late-posting-{bank.seq}", kind="late_posting", due_at=60 * 10**9 + 1_000, subject=str(bank.seq)
    )


@pytest.mark.parametrize("direct", [False, True])
def test_l3_has_nothing_to_keep_of_what_is_over(direct: bool) -> None:  # noqa: FBT001 - a table's column
    bank = Bank()
    decision = bank.decide(FINANCIAL, financial(30_00)) if direct else bank.decide(AUTHORIZE, authorization(30_00))
    entry = _entry(bank, *decision.effects)
    bank.decide(decide_reversal, reversal(30_00))
    assert kept_late(entry, bank.state, bank.at, 60) == ()  # the truth has come already
    declined = Bank(balance=0)
    decision = declined.decide(FINANCIAL, financial(30_00))
    assert kept_late(_entry(declined, *decision.effects), declined.state, declined.at, 60) == ()


def test_equal_keys_name_a_lifecycle_once() -> None:
    # A sender chooses DE37, so it can make the key of its reference number equal to that of DE7 and DE11.
    life, _ = _lifecycles(closed_max=0)
    life.opened(_opened(0, keys=(7, 8)), 2)
    life.opened(_opened(0, keys=(7, 7)), 3)
    assert [row.id for row in life.find("c", (7,))] == [2, 3]
    life.forget(committed_seq=3)
    assert (dict(life.by_id), life.of_card("c")) == ({}, None)


@given(st.lists(st.sampled_from([7, 30, 180, 1, 2, 3, 4, 5, 6, 9, 12]), max_size=60))
def test_holds_of_any_lengths_expire_in_their_order(days: list[int]) -> None:
    life, _ = _lifecycles()
    due = {number: number + length * 1000 for number, length in enumerate(days, 2)}
    for number, expires_at in due.items():
        life.opened(_opened(expires_at=expires_at), number)
    taken = life.take_expired(10**9, 1000)
    assert sorted(taken) == sorted(due)
    assert [due[number] for number in taken] == sorted(due.values())
    assert life.next_expiry() is None
