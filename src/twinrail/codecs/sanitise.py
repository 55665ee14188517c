"""Take cardholder data out of a frame so that what is left still replays.

A card number becomes a keyed synthetic one: same length, Luhn valid, the same wherever it occurs, so that a recording
still deduplicates, reverses and matches. What cannot be read is wiped whole, and what cannot be decoded is not kept:
every doubt ends closed. Composites are opened, and each part is treated by its data class; a tag that nobody declares
is zeroed. No length moves, so order and form stay. The key stays with its owner; without it two recordings cannot be
joined by card.

A second pass looks in the outcome for the very numbers seen so far, as ASCII, EBCDIC, packed digits and hex text: the
first pass knows where card numbers belong, the second finds them where they do not. PCI DSS 4.0.1, 3.3.1 and 3.5.1.1.
"""

import hmac
import re
from typing import NamedTuple

from twinrail.codecs import iban, paths
from twinrail.codecs.card_numbers import PAN_MAX, holds_card_number, is_card_number, luhn_digit, luhn_valid
from twinrail.codecs.composites import Parts
from twinrail.codecs.forms import Piece, fills_parts, wholly_open
from twinrail.codecs.iso8583 import Codec, Message
from twinrail.codecs.tagged import EMV_PARTS
from twinrail.errors import DecodeError, EncodeError, TwinrailError
from twinrail.schemas.iso8583.axes import Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Part

VERSION = 2  # of the rules below; written into every recording
KEY_BYTES_MIN = 16  # 128 bits, PCI DSS 3.5.1.1
SEEN_MAX = 1_000_000  # card numbers and IBANs of one capture; past it, frames with new ones are kept as length only

# Numbers that networks and payment services publish for tests: nobody's card, so their first six digits may stay.
TEST_BINS = frozenset(
    {
        "222300", "305693", "353011", "356600", "371449", "378282", "385200", "400000", "401288", "411111",
        "422222", "424242", "510510", "520082", "555555", "555500", "601111", "601100", "630490", "676770",
    }
)  # fmt: skip
# ISO/IEC 7812-1 leaves numbers that begin with 9 to national bodies, by the three digits of their country; 999 is
# nobody's country (ISO 3166-1 leaves 900-999 to users). No issuer can ever have this prefix.
RESERVED_PREFIX = "9999"

_PAN_ELEMENTS = frozenset({2, 34})
_TRACK1_ELEMENT, _TRACK2_ELEMENT, _TRACK3_ELEMENT = 45, 35, 36
_ACCOUNT_ELEMENTS = frozenset({102, 103})
_FILLED_ELEMENTS = frozenset({52, 53, 64, 96, 128})  # PIN block, security control, MACs, message security code
_BLANKS = {Kind.A: "X", Kind.AS: "X", Kind.S: "-", Kind.XN: "C"}  # where no 0 may stand
# Numbers, codes and identifiers with a fixed meaning: never searched for what merely looks like a card number, unless
# the dialect says that they are sensitive.
_PLAIN_ELEMENTS = frozenset({*range(3, 34), *range(37, 43), 49, 50, 51, 54, *range(66, 96), 97, 99, 100})

# Tags whose values say nothing about a person or a secret (EMV Book 3, annex A). All other values are zeroed.
_TAGS_KEPT = frozenset(
    {
        "4F", "82", "84", "8A", "95", "9A", "9B", "9C", "5F24", "5F25", "5F28", "5F2A", "5F30", "5F34", "5F36",
        "9F01", "9F02", "9F03", "9F06", "9F07", "9F08", "9F09", "9F0D", "9F0E", "9F0F", "9F15", "9F16", "9F1A", "9F1C",
        "9F1E", "9F21", "9F27", "9F33", "9F34", "9F35", "9F36", "9F37", "9F39", "9F40", "9F41", "9F53", "9F66", "9F6C",
    }
)  # fmt: skip
_TAG_PAN, _TAG_TRACK2, _TAG_NAME = "5A", "57", "5F20"

_TRACK2_FORM = r"(\d{12,19})([=D])(\d{4})(\d{3})(\d*)\??"
_TRACK1_FORM = r"(%?B)(\d{12,19})\^([^^]{1,40})\^(\d{4})(\d{3})"
_IBAN_FORM = r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}"
_DIGITS_FORM = r"(?<!\d)\d(?:[ -]?\d){11,}(?!\d)"
_TRACK2 = re.compile(_TRACK2_FORM, re.ASCII)
_TRACK1 = re.compile(_TRACK1_FORM + "(.*)", re.ASCII | re.DOTALL)
_IBAN_RUN = re.compile(_IBAN_FORM, re.ASCII)
_DIGIT_RUN = re.compile(_DIGITS_FORM, re.ASCII)
# One pass over free text, so that nothing that has been put in is taken for something found.
_IN_TEXT = re.compile(
    rf"(?P<track1>{_TRACK1_FORM}(\S*))|(?P<track2>{_TRACK2_FORM})|(?P<iban>{_IBAN_FORM})|(?P<digits>{_DIGITS_FORM})",
    re.ASCII,
)
_UNBROKEN = re.compile(r"[0-9]{12,}")
_SEPARATORS = re.compile(r"(?<=\d)[ -](?=\d)", re.ASCII)
_CHUNK = 6  # any stretch of 11 digits or more holds one whole piece of 6 that starts at a multiple of 6
_EBCDIC_TO_ASCII = bytes(
    0x30 + (code & 0x0F) if 0xF0 <= code <= 0xF9 else ord(bytes((code,)).decode("cp500").encode("ascii", "replace"))
    for code in range(256)
)
_HEX_RUN = re.compile(r"[0-9A-Fa-f]{24,}")


class SanitiseError(TwinrailError):
    """A frame that cannot be made safe; the text says which rule, never what it holds."""


class Sanitised(NamedTuple):
    """What is left of a frame: `payload` is None where only its length may be kept, and `why` says for what reason."""

    payload: bytes | None
    length: int  # bytes of the original
    wiped: tuple[str, ...] = ()  # paths of elements that could not be read and were wiped whole
    message: Message | None = None
    why: str = ""


class Sanitiser:
    """The keyed rules of one capture, and the memory of what it has seen.

    `key` has at least 16 bytes and is never part of any output. Not safe for use from two threads at once.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES_MIN:
            raise SanitiseError("the recording key needs at least 16 bytes")
        self._key = key
        self._cards: dict[str, str] = {}
        self._ibans: dict[str, str] = {}
        self._issued: set[str] = set()
        self._lengths: set[int] = set()
        self._chunks: set[str] = set()  # a million at most, there are no more pieces of six digits

    def __repr__(self) -> str:
        return f"Sanitiser(cards={len(self._cards)}, ibans={len(self._ibans)})"

    def pan(self, number: str) -> str:
        """Give the synthetic card number of a card number of 12 to 19 digits; SanitiseError for anything else."""
        known = self._cards.get(number)
        if known is not None:
            return known
        if not (12 <= len(number) <= 19 and number.isascii() and number.isdigit()):
            raise SanitiseError("not a card number")
        self._room()
        prefix = number[:6] if number[:6] in TEST_BINS else RESERVED_PREFIX
        width = len(number) - len(prefix) - 1
        body = prefix + str(self._draw("pan", number) % 10**width).zfill(width)
        synthetic = body + luhn_digit(body)
        self._cards[number] = synthetic
        self._issued.add(synthetic)
        self._lengths.add(len(number))
        self._chunks.update(number[start : start + _CHUNK] for start in range(len(number) - _CHUNK + 1))
        return synthetic

    def iban(self, number: str) -> str:
        """Give the synthetic IBAN of an IBAN without blanks: country and shape kept, check digits valid (ISO 13616)."""
        known = self._ibans.get(number)
        if known is not None:
            return known
        if not _IBAN_RUN.fullmatch(number):
            raise SanitiseError("not an IBAN")
        self._room()
        drawn = self._draw("iban", number)
        letters = []
        for character in number[4:]:
            base, first = (10, "0") if character.isdigit() else (26, "A")
            drawn, step = divmod(drawn, base)
            letters.append(chr(ord(first) + step))
        synthetic = iban.of(number[:2], "".join(letters))
        self._ibans[number] = synthetic
        self._issued.add(synthetic)
        return synthetic

    def message(self, dialect: Dialect, message: Message) -> tuple[Message, tuple[str, ...]]:
        """Give the message without cardholder data, and the paths of what was wiped because it could not be read."""
        rows = {row.number: row for row in dialect.elements}
        wiped: list[str] = []
        clean: dict[int, str | bytes] = {}
        # Whole card numbers first: free text is searched for the ones that the same message names.
        for number in sorted(message.elements, key=lambda number: (number not in _PAN_ELEMENTS, number)):
            row = rows.get(number)
            if number in clean:
                continue  # one of several that are read as one
            if row is None:
                clean[number] = _zeros(message.elements[number])
            elif row.layout is None or wholly_open(row.layout) or number in _FILLED_ELEMENTS:
                clean[number] = self._element(row, message.elements[number], wiped)
            else:
                clean |= self._composite(dialect, message, row, wiped)
        return Message(message.mti, {number: clean[number] for number in message.elements}), tuple(wiped)

    def frame(self, codec: Codec, payload: bytes) -> Sanitised:
        """Give what may be kept of one card frame, its length header taken off."""
        try:
            message, wiped = self.message(codec.dialect, codec.decode(payload))
            clean = codec.encode(message)
        except DecodeError:
            return Sanitised(None, len(payload), why="undecodable")
        except (EncodeError, SanitiseError):
            return Sanitised(None, len(payload), why="cannot be made safe")
        if self.leaks(clean):
            return Sanitised(None, len(payload), why="a number seen before")
        return Sanitised(clean, len(payload), wiped, message)

    def text(self, value: str) -> str:
        """Give free text with every card number, track and IBAN in it replaced, each by one of the same length."""
        return _IN_TEXT.sub(self._found, value)

    def _found(self, found: re.Match[str]) -> str:
        kind, text = found.lastgroup, found[0]
        if kind == "track1":
            return self._track1(text)
        if kind == "track2":
            return self._track2(text)
        return self._ibans_in(text) if kind == "iban" else self._digits(text)

    def leaks(self, data: bytes) -> bool:
        """Say whether any number seen so far stands in the bytes, in clear, EBCDIC, packed or as hex text.

        A number that is also a synthetic one of this capture does not count: it may stand there on its own account.
        """
        if not self._cards and not self._ibans:
            return False
        readings = _readings(data)
        readings.append(_SEPARATORS.sub("", readings[0]))
        return any(self._named_in(text) for text in readings)

    def _named_in(self, text: str) -> bool:
        for digits in _UNBROKEN.findall(text):
            if not any(digits[start : start + _CHUNK] in self._chunks for start in range(0, len(digits), _CHUNK)):
                continue  # one look in six digits: the usual end
            for length in self._lengths:
                for start in range(len(digits) - length + 1):
                    window = digits[start : start + length]
                    if window in self._cards and window not in self._issued:
                        return True
        for run in _IBAN_RUN.findall(text) if self._ibans else ():
            for end in range(15, len(run) + 1):
                if run[:end] in self._ibans and run[:end] not in self._issued:
                    return True
        return False

    def _element(self, row: Element, value: str | bytes, wiped: list[str]) -> str | bytes:
        number = row.number
        try:
            if number in _FILLED_ELEMENTS or number == _TRACK3_ELEMENT:
                return _blank(row.kind, value)
            if isinstance(value, str):
                if number in _PAN_ELEMENTS:
                    return self.pan(value)
                if number == _TRACK2_ELEMENT:
                    return self._track2(value)
                if number == _TRACK1_ELEMENT:
                    return self._track1(value)
                if number in _ACCOUNT_ELEMENTS:
                    return self._account(value)
                if number in _PLAIN_ELEMENTS and row.mask in {Mask.PUBLIC, Mask.PERSONAL}:
                    return value
            return self._by_class(row, value)
        except _Unreadable:
            wiped.append(str(number))
            return _blank(row.kind, value)
        except SanitiseError:
            if len(self._issued) >= SEEN_MAX:
                raise
            wiped.append(str(number))
            return _blank(row.kind, value)

    def _by_class(self, row: Element | Part, value: str | bytes) -> str | bytes:
        """Treat a value of which nothing but its row is known."""
        if isinstance(value, bytes):
            return value if row.mask is Mask.PUBLIC else bytes(len(value))
        if row.mask is Mask.PAN:
            return self.pan(value)
        if row.mask in {Mask.SENSITIVE, Mask.SECRET}:
            return self._track2(value) if row.kind is Kind.Z else _blank(row.kind, value)
        if row.kind not in {Kind.N, Kind.XN}:
            return self.text(value)
        # Numbers with a fixed meaning; one that passes as a card number could be one in the wrong place.
        if is_card_number(value) and value[0] != "0":
            return self.pan(value)
        in_parts = len(value) > PAN_MAX and fills_parts(row.layout, len(value))
        return _blank(row.kind, value) if not in_parts and holds_card_number(value) else value

    def _composite(self, dialect: Dialect, message: Message, row: Element, wiped: list[str]) -> dict[int, str | bytes]:
        """Give the elements that are read as one with a row, each part treated; all wiped where one cannot be."""
        elements = message.elements
        try:
            parts = paths.opened_in(dialect, message, row.number)
            spread = {} if parts is None else paths.spread(dialect, message, row.number, self._parts(parts))
            return {number: value for number, value in spread.items() if value is not None}
        except (_Unreadable, DecodeError, EncodeError, SanitiseError):
            if len(self._issued) >= SEEN_MAX:
                raise
        numbers = [number for number in paths.read_as_one(row) if number in elements]
        wiped += map(str, numbers)
        return {number: _blank(row.kind, elements[number]) for number in numbers}

    def _parts(self, parts: Parts) -> Parts:
        """Treat every part of a level; the depth is bounded by `Parts`."""
        return parts.mapped(lambda piece: self._part(parts, piece))

    def _part(self, parts: Parts, piece: Piece) -> str | bytes:
        part, value = piece.part, parts.value_of(piece)
        kind = Kind.ANS if part is None else part.kind
        if piece.layout is not None:
            try:
                return self._parts(parts.inside(piece)).value()
            except DecodeError:  # networks put bytes that are no objects into tags whose form says so
                return _blank(kind, value)
        if isinstance(parts.layout, BerTlv) and isinstance(value, bytes) and part is EMV_PARTS.get(piece.key):
            return self._tag(piece.key, value)
        if part is None:
            return _blank(kind, value)
        return self._by_class(part, value)

    def _track2(self, value: str) -> str:
        found = _TRACK2.fullmatch(value)
        if found is None:
            raise _Unreadable
        number, separator, expiry, service_code, discretionary = found.groups()
        end = value[found.end(5) :]  # the end sentinel, where it was recorded
        return f"{self.pan(number)}{separator}{expiry}{service_code}{'0' * len(discretionary)}{end}"

    def _track1(self, value: str) -> str:
        found = _TRACK1.fullmatch(value)
        if found is None:
            raise _Unreadable
        start, number, name, expiry, service_code, discretionary = found.groups()
        return f"{start}{self.pan(number)}^{'X' * len(name)}^{expiry}{service_code}{'0' * len(discretionary)}"

    def _account(self, value: str) -> str:
        bare = value.rstrip(" ")
        blanks = value[len(bare) :]
        if _IBAN_RUN.fullmatch(bare):
            return self.iban(bare) + blanks
        if 12 <= len(bare) <= 19 and bare.isascii() and bare.isdigit():
            return self.pan(bare) + blanks
        drawn = self._draw("account", bare)
        characters = []
        for character in bare:
            drawn, digit = divmod(drawn, 10)
            characters.append(str(digit) if character.isalnum() else character)
        return "".join(characters) + blanks

    def _ibans_in(self, run: str) -> str:
        for end in range(min(len(run), 34), 14, -1):  # the longest that validates: nothing of it is left behind
            if run[:end] in self._ibans or _iban_like(run[:end]):
                return self.iban(run[:end]) + run[end:]
        return run

    def _digits(self, run: str) -> str:
        digits = run.replace(" ", "").replace("-", "")
        if len(digits) > 19:
            return re.sub(r"\d", "0", run)  # too long to tell where a card number would start
        if digits not in self._cards and (digits[0] == "0" or not luhn_valid(digits)):
            return run
        replaced = iter(self.pan(digits))
        return "".join(next(replaced) if character.isdigit() else character for character in run)

    def _tag(self, tag: str, value: bytes) -> bytes:
        """Treat the value of a tag by what EMV says of it."""
        if tag == _TAG_PAN:
            return self._packed_pan(value.hex())
        if tag == _TAG_TRACK2:
            return self._packed_track2(value.hex())
        if tag == _TAG_NAME:
            return b"X" * len(value)
        return value if tag in _TAGS_KEPT else bytes(len(value))

    def _packed_pan(self, nibbles: str) -> bytes:
        digits = nibbles.rstrip("f")
        return bytes.fromhex(self.pan(digits) + "f" * (len(nibbles) - len(digits)))

    def _packed_track2(self, nibbles: str) -> bytes:
        track = nibbles.rstrip("f")
        rebuilt = self._track2(track.replace("d", "D")).replace("D", "d")
        return bytes.fromhex(rebuilt + "f" * (len(nibbles) - len(track)))

    def _draw(self, kind: str, value: str) -> int:
        return int.from_bytes(hmac.digest(self._key, f"{kind}:{value}".encode(), "sha256"), "big")

    def _room(self) -> None:
        if len(self._issued) >= SEEN_MAX:
            raise SanitiseError("more card numbers than one capture remembers")


class _Unreadable(Exception):  # noqa: N818 - a signal within this module, never an error anyone sees
    """A value whose parts cannot be told apart."""


def _iban_like(text: str) -> bool:
    """Say whether the check digits are right (ISO 7064 MOD 97-10), in any country: what may be an IBAN is one here."""
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _zeros(value: str | bytes) -> str | bytes:
    return bytes(len(value)) if isinstance(value, bytes) else "0" * len(value)


def _blank(kind: Kind, value: str | bytes) -> str | bytes:
    """Give nothing of a value, in characters that its kind allows."""
    if isinstance(value, str) and kind in _BLANKS:
        return (_BLANKS[kind] + "0" * len(value))[: len(value)] if kind is Kind.XN else _BLANKS[kind] * len(value)
    return _zeros(value)


def _readings(data: bytes) -> list[str]:
    """Give every text that the bytes could be read as by somebody who looks for digits."""
    plain = data.decode("latin-1")
    readings = [plain, data.translate(_EBCDIC_TO_ASCII).decode("latin-1"), data.hex()]
    for found in _HEX_RUN.finditer(plain):
        run = found[0]
        for shift in (0, 1):
            inner = bytes.fromhex(run[shift : len(run) - (len(run) - shift) % 2])
            readings += [inner.decode("latin-1"), inner.translate(_EBCDIC_TO_ASCII).decode("latin-1")]
    return readings
