"""Rows of a table in memory: cheap to check and to add to by the batch, and never long in growing.

A batch comes as columns too, because one pass in C over a column costs a few nanoseconds a value and a generator a row
ten times that: checked and written row by row, an authorization cost 2.2 µs of the loop, by columns 1.0.
A dictionary of half a million entries stops the loop for tens of milliseconds when it doubles; what is added to with
every request is therefore a list, which grows in place, or dictionaries of about CHUNK_ENTRIES. Over 1.2 million
entries the longest commit of 200 fell from 80 to 2 ms.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol, cast

Row = tuple[object, ...]
Columns = Sequence[Sequence[object]]
CHUNK_ENTRIES = 1 << 13
TWICE = "comes twice"
MISPLACED = "is there already or is missing"


class Rows(Protocol):
    """The rows of one table; their key is what stands in the first columns."""

    def forbids(self, columns: Columns, first_seq: int) -> str:
        """Say what the key has against the rows of a batch that begins with entry `first_seq`; "" for nothing.

        Changes nothing. TypeError where a number is none.
        """

    def write(self, columns: Columns, rows: Sequence[Row]) -> None:
        """Take rows that were not forbidden, which are at least one, as rows and as columns."""

    def values(self) -> Iterable[Row]:
        """Give all rows in the order they came to be."""


class Appended:
    """Rows that are never changed, by the number of their entry in the first column and what else is in their key."""

    def __init__(self, key_columns: int = 1) -> None:
        self.rows: list[Row] = []
        self._key_columns = key_columns
        self._newest = 0

    def forbids(self, columns: Columns, first_seq: int) -> str:  # noqa: ARG002 - every row is new
        """Forbid a key that is there already, in the batch or from before it."""
        keys = list(zip(*columns[: self._key_columns], strict=True))
        if len(set(keys)) != len(keys):
            return TWICE
        if min(whole(columns[0])) > self._newest:
            return ""  # as in every batch of a sane owner: nothing that was there is looked at
        there = {row[: self._key_columns] for row in self.rows}
        return "" if there.isdisjoint(keys) else MISPLACED

    def write(self, columns: Columns, rows: Sequence[Row]) -> None:
        """Add rows behind those that are there."""
        self.rows.extend(rows)
        newest = max(whole(columns[0]))
        self._newest = max(self._newest, newest)

    def values(self) -> Sequence[Row]:
        """Give all rows."""
        return self.rows


class Named:
    """Rows by the text in their first column.

    Column `born`, where there is one, holds the entry that made a row, and so tells a new row from a changed one.
    """

    def __init__(self, born: int | None = None) -> None:
        self.by_name: dict[object, Row] = {}
        self._born = born

    def forbids(self, columns: Columns, first_seq: int) -> str:
        """Forbid a name that comes twice, a new row that is there already and a changed one that is not."""
        names, known = set(columns[0]), self.by_name.keys()
        if len(names) != len(columns[0]):
            return TWICE
        if self._born is None:
            return ""
        born = whole(columns[self._born])
        if max(born) < first_seq:
            fits = names <= known
        elif min(born) >= first_seq:
            fits = known.isdisjoint(names)
        else:
            fits = all((name in known) is (number < first_seq) for name, number in zip(columns[0], born, strict=True))
        return "" if fits else MISPLACED

    def write(self, columns: Columns, rows: Sequence[Row]) -> None:
        """Put rows in the place of those of the same name, or behind them all."""
        self.by_name.update(zip(columns[0], rows, strict=True))

    def values(self) -> Iterable[Row]:
        """Give all rows."""
        return self.by_name.values()


class Numbered:
    """Rows by the number in their first column, which is that of the entry that made them."""

    def __init__(self) -> None:
        self._chunks: dict[int, dict[object, Row]] = {}
        self._newest = 0

    def forbids(self, columns: Columns, first_seq: int) -> str:
        """Forbid a number that comes twice, a new row that is there already and a changed one that is not."""
        numbers = whole(columns[0])
        if len(set(numbers)) != len(numbers):
            return TWICE
        if min(numbers) >= first_seq > self._newest:
            return ""  # all are new, and so are their numbers
        chunks = self._chunks
        fits = all((number in chunks.get(number // CHUNK_ENTRIES, ())) is (number < first_seq) for number in numbers)
        return "" if fits else MISPLACED

    def write(self, columns: Columns, rows: Sequence[Row]) -> None:
        """Put rows in the place of those of the same number, or behind them all."""
        numbers = whole(columns[0])
        newest = max(numbers)
        self._newest = max(self._newest, newest)
        first, last = min(numbers) // CHUNK_ENTRIES, newest // CHUNK_ENTRIES
        if first == last:
            self._chunks.setdefault(first, {}).update(zip(numbers, rows, strict=True))
            return
        for number, row in zip(numbers, rows, strict=True):
            self._chunks.setdefault(number // CHUNK_ENTRIES, {})[number] = row

    def values(self) -> Iterable[Row]:
        """Give all rows."""
        return chain.from_iterable(chunk.values() for chunk in self._chunks.values())


class KeyIndex:
    """The numbers of entries by the hash of their key, which several may share."""

    def __init__(self) -> None:
        self._chunks: list[dict[object, int | list[int]]] = [{}]

    def add(self, hashes: Sequence[object], numbers: Sequence[int]) -> None:
        """Add entries, in the order of their numbers; None is the hash of an entry that has no key."""
        if not all(hashes):  # the hash 0 is one, but rare
            keyed = [(key, number) for key, number in zip(hashes, numbers, strict=True) if key is not None]
            hashes, numbers = [key for key, _ in keyed], [number for _, number in keyed]
        newest = self._chunks[-1]
        if len(newest) >= CHUNK_ENTRIES:
            newest = {}
            self._chunks.append(newest)
        if newest.keys().isdisjoint(hashes):
            wanted = len(newest) + len(hashes)
            newest.update(zip(hashes, numbers, strict=True))
            if len(newest) == wanted:
                return
            for key in hashes:  # some share a hash among themselves
                newest.pop(key, None)
        for key, number in zip(hashes, numbers, strict=True):
            known = newest.setdefault(key, number)
            if isinstance(known, list):
                known.append(number)
            elif known != number:
                newest[key] = [known, number]

    def find(self, key: int, limit: int) -> list[int]:
        """Give the newest `limit` entries whose key has this hash, oldest first."""
        found: list[int] = []
        for chunk in self._chunks:
            numbers = chunk.get(key)
            if numbers is not None:
                found += numbers if isinstance(numbers, list) else (numbers,)
        return found[max(0, len(found) - limit) :]


def whole(column: Sequence[object]) -> Sequence[int]:
    """Give a column of whole numbers as what it is; TypeError where a value is none."""
    numbers = cast("Sequence[int]", column)
    if not isinstance(sum(numbers), int):  # a sum is only as whole as its parts, and far cheaper than a look at each
        raise TypeError("a number is not whole")
    return numbers
