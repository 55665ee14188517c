"""The spool: rows come back as they went, in windows, from any position; anything else is refused."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.transports import spool
from twinrail.schemas.iso20022.staged import Staged

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=35)


@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT, st.integers(0, 10**11)), max_size=40), st.integers(1, 9), st.integers(0, 45)
)
def test_rows_read_back_in_windows(values: list[tuple[str, str, str, int]], window: int, after: int) -> None:
    rows = [
        Staged(number, 1, batch, instruction, end, "t" * 32, "u" * 32, amount, "")
        for number, (batch, instruction, end, amount) in enumerate(values, 1)
    ]
    stream = io.BytesIO()
    for row in rows:
        spool.write(stream, [row])
    stream.seek(0)
    windows = list(spool.read(stream, after=after, window=window))
    assert [row for part in windows for row in part] == rows[after:]
    assert all(len(part) == window for part in windows[:-1])


@pytest.mark.parametrize(
    "line",
    [
        b"[]\n",
        b"{}\n",
        b"x" * 5000,
        b'[2,1,"P","I","E","t","u",1]\n',
        b'[1,1,"P","I","E","t","u",-1]\n',
        b'[1,1,"P","I","%b","t","u",1]\n' % (b"E" * 36),
        b'[1,1,"P","I","E","%b","u",1]\n' % (b"t" * 65),
    ],
)
def test_a_row_that_no_child_of_ours_wrote(line: bytes) -> None:
    with pytest.raises(spool.SpoolError, match="spool"):
        list(spool.read(io.BytesIO(line), after=0, window=5))
