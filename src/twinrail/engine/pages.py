"""A large table in memory that grows without ever stopping the loop.

A dict that outgrows its room moves every row at once: 250 ms at a million rows, seen as a pause of every link. A table
of small dicts moves a page at a time.
"""

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

Row = TypeVar("Row")
PAGE_BITS = 12  # rows of one page: 4096, at most 0.1 ms to move
_SHRINKS_AT = frozenset({1 << PAGE_BITS - 4, 1 << PAGE_BITS - 8})  # rows left at which a page is packed anew


class Pages(MutableMapping[int, Row]):
    """Rows by a number that mostly grows: neighbours share a page, and a page without rows leaves memory."""

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[int, dict[int, Row]] = {}

    def find(self, number: int) -> Row | None:
        """Give the row of a number, or None."""
        page = self._pages.get(number >> PAGE_BITS)
        return None if page is None else page.get(number)

    def __getitem__(self, number: int) -> Row:
        """Give the row of a number."""
        return self._pages[number >> PAGE_BITS][number]

    def __setitem__(self, number: int, row: Row) -> None:
        """Put the row of a number."""
        page = self._pages.get(number >> PAGE_BITS)
        if page is None:
            page = self._pages[number >> PAGE_BITS] = {}
        page[number] = row

    def __delitem__(self, number: int) -> None:
        """Remove the row of a number."""
        page = self._pages[number >> PAGE_BITS]
        del page[number]
        if not page:
            del self._pages[number >> PAGE_BITS]
        elif len(page) in _SHRINKS_AT:
            self._pages[number >> PAGE_BITS] = dict(page)  # a dict gives no room back by itself

    def __iter__(self) -> Iterator[int]:
        """Give the numbers, page by page."""
        for page in self._pages.values():
            yield from page

    def __len__(self) -> int:
        """Count the rows; walks over the pages."""
        return sum(map(len, self._pages.values()))
