"""Every dialect of the registry: complete, consistent, and closed where the standard of the card industry says so."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.schemas.iso8583 import (
    amex,
    b24,
    basei,
    codes,
    ifsf,
    iso1987,
    iso1987_bcd,
    iso1993,
    iso2003,
    mds,
    pos,
    postilion,
)
from twinrail.schemas.iso8583.axes import FIXED, LLVAR, Coding, Counts, Kind, Length, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import (
    BerTlv,
    BitmapParts,
    Datasets,
    Layout,
    Part,
    Pds,
    Positional,
    Tagged,
)

MODULES: tuple[Any, ...] = (
    *(iso1987, iso1987_bcd, iso1993, iso2003, basei, mds),
    *(ifsf, pos, postilion, amex, b24),
)
PACKED = {Coding.BCD, Coding.BCD_RIGHT}
HIDDEN = {Mask.SENSITIVE, Mask.SECRET}
ALL = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)


def parts_of(layout: Layout | None) -> tuple[Part, ...]:
    if layout is None:
        return ()
    if isinstance(layout, Datasets):
        return tuple(part for kind in layout.sets for part in parts_of(kind.body))
    return layout.parts


def leaves(dialect: Dialect) -> Iterator[tuple[str, Element | Part, bool]]:
    """Every element and every part, however deep: its path, its row, and whether it stands within text."""
    waiting: list[tuple[str, Element | Part, bool]] = [(str(row.number), row, False) for row in dialect.elements]
    while waiting:
        path, row, text = waiting.pop()
        yield path, row, text
        inside = text or row.kind is not Kind.B
        waiting += [(f"{path}.{part.key}", part, inside) for part in parts_of(row.layout)]


def coding_of(dialect: Dialect, row: Element | Part, *, text: bool) -> Coding:
    if row.coding is not None:
        return row.coding
    if row.kind is Kind.B:
        return Coding.HEX if text else dialect.binary
    if text or row.kind not in {Kind.N, Kind.XN, Kind.Z}:
        return Coding.CHARACTERS
    return (dialect.tracks or dialect.numbers) if row.kind is Kind.Z else dialect.numbers


def wire_bytes(dialect: Dialect, row: Element | Part, *, text: bool) -> int:
    coding = coding_of(dialect, row, text=text)
    if coding in PACKED:
        return (row.length + 1) // 2
    return 2 * row.length if coding is Coding.HEX else row.length


# The registry.


def test_the_registry_holds_every_dialect_of_every_module_by_its_name() -> None:
    assert len(DIALECTS) == sum(len(module.DIALECTS) for module in MODULES) >= 24
    for name, dialect in DIALECTS.items():
        assert dialect.name == name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


def test_what_the_registry_must_have_is_there() -> None:
    wanted = {"iso1987-ascii", "iso1987-ascii-binary", "iso1987-ascii-two", "iso1987-ebcdic", "iso1987-bcd"}
    wanted |= {f"iso{year}-{form}" for year in (1993, 2003) for form in ("ascii", "ascii-binary", "bcd")}
    wanted |= {"base1", "mds", "mds-clearing", "ifsf", "pos", "elavon", "postilion", "amex", "base24"}
    assert wanted <= set(DIALECTS)


def test_dialects_can_be_told_apart() -> None:
    """No two say the same of the wire: which one a message is could never be decided."""
    said: dict[Dialect, str] = {}
    for name, dialect in DIALECTS.items():
        anonymous = dialect.but("")
        assert anonymous not in said, f"{name} is {said.get(anonymous)}"
        said[anonymous] = name


# Numbers and names.


@ALL
def test_elements_ascend_and_none_is_stated_twice(dialect: Dialect) -> None:
    numbers = [row.number for row in dialect.elements]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 2
    assert numbers[-1] <= (192 if dialect.third is Third.CONTIGUOUS else 128)
    assert (65 in numbers) == (dialect.third is Third.DATA)
    names = [row.name for row in dialect.elements]
    assert len(set(names)) == len(names)


@ALL
def test_names_are_words(dialect: Dialect) -> None:
    for path, row, _ in leaves(dialect):
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", row.name), path


@ALL
def test_what_the_engine_asks_for_has_its_name_in_every_dialect(dialect: Dialect) -> None:
    rows = {row.name: row for row in dialect.elements}
    everywhere = {
        2: "pan",
        3: "processing_code",
        7: "transmitted_at",
        11: "stan",
        14: "expiry",
        32: "acquirer_id",
        35: "track2",
        37: "rrn",
        38: "approval_code",
        41: "terminal_id",
        42: "merchant_id",
        43: "merchant_name_location",
        52: "pin_block",
        54: "additional_amounts",
        55: "icc_data",
        64: "mac",
    }
    assert {row.number: row.name for row in dialect.elements if row.number in everywhere} == everywhere
    assert rows["response_code" if dialect.version == "1987" else "action_code"].number == 39
    assert rows["mcc"].number == (18 if dialect.version == "1987" else 26)
    if dialect.version == "2003":
        assert not {"amount", "currency"} & set(rows)  # they are one element there
        assert rows["amount_with_currency"].number == 4
    else:
        assert (rows["amount"].number, rows["currency"].number) == (4, 49)


def test_a_name_means_one_number_and_one_kind_of_secrecy() -> None:
    numbers, public = defaultdict(set), defaultdict(set)
    for dialect in DIALECTS.values():
        for row in dialect.elements:
            numbers[row.name].add(row.number)
            public[row.name].add(row.mask is Mask.PUBLIC)
    # The same thing, moved by a later edition or put where a network had room.
    assert {name: found for name, found in numbers.items() if len(found) > 1} == {
        "mcc": {18, 26},
        "original_data": {56, 90},
        "pos_data_code": {22, 123},
        "message_reason_code": {25, 56},
        "authorizing_agent_id": {58, 121},
        "issuer_reference": {95, 116},
        "verification_data": {49, 123},
    }
    assert not [name for name, found in public.items() if len(found) > 1]


# Lengths.


def _room(dialect: Dialect, row: Element | Part, *, text: bool) -> int:
    """The largest count that a length prefix can say."""
    own, shared = row.prefix or Prefix(), Prefix() if text else dialect.lengths
    packed = dialect.numbers in PACKED and not text
    form = own.form or shared.form or (PrefixForm.BCD if packed else PrefixForm.CHARACTERS)
    size, digits = own.size or shared.size, row.length_kind.value
    if form is PrefixForm.BINARY:
        size = size or {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3}[digits]
        return int(min(256**size, 10**digits) - 1)
    places = 2 * size if form is PrefixForm.BCD else size
    return int(10 ** min(digits, places or digits) - 1)


@ALL
def test_every_prefix_can_say_its_largest_length(dialect: Dialect) -> None:
    for path, row, text in leaves(dialect):
        assert row.length >= (2 if row.kind is Kind.XN else 1), path
        assert 0 <= row.least <= row.length, path
        if row.length_kind is FIXED or (path.count(".") and _is_tagged(dialect, path)):
            continue
        own = (row.prefix or Prefix()).counts
        counts = own or (Counts.VALUE if text else dialect.lengths.counts or Counts.VALUE)
        counted = wire_bytes(dialect, row, text=text) if counts is Counts.BYTES else row.length
        assert counted <= _room(dialect, row, text=text), path


def _is_tagged(dialect: Dialect, path: str) -> bool:
    """Whether the length of a part is what its tag says, which is another test's business."""
    above = path.rpartition(".")[0]
    return any(isinstance(row.layout, Tagged | Pds | BerTlv) for found, row, _ in leaves(dialect) if found == above)


@ALL
def test_parts_that_stand_one_behind_the_other_fill_their_element(dialect: Dialect) -> None:
    for path, row, text in leaves(dialect):
        if not isinstance(row.layout, Positional):
            continue
        within = text or row.kind is not Kind.B
        sizes = [
            (part.length if within else wire_bytes(dialect, part, text=False)) + part.length_kind.value
            for part in row.layout.parts
        ]
        assert [part.key for part in row.layout.parts] == [str(place + 1) for place in range(len(sizes))], path
        if row.layout.repeats:
            assert row.length % sum(sizes) == 0, path
        else:
            assert sum(sizes) == row.length, path


@ALL
def test_parts_of_a_bitmap_have_bits_and_tags_have_their_size(dialect: Dialect) -> None:
    for path, row, text in leaves(dialect):
        layout = row.layout
        keys = [part.key for part in parts_of(layout)]
        assert len(set(keys)) == len(keys), path
        if isinstance(layout, BitmapParts):
            bits = [int(key) for key in keys]
            assert bits == sorted(bits), path
            assert bits[0] >= 1, path
            assert bits[-1] <= 8 * layout.octets, path
            assert not layout.binary or (row.kind is Kind.B and not text), path  # text holds no raw bytes
        if isinstance(layout, Tagged):
            assert all(re.fullmatch(rf"\d{{{layout.tag_digits}}}", key) for key in keys), path
            largest = 10 ** (layout.length_kind.value) - 1
            assert all(wire_bytes(dialect, part, text=False) <= largest for part in layout.parts), path
        if isinstance(layout, Pds):
            assert all(re.fullmatch(r"\d{4}", key) for key in keys), path
            assert all(part.length <= 992 for part in layout.parts), path  # a whole element less tag and length
        if isinstance(layout, Datasets):
            assert row.kind is Kind.B, path
            assert all(re.fullmatch(r"[0-9A-F]{2}", kind.id) for kind in layout.sets), path


@ALL
def test_chip_data_are_objects_of_emv(dialect: Dialect) -> None:
    row = next(row for row in dialect.elements if row.number == 55)
    layout = row.layout
    body = layout.sets[0].body if isinstance(layout, Datasets) else layout
    assert isinstance(body, BerTlv)
    assert row.kind is Kind.B


# What must never be shown.


@ALL
def test_pan_tracks_pin_and_keys_are_closed(dialect: Dialect) -> None:
    rows = {row.number: row for row in dialect.elements}
    assert rows[2].mask is Mask.PAN
    for number in {34, 35, 36, 45, 52, 53, 55, 64, 96, 102, 103, 128} & set(rows):
        assert rows[number].mask in HIDDEN, number
    for row in dialect.elements:
        if row.length > 60:
            assert row.mask is not Mask.PUBLIC, row.number


# A name with one of these words belongs to a person, a card or a key.
CLOSED = re.compile(
    r"(?:^|_)(?:pan|account|track\d|pin|mac|cryptogram|code_2|code_4|key|script|certificate|name|address|telephone"
    r"|password|token|text|private|customer|payee|owner)(?:_|$)"
)
# What has such a word in its name and tells nothing of the person, the card or the key.
OPEN = {
    *("pan_country", "pan_entry_mode", "pin_entry_capability", "pin_capture", "pin_capture_capability"),
    *("account_type", "account_from", "account_to", "account_number_indicator", "account_category"),
    *("account_type_qualifiers", "pin_encryption_methodology", "pin_verification_code", "card_code_2_result"),
    *("cryptogram_information", "cryptogram_transaction_type", "cryptogram_amount", "cryptogram_amount_other"),
    *("cryptogram_currency", "address_verification_result", "address_verification_request"),
}


def test_nothing_public_has_a_telling_name() -> None:
    public = {row.name for dialect in DIALECTS.values() for _, row, _ in leaves(dialect) if row.mask is Mask.PUBLIC}
    telling = {name for name in public if CLOSED.search(name)}
    assert telling == OPEN


@ALL
def test_a_card_number_within_a_composite_is_masked_as_one(dialect: Dialect) -> None:
    for path, row, _ in leaves(dialect):
        if row.name in {"pan", "account_number"}:
            assert row.mask is Mask.PAN, path
        if row.mask is Mask.PAN:
            assert row.kind is Kind.N, path
            assert row.length == 19, path


@ALL
def test_bytes_without_a_known_structure_are_never_public(dialect: Dialect) -> None:
    for path, row, _ in leaves(dialect):
        if row.kind is Kind.B and row.length_kind is not FIXED:
            assert row.mask is not Mask.PUBLIC, path
        if row.mask is Mask.PUBLIC and row.kind is Kind.ANS:
            assert row.length <= 99, path


# Deriving one dialect from another.


@given(st.sampled_from(sorted(DIALECTS)), st.data())
def test_but_changes_what_it_is_told_and_nothing_else(name: str, data: st.DataObject) -> None:
    parent = DIALECTS[name]
    numbers = [row.number for row in parent.elements]
    without = tuple(data.draw(st.sets(st.sampled_from(numbers))))
    stated = data.draw(st.sets(st.integers(2, 192)))
    rows = tuple(Element(number, f"new_{number}", Kind.B, LLVAR, 9, Mask.SENSITIVE) for number in stated)
    child = parent.but("child", elements=rows, without=without, text="cp037")
    kept = {row.number: row for row in parent.elements if row.number not in {*without, *stated}}
    assert {row.number: row for row in child.elements} == kept | {row.number: row for row in rows}
    assert [row.number for row in child.elements] == sorted({*kept, *stated})
    assert (child.name, child.text) == ("child", "cp037")
    assert child.but(parent.name, text=parent.text, elements=parent.elements).bitmap is parent.bitmap
    assert DIALECTS[name] is parent
    assert [row.number for row in parent.elements] == numbers


# The three editions, as they differ.

FORMS = """
 11  n6         n6         n12
 12  n6         n12        n14
 13  n4         n4         n6
 15  n4         n6         n8
 18  n4         n4         LLL
 22  n3         an12       b16
 24  n3         n3         n3
 25  n2         n4         n4
 26  n2         n4         n4
 28  x+n9       n6         n8
 29  x+n9       n3         n3
 30  x+n9       n24        n32
 31  x+n9       LLans99    n23
 39  an2        n3         n4
 43  ans40      LLans99    LLLL
 44  LLans25    LLans99    LLLL
 46  LLLans999  LLLans204  LLLans216
 53  n16        LLb48      LLb48
 55  LLLb255    LLLb255    LLLLb9999
 56  LLL        LLn35      LLn41
 64  b8         b8         b4
 70  n3         n3         n18
 71  n4         n8         LLLL
 72  n4         LLL        LLLLb9999
 90  n42        n10        LLLL
 93  an5        LLn11      LLn11
 94  an7        LLn11      LLn11
 95  an42       LLans99    LLans99
 96  b8         LLLb999    LLLb999
128  b8         b8         b4
"""


def form(row: Element) -> str:
    return f"{'L' * row.length_kind.value}{row.kind.value}{row.length}"


@pytest.mark.parametrize("line", FORMS.strip().splitlines())
def test_the_editions_differ_where_the_standard_does(line: str) -> None:
    number, *forms = line.split()
    for dialect, wanted in zip((iso1987.DIALECT, iso1993.DIALECT, iso2003.DIALECT), forms, strict=True):
        row = next(row for row in dialect.elements if row.number == int(number))
        if wanted.strip("L"):
            assert form(row) == wanted, dialect.name
        else:  # the kind is open
            assert row.length_kind is Length(len(wanted)), dialect.name


@ALL
def test_a_signed_amount_counts_its_sign(dialect: Dialect) -> None:
    lengths = {row.length for _, row, _ in leaves(dialect) if row.kind is Kind.XN}
    assert lengths <= {9, 17, 21}  # C or D, then 8, 16 or 20 digits


# The words of codes.


def test_words_are_keyed_by_codes_of_the_right_size() -> None:
    for table, size in (
        (codes.TRANSACTION_TYPES, 2),
        (codes.ACCOUNT_TYPES, 2),
        (codes.PAN_ENTRY_MODES, 2),
        (codes.PIN_ENTRY, 1),
        (codes.POS_CONDITIONS, 2),
        (codes.RESPONSE_CODES, 2),
        (codes.NETWORK_CODES, 3),
        (codes.AMOUNT_TYPES, 2),
        (codes.CLASSES, 1),
        (codes.FUNCTIONS, 1),
    ):
        assert all(len(code) == size for code in table)
    for tag in codes.TAGS:
        first = bytes.fromhex(tag)[0]
        assert (first & 0x1F == 0x1F) == (len(tag) > 2), tag


def test_track_pin_name_and_cryptogram_tags_are_never_public() -> None:
    for tag in ("56", "57", "5A", "5F20", "5F24", "99", "9F10", "9F1F", "9F20", "9F26", "9F6B", "91", "71", "72"):
        assert codes.TAGS[tag].mask is not Mask.PUBLIC
