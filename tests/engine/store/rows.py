"""Batches and rows for the tests of the stores, as the switch would fold them."""

from collections.abc import Mapping, Sequence

from twinrail.engine.journal import Batch, encode_entry, key_hash, slot_of
from twinrail.schemas.journal import FLAG_OPEN, Entry

ACCOUNT = "A{:05d}"
Row = tuple[object, ...]


def entry(seq: int, *, key: str = "") -> Row:
    """Give a journal row; its time is a thousand times its number."""
    body = encode_entry(Entry(seq=seq, at=seq * 1000, kind="test", key=key))
    return (seq, seq * 1000, "test", key_hash(key) if key else None, body)


def account(
    number: int, *, posted: int = 0, held: int = 0, opened_seq: int | None = None, changed_seq: int | None = None
) -> Row:
    """Give an account row; by default it was opened by the entry of its own number."""
    name = ACCOUNT.format(number)
    opened = number if opened_seq is None else opened_seq
    changed = opened if changed_seq is None else changed_seq
    return (name, slot_of(name), "customer", "978", "open", posted, held, 0, "", "", opened, changed)


def authorization(
    number: int,
    *,
    remaining: int = 0,
    flags: int = FLAG_OPEN,
    of: int = 1,
    life: int | None = None,
    origin: int | None = None,
    changed_seq: int | None = None,
    card: str = "c1",
) -> Row:
    """Give an authorization row of 1,000 minor units, made by the entry of its number."""
    hashes = (number * 10 if life is None else life, number * 10 + 1 if origin is None else origin)
    changed = number if changed_seq is None else changed_seq
    fixed = (number, ACCOUNT.format(of), card, "978", 1000, remaining, 0, 1000 - remaining, flags, 0)
    return (*fixed, *hashes, changed)


def posting(seq: int, debit: int, credit: int, amount: int) -> list[Row]:
    """Give the two legs of a posting; only the second one where the debited account is number 0."""
    legs: list[Row] = [(seq, 1, ACCOUNT.format(credit), amount, "978")]
    return [(seq, 0, ACCOUNT.format(debit), -amount, "978"), *legs] if debit else legs


def batch(partition: int, first: int, last: int, rows: Mapping[str, Sequence[Row]], *, epoch: int = 1) -> Batch:
    """Give a batch of these rows."""
    lists = {table: list(found) for table, found in rows.items()}
    return Batch(partition=partition, epoch=epoch, first_seq=first, last_seq=last, rows=lists)


def opening(partition: int, *, accounts: int = 1, epoch: int = 1) -> Batch:
    """Give the batch that opens accounts 1, 2, 3 ... in an empty partition."""
    numbers = range(1, accounts + 1)
    rows = {"journal": [entry(number) for number in numbers], "account": [account(number) for number in numbers]}
    return batch(partition, 1, accounts, rows, epoch=epoch)
