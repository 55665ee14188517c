"""Frames and headers as data: every row says something possible, and one that does not cannot be made."""

import pytest

from twinrail.schemas.iso8583.frames import (
    ASCII4,
    BINARY2,
    BINARY4,
    FRAMES,
    FRESH,
    HEADERS,
    Frame,
    Header,
    HeaderField,
    Holds,
    Number,
    opaque,
    tpdu,
)


def test_every_row_stands_under_its_own_name() -> None:
    assert all(row.name == name for name, row in FRAMES.items())
    assert all(row.name == name for name, row in HEADERS.items())
    assert (FRAMES["binary2"], FRAMES["binary4"], FRAMES["ascii4"]) == (BINARY2, BINARY4, ASCII4)


def test_no_two_rows_say_the_same() -> None:
    def switches(row: Frame) -> tuple[object, ...]:
        return tuple(getattr(row, name) for name in Frame.__slots__ if name != "name")

    assert len({switches(row) for row in FRAMES.values()}) == len(FRAMES)


def test_every_kind_of_the_field_has_a_row() -> None:
    kinds = "binary2 binary2-little binary4 ascii2 ascii4 bcd2 hex4 binary2-zero2 zero2-binary2 vml binary3 binary6"
    more = "ascii6 base24 stx-etx crlf binary2-inclusive ascii4-inclusive"
    assert {*kinds.split(), *more.split()} <= FRAMES.keys()


def test_frames_of_one_name_are_one_key_and_compared_in_full() -> None:
    assert hash(Frame(name="binary2", size=4)) == hash(BINARY2)
    assert Frame(name="binary2", size=4) != BINARY2
    assert Frame(name="binary2") == BINARY2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Frame(name="x", size=0),
        lambda: Frame(name="x", size=9),
        lambda: Frame(name="x", begin=b"\x02"),
        lambda: Frame(name="x", end=b"\x03"),
        lambda: Frame(name="x", size=0, end=b"\x03", inclusive=True),
        lambda: Frame(name="x", size=0, end=b"\x03", trailer=b"\0"),
        lambda: Frame(name="x", payload_bytes_max=0),
        lambda: Frame(name="x", payload_bytes_max=1 << 21),
        lambda: Frame(name="x", header_uncounted=-1),
        lambda: Frame(name="x", after_varies=True),
        lambda: HeaderField("x", 0),
        lambda: HeaderField("x", 2, b"\0"),
        lambda: Header("x", (HeaderField("a", 1), HeaderField("a", 2))),
        lambda: Header("x", (HeaderField("a", 1, answer="b"),)),
        lambda: Header("x", (HeaderField("a", 1, answer="b"), HeaderField("b", 2))),
        lambda: Header("x", (HeaderField("a", 1),), (HeaderField("code", 2, holds=Holds.REJECT),)),
    ],
)
def test_what_contradicts_itself_cannot_be_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="x"):
        make()


@pytest.mark.parametrize(
    ("name", "size"),
    [("none", 0), ("tpdu", 5), ("tpdu-6", 11), ("base1", 22), ("unionpay", 46), ("iso-text", 12)],
)
def test_headers_have_the_bytes_of_the_public_documents(name: str, size: int) -> None:
    assert HEADERS[name].size == size


def test_addresses_stand_where_the_public_documents_have_them() -> None:
    def place(header: Header, name: str) -> int:
        names = [field.name for field in header.fields]
        return sum(field.size for field in header.fields[: names.index(name)])

    base1 = HEADERS["base1"]
    assert [place(base1, name) for name in ("total_length", "destination", "source", "batch")] == [3, 5, 8, 17]
    unionpay = HEADERS["unionpay"]
    assert [place(unionpay, name) for name in ("total_length", "destination", "source")] == [2, 6, 17]
    assert [place(tpdu(), name) for name in ("destination", "source")] == [1, 3]


def test_a_header_that_says_its_own_length_says_the_right_one() -> None:
    for header in HEADERS.values():
        for field in header.fields:
            if field.holds is Holds.HEADER_LENGTH:
                assert field.number is Number.BIG
                assert int.from_bytes(field.fresh, "big") == header.size
                assert field.answer == FRESH


def test_a_network_puts_its_own_bytes_into_a_header() -> None:
    header = HEADERS["tpdu"].but(destination=b"\x00\x03", source=b"\x12\x34")
    assert [field.fresh for field in header.fields] == [b"\x60", b"\x00\x03", b"\x12\x34"]
    assert HEADERS["tpdu"].fields[1].fresh == b""
    with pytest.raises(ValueError, match="no field port"):
        header.but(port=b"\0")
    with pytest.raises(ValueError, match="destination"):
        header.but(destination=b"\0")


def test_opaque_headers_are_named_by_size_and_answer() -> None:
    assert [opaque(4).name, opaque(4, copied=False).name] == ["opaque-4-copied", "opaque-4-zeroed"]
    assert opaque(4).size == 4
