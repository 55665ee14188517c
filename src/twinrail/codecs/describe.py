"""Showing messages to people: the only way in which anything of a message may be displayed.

Masking fails closed. A card number shows its first six and last four digits, and only if it is one; tracks, PIN
blocks, cryptograms, keys and MACs show their length; free text is shown only if nothing in it could be a card number
or an IBAN; an unknown tag, an element without a row and a value of an unexpected type show their length. The mask is
applied before anything is parsed for words, and words are made of tables, dates and amounts, never of what is masked.
PCI DSS 3.3 and 3.4.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.table import Message
from twinrail.codecs.tlv import Node, Tlv, parse
from twinrail.errors import DecodeError
from twinrail.money import CURRENCIES, alphabetic, show
from twinrail.schemas.iso8583 import codes
from twinrail.schemas.iso8583.elements import Composite, Dialect, Element, Kind, Mask
from twinrail.schemas.iso8583.mti import is_repeat

_CELLS = 16  # bytes in one hex window
_HIDDEN = "··"
_LINES_MAX = 512  # of one message; what is beyond is said to be left out
# Twelve digits or more, whatever separates them; and what could be an IBAN (ISO 13616).
_DIGIT_RUN = re.compile(r"\d(?:[ \-./]{0,2}\d){11,}", re.ASCII)
_IBAN = re.compile(r"[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,}", re.ASCII)
_REPLACEMENT = re.compile(r"\d{24}[CD]\d{8}[CD]\d{8}", re.ASCII)  # DE95: DE4, DE5, DE28, DE29
_PAN_MIN, _PAN_MAX = 13, 19  # digits of what passes as a card number by its check digit
_TEXT_KINDS = frozenset({Kind.A, Kind.AN, Kind.ANS})
_CURRENCY_OF_AMOUNT = {4: 49, 5: 50, 6: 51, 8: 51}


class Line(NamedTuple):
    """One line about one element: where it stands, what it is called, what may be shown, and what that means."""

    path: str  # "mti", "39", "55.9F02"
    name: str
    value: str
    words: str


def describe(dialect: Codec | Dialect, message: Message) -> list[Line]:
    """Say of every element what may be said, in the order of the bitmap, DE55 opened; at most 512 lines."""
    rows = _rows(dialect)
    lines = [Line("mti", "message type", *_mti(message.mti))]
    for number in sorted(message.elements):
        value = message.elements[number]
        row = rows.get(number)
        if row is None:
            lines.append(Line(str(number), "not an element of the dialect", _length_only(value), ""))
            continue
        lines.append(Line(str(number), row.name, masked(row, value), _words(row, value, message)))
        if row.composite is Composite.BER_TLV and isinstance(value, bytes):
            lines += _tags(value, str(number))
        if len(lines) > _LINES_MAX:
            return [*lines[:_LINES_MAX], Line("", "", "", "the rest is left out")]
    return lines


def summary(dialect: Codec | Dialect, message: Message) -> str:
    """Say in one line what a message is: type, STAN, masked card, amount, answer.

    >>> from twinrail.codecs.iso8583 import codec_for
    >>> summary(codec_for("iso1987-ascii"), Message("0800", {11: "000001", 70: "301"}))
    '0800 network management request | stan 000001 | network_management_code 301 echo test'
    """
    rows = _rows(dialect)
    parts = [" ".join(part for part in _mti(message.mti) if part)]
    for number, label in ((11, "stan"), (2, "pan"), (4, ""), (37, "rrn"), (39, ""), (70, "")):
        value, row = message.elements.get(number), rows.get(number)
        if value is None or row is None:
            continue
        shown, words = masked(row, value), _words(row, value, message)
        if number == 4 and words:
            parts.append(words)
        else:
            parts.append(" ".join(part for part in (label or row.name, shown, words) if part))
    return " | ".join(parts)


def to_dict(dialect: Codec | Dialect, message: Message) -> dict[str, object]:
    """Give what `describe` says as plain data for JSON, masked alike."""
    lines = describe(dialect, message)
    rows = dialect.dialect if isinstance(dialect, Codec) else dialect
    return {
        "dialect": rows.name,
        "mti": lines[0].value,
        "words": lines[0].words,
        "elements": [line._asdict() for line in lines[1:]],
    }


def masked(element: Element, value: str | bytes) -> str:
    """Give what may be shown of the value of an element; whatever does not look as its row says is hidden whole."""
    if not isinstance(value, str):
        return _length_only(value)
    if element.mask is Mask.PAN:
        return _masked_pan(value)
    if element.mask is Mask.PUBLIC and element.kind in {Kind.N, Kind.XN}:
        # A signed amount without its sign is no amount: it is judged, and hidden, whole.
        digits = value[1:] if element.kind is Kind.XN and value[:1] in {"C", "D"} else value
        plain = digits.isascii() and digits.isdigit() and len(value) <= element.length
        # Longer numbers (DE90) are made of parts; one of a card number's length could be one in the wrong place.
        return value if plain and not (len(digits) <= _PAN_MAX and _holds_card_number(digits)) else _length_only(value)
    if element.number == 95 and _REPLACEMENT.fullmatch(value):
        return value
    if element.mask is Mask.PUBLIC and element.kind in _TEXT_KINDS:
        plain = value.isascii() and value.isprintable() and len(value) <= element.length
        return value if plain and not _holds_card_number(value) else _length_only(value)
    if element.mask is Mask.PERSONAL and element.kind in _TEXT_KINDS:
        return value if _harmless(value) else _length_only(value)
    return _length_only(value)


def window(data: bytes, offset: int) -> str:
    """Show the bytes around an offset in hex, with a caret below it: the message type and bitmap, the rest hidden.

    Nothing is known of the dialect here, so the first bytes are shown only where they look like a message type and a
    bitmap and hold no digits that could be a card number.
    """
    clear = _structural_bytes(data)
    offset = max(0, min(offset, len(data)))
    start = max(0, min(offset - _CELLS // 2, len(data) - _CELLS))
    end = min(len(data), start + _CELLS)
    cells = [f"{data[at]:02x}" if at < clear else _HIDDEN for at in range(start, end)]
    lead = f"{start:6d}  "
    caret = " " * (len(lead) + 3 * (offset - start)) + "^^"
    return f"{lead}{' '.join(cells)}\n{caret} byte {offset} of {len(data)}"


def _rows(dialect: Codec | Dialect) -> dict[int, Element]:
    rows = dialect.dialect if isinstance(dialect, Codec) else dialect
    return {row.number: row for row in rows.elements}


def _length_only(value: object) -> str:
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    return f"[{len(value)} characters]" if isinstance(value, str) else "[hidden]"


def _masked_pan(value: str) -> str:
    """Show the first six and the last four digits of a card number; fewer than twelve digits are not one."""
    if not (value.isascii() and value.isdigit() and 12 <= len(value) <= 19):
        return _length_only(value)
    hidden = len(value) - 10
    # Of the shortest numbers six and four would leave too little hidden.
    return f"{value[:6]}{'*' * hidden}{value[-4:]}" if hidden >= 4 else f"{'*' * (len(value) - 4)}{value[-4:]}"


def _harmless(text: str) -> bool:
    """Say whether free text holds nothing that could be a card number or an IBAN."""
    return text.isascii() and text.isprintable() and not _DIGIT_RUN.search(text) and not _IBAN.search(text)


def _holds_card_number(text: str) -> bool:
    """Say whether the text holds a digit run that passes as a card number, in whatever part of it."""
    for found in _DIGIT_RUN.finditer(text):
        digits = "".join(character for character in found[0] if character.isdigit())
        for size in range(_PAN_MIN, _PAN_MAX + 1):
            starts = (at for at in range(len(digits) - size + 1) if digits[at] != "0")
            if any(_luhn(digits[at : at + size]) for at in starts):
                return True
    return False


def _luhn(digits: str) -> bool:
    """Check the last digit against the others (ISO/IEC 7812-1 annex B)."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(doubled[int(d)] if place & 1 else int(d) for place, d in enumerate(reversed(digits)))
    return total % 10 == 0


def _structural_bytes(data: bytes) -> int:
    """Give how many bytes at the start are certainly message type and bitmap."""
    if _is_mti(data[:4].decode("latin-1")):
        bitmap = data[4:20]
        as_hex = len(bitmap) == 16 and all(byte in b"0123456789ABCDEFabcdef" for byte in bitmap)
        end = 20 if as_hex else 12
        readable = data[:end].decode("latin-1")
    elif _is_mti(data[:2].hex()):
        end = 10
        readable = data[:end].hex()
    else:
        return 0
    digits = "".join(character if character in "0123456789" else " " for character in readable)
    return 0 if any(_holds_card_number(run) for run in digits.split()) else min(end, len(data))


def _is_mti(text: str) -> bool:
    return (
        len(text) == 4
        and text[0] in "012"
        and text[1] in codes.CLASSES
        and text[2] in codes.FUNCTIONS
        and text[3] in codes.ORIGINS
    )


def _mti(mti: str) -> tuple[str, str]:
    """Give the message type and its words; the version goes without saying where it is 1987."""
    if not (len(mti) == 4 and mti.isascii() and mti.isdigit()):
        return "[hidden]", ""
    version = codes.VERSIONS.get(mti[0], "unknown version")
    words = f"{codes.CLASSES.get(mti[1], 'unknown class')} {codes.FUNCTIONS.get(mti[2], 'unknown function')}"
    origin = codes.ORIGINS.get(mti[3], "")
    extra = [part for part in ("" if mti[0] == "0" else version, origin) if part]
    if is_repeat(mti) and "repeat" not in origin:
        extra.append("repeat")
    return mti, ", ".join([words, *extra])


# Words: what a value that may be shown means.


def _words(row: Element, value: str | bytes, message: Message) -> str:
    """Say what the value means; only of what the mask shows, DE54 excepted, which is made of amounts."""
    if not isinstance(value, str):
        return ""
    if row.number == 54:
        return _additional_amounts(value)
    if row.mask is not Mask.PUBLIC or masked(row, value) != value:
        return ""
    if row.number == 95:
        return _money(value[:12], message.elements.get(49))
    if row.number in _CURRENCY_OF_AMOUNT:
        return _money(value, message.elements.get(_CURRENCY_OF_AMOUNT[row.number]))
    say = _SAY.get(row.number)
    return say(value) if say else ""


def _money(amount: str, currency: object) -> str:
    if isinstance(currency, str) and currency in CURRENCIES and amount.isascii() and amount.isdigit():
        return show(int(amount), currency)
    return ""


def _processing(value: str) -> str:
    kind = codes.TRANSACTION_TYPES.get(value[:2], "unknown type")
    source, target = (codes.ACCOUNT_TYPES.get(value[at : at + 2], "unknown") for at in (2, 4))
    return kind if value[2:] == "0000" else f"{kind}, from {source} account to {target} account"


def _entry_mode(value: str) -> str:
    known = (codes.PAN_ENTRY_MODES.get(value[:2]), codes.PIN_ENTRY.get(value[2:]))
    return ", ".join(part for part in known if part)


def _currency(value: str) -> str:
    return alphabetic(value) if value in CURRENCIES else ""


def _moment(value: str) -> str:
    return f"{value[:2]}-{value[2:4]} {value[4:6]}:{value[6:8]}:{value[8:]} UTC"


def _original(value: str) -> str:
    return f"{value[:4]} with stan {value[4:10]}" if len(value) == 42 else ""


_SAY: dict[int, Callable[[str], str]] = {
    3: _processing,
    7: _moment,
    12: lambda value: f"{value[:2]}:{value[2:4]}:{value[4:]}",
    13: lambda value: f"{value[:2]}-{value[2:]}",
    22: _entry_mode,
    25: lambda value: codes.POS_CONDITIONS.get(value, ""),
    39: lambda value: codes.RESPONSE_CODES.get(value, ""),
    49: _currency,
    50: _currency,
    51: _currency,
    70: lambda value: codes.NETWORK_CODES.get(value, ""),
    90: _original,
}


def _additional_amounts(value: str) -> str:
    """Say the amounts of DE54: groups of account 2, kind 2, currency 3, sign 1 and 12 digits; else nothing."""
    said: list[str] = []
    for at in range(0, len(value), 20):
        group = value[at : at + 20]
        kind, currency, sign, digits = group[2:4], group[4:7], group[7:8], group[8:]
        whole = len(group) == 20 and digits.isascii() and digits.isdigit() and sign in {"C", "D"}
        if not whole or currency not in CURRENCIES:
            return ""
        amount = show(-int(digits) if sign == "D" else int(digits), currency)
        said.append(f"{codes.AMOUNT_TYPES.get(kind, 'amount')} {amount}")
    return ", ".join(said)


# DE55.


def _tags(value: bytes, path: str) -> Iterator[Line]:
    """Say the tags of one element; constructed ones are opened where they can be."""
    try:
        top = parse(value, path=path)
    except DecodeError as error:
        yield Line(error.path, "cannot be read", "", error.problem)
        return
    currency = _packed_digits(top.get("5F2A"))[-3:]
    waiting: list[tuple[str, Tlv, Node]] = [(path, top, node) for node in reversed(top.nodes)]
    while waiting:
        where, level, node = waiting.pop()
        at = f"{where}.{node.tag}"
        yield _tag_line(at, node, currency)
        if node.constructed:
            try:
                inner = level.inside(node)
            except DecodeError:
                continue  # its form promises objects, its bytes are something else: the length has been said
            waiting += [(at, inner, child) for child in reversed(inner.nodes)]


def _tag_line(path: str, node: Node, currency: str) -> Line:
    tag = codes.TAGS.get(node.tag)
    if tag is None:
        return Line(path, "unknown tag", _length_only(node.value), "")
    if tag.mask is not Mask.PUBLIC or node.constructed:
        return Line(path, tag.name, _length_only(node.value), "")
    shown = node.value.hex().upper()
    text = node.value.decode("ascii", "replace")
    amount = node.tag in {"9F02", "9F03"} and len(node.value) == 6
    if not amount and (len(node.value) > 16 or _holds_card_number(shown) or _holds_card_number(text)):
        return Line(path, tag.name, _length_only(node.value), "")
    return Line(path, tag.name, shown, _tag_words(node, currency))


def _tag_words(node: Node, currency: str) -> str:
    digits = _packed_digits(node.value)
    if node.tag in {"9F02", "9F03"}:
        return _money(digits, currency)
    if node.tag == "5F2A":
        return _currency(digits[-3:])
    if node.tag == "9C":
        return codes.TRANSACTION_TYPES.get(digits, "")
    if node.tag == "8A":
        return codes.RESPONSE_CODES.get(node.value.decode("ascii", "replace"), "")
    return ""


def _packed_digits(value: bytes | None) -> str:
    digits = value.hex() if value else ""
    return digits if digits.isdigit() else ""
