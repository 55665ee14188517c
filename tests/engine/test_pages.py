import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.pages import PAGE_BITS, Pages

numbers = st.integers(0, 4 << PAGE_BITS)


@given(st.lists(st.tuples(st.booleans(), numbers, st.integers()), max_size=60))
def test_pages_are_a_dict(steps: list[tuple[bool, int, int]]) -> None:
    pages: Pages[int] = Pages()
    plain: dict[int, int] = {}
    for removes, number, row in steps:
        if removes and number in plain:
            del pages[number], plain[number]
        else:
            pages[number] = plain[number] = row
        assert pages.find(number) == pages.get(number) == plain.get(number)
        assert (dict(pages), len(pages)) == (plain, len(plain))


def test_a_page_without_rows_leaves_memory() -> None:
    pages: Pages[str] = Pages()
    for number in (1, 2, 1 << PAGE_BITS):
        pages[number] = "row"
    del pages[1 << PAGE_BITS], pages[1]
    assert list(pages._pages) == [0]
    del pages[2]
    assert not pages._pages


def test_what_is_not_there_cannot_be_removed() -> None:
    pages: Pages[str] = Pages()
    with pytest.raises(KeyError):
        del pages[1]
    with pytest.raises(KeyError):
        pages[1]
    assert pages.find(1) is None


def test_a_page_of_which_little_is_left_gives_its_room_back() -> None:
    pages: Pages[int] = Pages()
    for number in range(1 << PAGE_BITS):
        pages[number] = number
    full = sys.getsizeof(pages._pages[0])
    for number in range(1, 1 << PAGE_BITS):
        del pages[number]
    assert sys.getsizeof(pages._pages[0]) < full / 100
    assert dict(pages) == {0: 0}
