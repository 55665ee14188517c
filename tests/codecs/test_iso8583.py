"""The codec: what it writes it reads, what it reads it writes, and its two mechanisms are each other's oracle."""

import dataclasses
import pickle
import random
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from twinrail.codecs import compile as compiler
from twinrail.codecs.iso8583 import COMPILE_AFTER, COMPILED_MAX, DIALECTS, Codec, Message, codec_for
from twinrail.codecs.leaf import axes_of
from twinrail.codecs.repertoire import ALLOWED
from twinrail.errors import DecodeError, EncodeError, SettingsError
from twinrail.schemas.iso8583.axes import FIXED, LLVAR, Coding, Counts, Kind, Length, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third
from twinrail.schemas.iso8583.places import VERSION_DIGITS

# Odd rows that 1987 does not have: each kind at fixed and at variable length, odd and even.
T = TypeVar("T")

ODD_ROWS = tuple(
    Element(number, f"odd_{number}", kind, length_kind, length, Mask.SENSITIVE)
    for number, (kind, length_kind, length) in enumerate(
        [
            (kind, length_kind, length)
            for kind in Kind
            for length_kind, length in ((FIXED, 3), (FIXED, 4), (LLVAR, 9), (Length.LLLVAR, 120), (FIXED, 7))
        ],
        start=2,
    )
)
ODD_ASCII = codec_for("iso1987-ascii").dialect.but("odd-ascii", elements=ODD_ROWS)
ODD_BCD = codec_for("iso1987-bcd").dialect.but("odd-bcd", elements=ODD_ROWS)
EBCDIC = codec_for("iso1987-ascii-binary").dialect.but("ebcdic", text="cp500")
EBCDIC_BCD = ODD_BCD.but("odd-ebcdic-bcd", text="cp037")
PAGES = ("ascii", "cp037", "cp500", "cp1047", "cp1140")
PACKED_KINDS = {Kind.N, Kind.Z, Kind.XN}


def drawn_row(chance: random.Random, number: int) -> Element:
    """Draw an element that differs from its dialect on every axis that its kind has."""
    kind = chance.choice(list(Kind))
    length_kind = chance.choice([Length.FIXED, *Length])
    length = chance.choice([2, 3, 7, 8, 9, 20, 300])
    if length_kind in {Length.LVAR, Length.LLVAR}:
        length = min(length, 4 if length_kind is Length.LVAR else 45)
    codings = [None, Coding.CHARACTERS]
    if kind is Kind.B:
        codings = [None, Coding.BINARY, Coding.HEX]
    elif kind in PACKED_KINDS:
        codings += [Coding.BCD, Coding.BCD_RIGHT]
    prefix = None
    if length_kind is not Length.FIXED and chance.random() < 0.7:
        prefix = Prefix(
            form=chance.choice([None, *PrefixForm]),
            counts=chance.choice([None, *Counts]),
            inclusive=chance.choice([None, True, False]),
            page=chance.choice([None, *PAGES]),
            size=chance.choice([0, 0, 3]),
        )
    return Element(
        number,
        f"drawn_{number}",
        kind,
        length_kind,
        length,
        Mask.SENSITIVE,
        coding=chance.choice(codings),
        page=chance.choice([None, None, *PAGES]),
        nibble=chance.choice(["", "0", "F"]),
        prefix=prefix,
        least=chance.choice([0, 0, 2]) if length_kind is not Length.FIXED else 0,
    )


def drawn_dialect(seed: int) -> Dialect:
    """Draw a dialect over all axes."""
    chance = random.Random(seed)
    third = chance.choice([Third.NONE, Third.CONTIGUOUS, Third.IN_ELEMENT])
    numbers = [*range(12, 41), *range(66, 90)]
    if third is not Third.NONE:
        numbers += range(129, 193, 7)
    return DIALECTS["iso1987-ascii"].but(
        f"drawn-{seed}",
        without=tuple(range(2, 129)),
        elements=tuple(drawn_row(chance, number) for number in numbers),
        text=chance.choice(PAGES),
        numbers=chance.choice([Coding.CHARACTERS, Coding.BCD, Coding.BCD_RIGHT]),
        tracks=chance.choice([None, Coding.CHARACTERS, Coding.BCD_RIGHT, Coding.BCD]),
        binary=chance.choice([Coding.BINARY, Coding.HEX]),
        mti=chance.choice([None, Coding.CHARACTERS, Coding.BCD]),
        lengths=Prefix(form=chance.choice([None, *PrefixForm]), counts=chance.choice([None, *Counts])),
        bitmap=chance.choice(list(BitmapForm)),
        bitmaps=chance.choice(list(Bitmaps)),
        third=third,
    )


DRAWN = tuple(drawn_dialect(seed) for seed in range(24))
ALL = (*DIALECTS.values(), ODD_ASCII, ODD_BCD, EBCDIC, EBCDIC_BCD, *DRAWN)
by_dialect = pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)

PURCHASE: dict[int, str | bytes] = {
    2: "4111111111111111",
    3: "000000",
    4: "000000005000",
    7: "0604123456",
    11: "654321",
    22: "051",
    32: "123456",
    35: "4111111111111111D29122011234567890",
    37: "REF123456789",
    41: "TERMID01",
    49: "978",
    52: b"\x01\x02\x03\x04\x05\x06\x07\x08",
    55: b"\x9f\x02\x06\x00\x00\x00\x00\x50\x00",
}


def value_of(draw: st.DrawFn, row: Element, dialect: Dialect) -> str | bytes:
    """Draw a value that the row allows, in the form in which decoding gives it."""
    axes = axes_of(row, dialect)
    length = row.length if axes.fixed else draw(st.integers(row.least, min(row.length, max(40, row.least))))
    if axes.packed and not axes.fixed and axes.counts is Counts.BYTES and axes.nibble == "0":
        # Whether a digit is fill would not show.
        length += length < row.length and (length & 1) != (row.kind is Kind.XN)
    if row.kind is Kind.B:
        return draw(st.binary(min_size=length, max_size=length))
    if row.kind is Kind.XN:
        if length < 2:
            length = 2 if axes.least else 0
        if not length:
            return ""
        return draw(st.sampled_from("CD")) + draw(st.text("0123456789", min_size=length - 1, max_size=length - 1))
    packed_track = row.kind is Kind.Z and axes.packed
    characters = "0123456789D" if packed_track else "".join(map(chr, sorted(ALLOWED[row.kind])))
    text = draw(st.text(characters, min_size=length, max_size=length))
    blanks = draw(st.integers(0, length)) if row.length_kind is FIXED and row.kind in {Kind.A, Kind.AN} else 0
    return (text[: length - blanks] + " " * length)[:length]


@st.composite
def messages_of(draw: st.DrawFn, dialect: Dialect) -> Message:
    rows = draw(st.lists(st.sampled_from(dialect.elements), max_size=16, unique_by=lambda row: row.number))
    return Message(
        VERSION_DIGITS[dialect.version] + draw(st.text("0123456789", min_size=3, max_size=3)),
        {row.number: value_of(draw, row, dialect) for row in rows},
    )


def places_of(codec: Codec, data: bytes) -> tuple[tuple[int, ...], int]:
    """Give the numbers of the elements that are present, and the offset of the first."""
    return codec._table.read_bitmap(data, Message("", {}))


def generated_decoder(codec: Codec, data: bytes) -> Callable[[bytes], Message | None]:
    return compiler.decoder(codec.dialect, *places_of(codec, data), Message)


def encoder_of(codec: Codec, numbers: tuple[int, ...]) -> Callable[[str, dict[int, str | bytes]], bytes | None]:
    return compiler.encoder(codec.dialect, numbers, codec.bitmap_for(list(numbers)))


def refused(function: Callable[..., T | None], *arguments: object) -> T | None:
    """Call a generated function the way the codec does; None where it refuses."""
    try:
        return function(*arguments)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, DecodeError, EncodeError):
        return None


def verdict(function: Callable[..., T], *arguments: object) -> T | tuple[str, ...]:
    """Give the result, or all that an error says."""
    try:
        return function(*arguments)
    except DecodeError as error:
        return ("decode", error.problem, error.path, str(error.offset), str(error.element))
    except EncodeError as error:
        return ("encode", error.problem, error.path)


@by_dialect
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_decode_inverts_encode_by_both_mechanisms(dialect: Dialect, data: st.DataObject) -> None:
    codec = Codec(dialect)
    message = data.draw(messages_of(dialect))
    wire = codec.encode(message)
    assert codec.decode(wire) == message
    assert list(codec.decode(wire).elements) == sorted(message.elements)
    if not codec.recurs(message.elements):
        return
    numbers, offset = places_of(codec, wire)
    assert compiler.decoder(dialect, numbers, offset, Message)(wire) == message
    assert encoder_of(codec, numbers)(message.mti, message.elements) == wire


def mutant(chance: random.Random, good: bytes, other: bytes) -> bytes:
    """Damage a message the way links and bugs do: bits, bytes, lengths, ends, splices."""
    data = bytearray(good)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data)) if data else 0
        kind = chance.randrange(7)
        if kind == 0 and data:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and data:
            data[at] = chance.choice(b"0123456789 +-_=DFACEX\x00\x99\xb2\xff")
        elif kind == 2:
            del data[at : at + chance.randint(1, 4)]
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.randint(1, 3))
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            data[at:] = other[min(at, len(other)) :]
        elif data:
            head = min(len(data), 36)
            data[chance.randrange(head)] ^= 1 << chance.randrange(8)
    return bytes(data)


def corpus_of(dialect: Dialect) -> list[Message]:
    """Messages that can be compiled."""
    codec = Codec(dialect)
    return [message for message in corpus(dialect) if codec.recurs(message.elements)]


def corpus(dialect: Dialect) -> list[Message]:
    """Messages of many shapes for one dialect, the same in every run."""
    found: list[Message] = []

    @settings(max_examples=25, database=None, derandomize=True, deadline=None)
    @given(messages_of(dialect))
    def collect(message: Message) -> None:
        found.append(message)

    collect()
    if dialect.name in DIALECTS:
        found.append(purchase_of(dialect))
    return found


def purchase_of(dialect: Dialect) -> Message:
    """Give the purchase as far as a dialect carries it, in its version's message type."""
    codec, mti = Codec(dialect), VERSION_DIGITS[dialect.version] + "100"
    carried = {}
    for number, value in PURCHASE.items():
        wire = verdict(codec.encode, Message(mti, {number: value}))
        if isinstance(wire, bytes) and codec.decode(wire).elements == {number: value}:
            carried[number] = value
    return Message(mti, carried)


# Dialects of 1987 that carry the whole purchase as it is.
PLAIN = sorted(name for name, dialect in DIALECTS.items() if purchase_of(dialect) == Message("0100", PURCHASE))


def test_most_dialects_of_1987_carry_the_purchase() -> None:
    assert len(PLAIN) >= 8
    assert {DIALECTS[name].text for name in PLAIN} >= {"ascii", "cp1047", "cp500"}


@by_dialect
def test_a_mutant_is_refused_or_round_trips_and_both_mechanisms_agree(dialect: Dialect) -> None:
    chance = random.Random(8583)
    codec = Codec(dialect)
    messages = corpus_of(dialect)
    wires = [codec.encode(message) for message in messages]
    accepted = 0
    for index, wire in enumerate(wires):
        generated = generated_decoder(codec, wire)
        for _ in range(2000 // len(wires)):
            damaged = mutant(chance, wire, chance.choice(wires))
            judged = verdict(codec._table.decode, damaged)
            same_bitmap = damaged[codec._first.start :].startswith(wire[codec._first.start : places_of(codec, wire)[1]])
            if same_bitmap:
                expected = judged if isinstance(judged, Message) and judged.canonical else None
                assert refused(generated, damaged) == expected
            if isinstance(judged, Message):
                accepted += 1
                assert_canonical(codec, damaged, judged)
        assert codec.decode(wire) == messages[index]
    assert accepted, "no mutant was a message: the mutants are too wild to show anything"


def assert_canonical(codec: Codec, data: bytes, message: Message) -> None:
    """Check that a message is flagged unless it encodes to the very bytes that it was decoded from."""
    written = codec.encode(message)
    again = codec.decode(written)
    assert again.canonical
    assert (again.mti, again.elements) == (message.mti, message.elements)
    assert (written == data) is message.canonical


@by_dialect
def test_every_prefix_of_a_good_message_is_refused(dialect: Dialect) -> None:
    codec = Codec(dialect)
    for message in corpus_of(dialect)[:6]:
        wire = codec.encode(message)
        generated = generated_decoder(codec, wire)
        for end in range(len(wire)):
            assert isinstance(verdict(codec.decode, wire[:end]), tuple)
            assert refused(generated, wire[:end]) is None
        assert isinstance(verdict(codec.decode, wire + b"0"), tuple)
        assert refused(generated, wire + b"0") is None


@by_dialect
def test_a_length_up_to_the_maximum_is_read_and_one_more_is_refused(dialect: Dialect) -> None:
    codec = Codec(dialect)
    shapes = {(row.kind, row.length_kind, row.length): row for row in dialect.elements if row.length_kind is not FIXED}
    for row in shapes.values():
        if not codec.recurs((row.number,)):
            continue
        try:
            wide = Codec(dialect.but("wide", elements=(dataclasses.replace(row, length=row.length + 1),)))
        except SettingsError:
            continue  # the prefix says no more
        for length in (row.length, row.length + 1):
            character = "A" if row.kind in {Kind.A, Kind.AS} else "-" if row.kind is Kind.S else "1"
            text = ("C" if row.kind is Kind.XN else character) + character * (length - 1)
            mti = VERSION_DIGITS[dialect.version] + "100"
            message = Message(mti, {row.number: bytes(length) if row.kind is Kind.B else text})
            wire = wide.encode(message)
            fits = length == row.length
            assert refused(generated_decoder(codec, wire), wire) == (message if fits else None)
            judged = verdict(codec._table.decode, wire)
            above = (
                "decode",
                "length above the maximum",
                str(row.number),
                str(places_of(codec, wire)[1]),
                str(row.number),
            )
            assert judged == (message if fits else above)
            encoder = encoder_of(codec, (row.number,))
            assert refused(encoder, message.mti, message.elements) == (wire if fits else None)


WRONG_VALUES: tuple[object, ...] = (
    1,
    None,
    1.5,
    True,
    b"12",
    bytearray(b"12345678"),
    "",
    "1",
    "é",
    "²" * 6,
    "A" * 1200,
)
WRONG_VALUES += ("12345a", "12 456", "+12345", "0000_0", "\uff11" * 6, "c00000000", "4111=29d", b"", ["1"], "12\n456")


@by_dialect
def test_a_value_that_does_not_fit_is_refused_by_both_mechanisms_alike(dialect: Dialect) -> None:
    codec = Codec(dialect)
    for message in corpus_of(dialect):
        numbers = tuple(sorted(message.elements))
        generated = encoder_of(codec, numbers)
        rows = {row.number: row for row in dialect.elements}
        for number in numbers:
            for wrong in WRONG_VALUES:
                elements: dict[int, str | bytes] = {**message.elements, number: wrong}  # type: ignore[dict-item]  # wrong on purpose
                judged = verdict(codec._table.encode, Message(message.mti, elements))
                quick = refused(generated, message.mti, elements)
                # Digits that have to be filled with zeros are the table's to fill.
                filled = isinstance(wrong, str) and len(wrong) < rows[number].length and rows[number].kind is Kind.N
                assert quick == judged or (quick is None and (filled or isinstance(judged, tuple)))
                if isinstance(judged, tuple):
                    assert judged[2] == str(number)


@by_dialect
def test_warm_and_cold_codecs_say_the_same(dialect: Dialect) -> None:
    warm, cold = Codec(dialect), Codec(dialect)
    message = corpus_of(dialect)[-1]
    wire = cold.encode(message)
    for _ in range(COMPILE_AFTER):
        assert warm.decode(wire) == message
        assert warm.encode(message) == wire
    assert len(warm._decoders) == len(warm._compiled) == 1
    chance = random.Random(1987)
    for _ in range(200):
        damaged = mutant(chance, wire, wire)
        assert verdict(warm.decode, damaged) == verdict(cold._table.decode, damaged)
    for wrong in ("abcd", "100", "9100", "", 100, None):
        broken = Message(wrong, message.elements)  # type: ignore[arg-type]  # wrong on purpose
        assert verdict(warm.encode, broken) == ("encode", "not a message type of this version", "mti")
        assert verdict(cold._table.encode, broken) == verdict(warm.encode, broken)


def test_generated_functions_come_after_sixteen_good_messages_and_are_bounded() -> None:
    codec = Codec(DIALECTS["iso1987-ascii"])
    fixed = [row for row in codec.dialect.elements if row.kind is Kind.N and row.length_kind is FIXED][:10]
    shapes = [[row for bit, row in enumerate(fixed) if shape >> bit & 1] for shape in range(COMPILED_MAX + 5)]
    for rows in shapes:
        message = Message("0100", {row.number: "0" * row.length for row in rows})
        wire = codec.encode(message)
        for _ in range(COMPILE_AFTER - 2):
            assert codec.encode(message) == wire
        before = len(codec._compiled), len(codec._decoders)
        for _ in range(COMPILE_AFTER - 1):
            codec.decode(wire)
        assert (len(codec._compiled), len(codec._decoders)) == before
        assert codec.encode(message) == wire
        assert codec.decode(wire) == message
    assert len(codec._compiled) == len(codec._decoders) == COMPILED_MAX
    assert not codec._decoded
    assert not codec._encoded


def test_one_function_serves_every_order_of_the_elements_and_the_orders_are_bounded() -> None:
    codec = Codec(DIALECTS["iso1987-ascii"])
    chance = random.Random(7)
    wire = codec.encode(Message("0100", dict(PURCHASE)))
    for _ in range(1500):
        order = list(PURCHASE)
        chance.shuffle(order)
        assert codec.encode(Message("0100", {number: PURCHASE[number] for number in order})) == wire
    assert len(codec._compiled) == 1
    assert 0 < len(codec._encoders) <= 1024


def test_counting_bitmaps_is_bounded() -> None:
    codec = Codec(DIALECTS["iso1987-ascii-binary"])
    rows = [row for row in codec.dialect.elements if row.kind is Kind.N and row.length_kind is FIXED]
    for shape in range(1, 4500):
        present = [row for bit, row in enumerate(rows) if shape >> bit & 1]
        wire = codec.encode(Message("0100", {row.number: "0" * row.length for row in present}))
        codec.decode(wire)
        codec.peek(wire)
    assert len(codec._decoded) <= 4096
    assert len(codec._encoded) <= 4096
    assert len(codec._steps) <= 4096


def test_encoding_leaves_the_message_as_it_is() -> None:
    codec = Codec(DIALECTS["iso1987-bcd"])
    elements: dict[int, str | bytes] = {41: "T1", 35: "4111=29", 39: "00", 2: "411"}
    message = Message("0110", elements)
    for _ in range(COMPILE_AFTER + 2):
        wire = codec.encode(message)
        assert list(elements.items()) == [(41, "T1"), (35, "4111=29"), (39, "00"), (2, "411")]
        assert codec.decode(wire).elements == {2: "411", 35: "4111D29", 39: "00", 41: "T1      "}


@pytest.mark.parametrize("name", PLAIN)
def test_errors_and_representations_never_hold_a_value(name: str) -> None:
    codec = Codec(DIALECTS[name])
    message = Message("0100", dict(PURCHASE))
    wire = codec.encode(message)
    chance = random.Random(3)
    pickled: list[DecodeError] = []
    shown = [repr(message), pretty_repr(message), f"{message}"]
    for _ in range(500):
        try:
            codec.decode(mutant(chance, wire, wire))
        except DecodeError as error:
            shown += [str(error), repr(error), repr(error.partial), pretty_repr(error.partial)]
            pickled.append(error)
    for number in message.elements:
        for wrong in ("4111111111111111x", b"4111111111111111", 4111111111111111):
            broken = Message("0100", {**message.elements, number: wrong})  # type: ignore[dict-item]  # wrong on purpose
            judged = verdict(codec.encode, broken)
            shown += [] if isinstance(judged, bytes) else [str(judged)]
    shown.append(str(verdict(codec.encode, Message("4111", {}))))
    assert len(shown) > 300
    shown += [str(pickle.dumps(error)) for error in pickled]
    for text in shown:
        for secret in ("4111", "1111", "5000", "654321", "123456", "REF", "TERM"):
            assert secret not in text


@pytest.mark.parametrize("name", PLAIN)
def test_a_wrong_character_leaves_the_rest_readable_so_that_it_can_be_answered(name: str) -> None:
    codec = Codec(DIALECTS[name])
    wire = codec.encode(Message("0100", {3: "000000", 4: "000000005000", 11: "654321", 41: "TERMID01"}))
    amount = codec.encode(Message("0100", {3: "000000"})).__len__()  # where DE4 begins
    damaged = wire[:amount] + b"\xfa" + wire[amount + 1 :]
    with pytest.raises(DecodeError) as caught:
        codec.decode(damaged)
    assert (caught.value.path, caught.value.offset, caught.value.element) == ("4", amount, 4)
    assert caught.value.partial == Message("0100", {3: "000000", 11: "654321", 41: "TERMID01"})
    # Where the rest does not fit up to the last byte, what came after the fault is not to be trusted.
    with pytest.raises(DecodeError) as caught:
        codec.decode(damaged + b"0")
    assert caught.value.path == "4"
    assert caught.value.partial == Message("0100", {3: "000000"})
    with pytest.raises(DecodeError) as caught:
        codec.decode(damaged[:-1])
    assert caught.value.path == "4"
    assert caught.value.partial == Message("0100", {3: "000000"})


def test_an_unknown_bit_names_its_element_and_keeps_what_was_read() -> None:
    codec = codec_for("iso1987-ascii-binary")
    wire = bytearray(codec.encode(Message("0800", {7: "0604123456", 11: "654321", 70: "301"})))
    wire[4 + 8] |= 0x80  # bit 65
    for dialect_name in ("iso1987-ascii-binary",):
        with pytest.raises(DecodeError) as caught:
            codec_for(dialect_name).decode(bytes(wire))
    assert (caught.value.path, caught.value.element, caught.value.offset) == ("65", 65, len(wire) - 3)
    assert caught.value.partial == Message("0800", {7: "0604123456", 11: "654321"})


def test_de65_is_data_only_where_the_dialect_has_a_row_for_it() -> None:
    row = Element(65, "extended", Kind.B, FIXED, 8, Mask.PUBLIC)
    codec = Codec(DIALECTS["iso1987-ascii"].but("with-65", elements=(row,), third=Third.DATA))
    message = Message("0800", {11: "654321", 65: b"\x80\0\0\0\0\0\0\1", 70: "301"})
    assert codec.decode(codec.encode(message)) == message
    with pytest.raises(EncodeError) as caught:
        codec_for("iso1987-ascii").encode(message)
    assert caught.value.path == "65"


@pytest.mark.parametrize(
    ("name", "wire", "path", "offset"),
    [
        ("iso1987-ascii", b"", "mti", 0),
        ("iso1987-ascii", b"080", "mti", 0),
        ("iso1987-ascii", b"ABCD", "mti", 0),
        ("iso1987-ascii", b"1800", "mti", 0),
        ("iso1987-ascii", b"0800" + b"822", "bitmap", 4),
        ("iso1987-ascii", b"0800" + b"0220000X00000000", "bitmap", 11),
        ("iso1987-ascii", b"0800" + b"8220000000000000" + b"04", "bitmap", 20),
        ("iso1987-ascii", b"0800" + b"0020000000000000" + b"65432", "11", 20),
        ("iso1987-ascii", b"0800" + b"0020000000000000" + b"65432 ", "11", 25),
        ("iso1987-ascii", b"0800" + b"0020000000000000" + b"654321!", "end", 26),
        ("iso1987-ascii", b"0100" + b"4000000000000000" + b" 6411111", "2", 20),
        ("iso1987-ascii", b"0100" + b"4000000000000000" + b"20" + b"4" * 20, "2", 20),
        ("iso1987-ascii", b"0100" + b"4000000000000000" + b"1", "2", 20),
        ("iso1987-ascii", b"0100" + b"4000000000000000" + b"+6411111", "2", 20),
        ("iso1987-ascii-two", b"0800" + b"8220000000000000" + b"0400000000000000", "bitmap", 4),
        ("iso1987-bcd", b"\x08", "mti", 0),
        ("iso1987-bcd", b"\x0a\x00" + bytes(8), "mti", 0),
        ("iso1987-bcd", b"\x08\x00" + b"\x00\x20" + bytes(6) + b"\x65\x4a\x21", "11", 11),
        ("iso1987-bcd", b"\x01\x00" + b"\x40" + bytes(7) + b"\x0f" + b"\x41" * 8, "2", 10),
        ("iso1987-bcd", b"\x01\x00" + b"\x40" + bytes(7) + b"\x03" + b"\x14\x11", "2", 11),
        ("iso1987-bcd", b"\x01\x00" + bytes(4) + b"\x20" + bytes(3) + b"\x03" + b"\x41\x11", "35", 12),
        ("iso1987-bcd", b"\x01\x00" + bytes(4) + b"\x20" + bytes(3) + b"\x04" + b"\x4e\x11", "35", 11),
    ],
)
def test_errors_say_where(name: str, wire: bytes, path: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        codec_for(name).decode(wire)
    assert (caught.value.path, caught.value.offset) == (path, offset)
    assert caught.value.element == (int(path) if path.isdigit() else 0)
    assert (caught.value.partial is None) == (path == "mti")


@pytest.mark.parametrize("name", PLAIN)
def test_peek_gives_what_decode_gives_or_nothing(name: str) -> None:
    codec = Codec(DIALECTS[name])
    chance = random.Random(11)
    wire = codec.encode(Message("0100", dict(PURCHASE)))
    assert codec.peek(wire) == ("0100", "654321")
    assert codec.peek(codec.encode(Message("0800", {11: "000001", 39: "00"}))) == ("0800", "000001")
    assert codec.peek(codec.encode(Message("0800", {7: "0604123456"}))) is None
    for end in range(len(wire)):
        assert codec.peek(wire[:end]) in {None, ("0100", "654321")}
    for message in corpus(DIALECTS[name]):
        for _ in range(20):
            damaged = mutant(chance, codec.encode(message), wire)
            judged, peeked = verdict(codec.decode, damaged), codec.peek(damaged)
            if isinstance(judged, Message):
                assert peeked == ((judged.mti, judged.elements[11]) if 11 in judged.elements else None)


def test_codecs_are_registered_by_name_and_made_once() -> None:
    assert codec_for("iso1987-bcd") is codec_for("iso1987-bcd")
    with pytest.raises(SettingsError, match="iso1987-ascii, "):
        codec_for("iso1987")


def test_wire_forms_are_those_of_the_standard() -> None:
    echo = Message("0800", {7: "0604123456", 11: "654321", 70: "301"})
    assert codec_for("iso1987-ascii").encode(echo) == (
        b"0800" + b"8220000000000000" + b"0400000000000000" + b"0604123456" + b"654321" + b"301"
    )
    assert codec_for("iso1987-bcd").encode(echo) == bytes.fromhex(
        "0800" + "8220000000000000" + "0400000000000000" + "0604123456" + "654321" + "0301"
    )
    card = Message("0100", {2: "411111111111116", 35: "41116D291", 48: "A" * 15, 55: b"\x82\x00"})
    assert codec_for("iso1987-bcd").encode(card) == bytes.fromhex(
        "0100" + "4000000020010200" + "15" + "0411111111111116" + "09" + "41116D291F" + "0015" + "41" * 15 + "00028200"
    )
    assert codec_for("iso1987-bcd").encode(Message("0100", {35: "41116=291"}))[-5:].hex() == "41116d291f"
    two = codec_for("iso1987-ascii-two").encode(Message("0800", {11: "654321"}))
    assert two == b"0800" + b"0020000000000000" + b"0" * 16 + b"654321"
    ebcdic = Codec(EBCDIC).encode(Message("0800", {11: "654321", 41: "T1", 52: b"01234567"}))
    assert ebcdic == "0800".encode("cp500") + bytes.fromhex("0020000000801000") + (
        "654321T1      ".encode("cp500") + b"01234567"
    )


def test_bits_of_the_bitmap_ascend() -> None:
    codec = codec_for("iso1987-ascii")
    wire = codec.encode(Message("0100", dict(reversed(PURCHASE.items()))))
    numbers, _ = places_of(codec, wire)
    assert all(a < b for a, b in pairwise(numbers))
