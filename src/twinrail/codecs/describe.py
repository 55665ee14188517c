"""Showing messages to people: the only way in which anything of a message may be displayed.

Masking fails closed. A card number shows its first six and last four digits, and only if it is one; tracks, PIN
blocks, cryptograms, keys and MACs show their length; free text is shown only if nothing in it could be a card number
or an IBAN; an unknown tag, an element without a row and a value of an unexpected type show their length. A composite
shows its length and then its parts, each by its own mask; one that cannot be opened shows its length and why. The mask
is applied before anything is parsed for words, and words are made of tables, dates and amounts, never of what is
masked. PCI DSS 3.3 and 3.4.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from twinrail.codecs import paths
from twinrail.codecs.card_numbers import DIGIT_RUN, PAN_MAX, holds_card_number, is_card_number, number_inside
from twinrail.codecs.forms import fills_parts, wholly_open
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.paths import Entry
from twinrail.codecs.table import Message
from twinrail.codecs.tagged import EMV_PARTS
from twinrail.errors import DecodeError
from twinrail.money import CURRENCIES, alphabetic, show
from twinrail.schemas.iso8583 import codes
from twinrail.schemas.iso8583.axes import Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import Part, Positional
from twinrail.schemas.iso8583.mti import is_repeat

_CELLS = 16  # bytes in one hex window
_HIDDEN = "··"
_LINES_MAX = 512  # of one message; what is beyond is said to be left out
# What could be an IBAN (ISO 13616).
_IBAN = re.compile(r"[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,}", re.ASCII)
_REPLACEMENT = re.compile(r"\d{24}[CD]\d{8}[CD]\d{8}", re.ASCII)  # DE95: DE4, DE5, DE28, DE29
_TEXT_KINDS = frozenset({Kind.A, Kind.S, Kind.AN, Kind.AS, Kind.NS, Kind.ANP, Kind.ANS})
_BYTES_SHOWN_MAX = 16
# Dialects give one name to what means the same, so words go by names: 1987 and 1993 mean other things by one number.
_CURRENCY_OF_AMOUNT = {
    "amount": "currency",
    "amount_settlement": "currency_settlement",
    "amount_billing": "currency_billing",
    "amount_billing_fee": "currency_billing",
}
_AMOUNT_TAGS = frozenset({"9F02", "9F03"})


class Line(NamedTuple):
    """One line about one element: where it stands, what it is called, what may be shown, and what that means."""

    path: str  # "mti", "39", "55.9F02"
    name: str
    value: str
    words: str


def describe(dialect: Codec | Dialect, message: Message) -> list[Line]:
    """Say of every element what may be said, in the order of the bitmap, composites opened; at most 512 lines.

    A composite of parts one behind the other that may be shown as a whole has one line (DE3, 22, 43, 54, 90).
    """
    lines = [Line("mti", "message type", *_mti(message.mti))]
    of = _by_name(dialect, message)
    closed = numbered = "-"  # path of a composite whose parts are not said, and of one of which nothing is shown
    for entry in paths.walk(dialect, message):
        if entry.path.startswith(closed):
            continue
        if len(lines) == _LINES_MAX:
            return [*lines, Line("", "", "", "the rest is left out")]
        hidden = entry.path.startswith(numbered)
        lines.append(_hidden_line(entry) if hidden else _line(dialect, entry, message, of))
        layout = None if entry.row is None else entry.row.layout
        if entry.opened and (wholly_open(layout) or is_card_number(entry.value)):
            closed = f"{entry.path}."
        elif entry.opened and isinstance(layout, Positional) and not hidden and number_inside(entry.value):
            numbered = f"{entry.path}."
    return lines


def _line(dialect: Codec | Dialect, entry: Entry, message: Message, of: Callable[[str], object]) -> Line:
    row, value = entry.row, entry.value
    if entry.fault is not None:
        where = "" if entry.fault.path == entry.path else f" at {entry.fault.path}"
        return _hidden_line(entry)._replace(words=f"cannot be read{where}: {entry.fault.problem}")
    if row is None or (entry.opened and not wholly_open(row.layout)):
        return _hidden_line(entry)
    if isinstance(row, Part) and row is EMV_PARTS.get(row.key):
        return Line(entry.path, row.name, masked(row, value), _tag_words(dialect, entry, message))
    return Line(entry.path, row.name, masked(row, value), _words(row, value, of))


def _hidden_line(entry: Entry) -> Line:
    """Say no more than a name and a length."""
    unknown = "unknown tag" if "." in entry.path else "not an element of the dialect"
    return Line(entry.path, unknown if entry.row is None else entry.row.name, _length_only(entry.value), "")


def summary(dialect: Codec | Dialect, message: Message) -> str:
    """Say in one line what a message is: type, STAN, masked card, amount, answer.

    >>> from twinrail.codecs.iso8583 import codec_for
    >>> summary(codec_for("iso1987-ascii"), Message("0800", {11: "000001", 70: "301"}))
    '0800 network management request | stan 000001 | network_management_code 301 echo test'
    """
    rows, of = _rows(dialect), _by_name(dialect, message)
    parts = [" ".join(part for part in _mti(message.mti) if part)]
    for number, label in ((11, "stan"), (2, "pan"), (4, ""), (37, "rrn"), (39, ""), (70, "")):
        value, row = message.elements.get(number), rows.get(number)
        if value is None or row is None:
            continue
        shown, words = masked(row, value), _words(row, value, of)
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


def masked(row: Element | Part, value: str | bytes) -> str:
    """Give what may be shown of a value; whatever does not look as its row says is hidden whole."""
    if row.layout is not None and not wholly_open(row.layout):
        return _length_only(value)
    if isinstance(value, bytes):
        return _masked_bytes(row, value)
    if row.mask is Mask.PAN:
        return _masked_pan(value)
    if row.mask is Mask.PUBLIC and row.kind in {Kind.N, Kind.XN}:
        # A signed amount without its sign is no amount and is hidden.
        digits = value[value[:1] in {"C", "D"} :] if row.kind is Kind.XN else value
        signed = row.kind is Kind.N or digits != value
        plain = signed and digits.isascii() and digits.isdigit() and len(value) <= row.length
        # A longer number that fills its parts (DE90) is one; any other could hold a card number in the wrong place.
        in_parts = len(digits) > PAN_MAX and fills_parts(row.layout, len(value))
        return value if plain and (in_parts or not holds_card_number(digits)) else _length_only(value)
    if isinstance(row, Element) and row.number == 95 and _REPLACEMENT.fullmatch(value):
        return value
    if row.mask is Mask.PUBLIC and row.kind in _TEXT_KINDS:
        plain = value.isascii() and value.isprintable() and len(value) <= row.length
        return value if plain and not holds_card_number(value) else _length_only(value)
    if row.mask is Mask.PERSONAL and row.kind in _TEXT_KINDS:
        return value if _harmless(value) else _length_only(value)
    return _length_only(value)


def _masked_bytes(row: Element | Part, value: bytes) -> str:
    """Show a few public bytes in hex; an amount in packed digits is none the less one."""
    shown = value.hex().upper()
    amount = row.key in _AMOUNT_TAGS and len(value) == 6 if isinstance(row, Part) else False
    plain = row.mask is Mask.PUBLIC and row.kind is Kind.B and len(value) <= min(row.length, _BYTES_SHOWN_MAX)
    return shown if plain and (amount or not number_inside(value)) else _length_only(value)


def window(data: bytes, offset: int, *, head_bytes: int | None = None, what: str = "") -> str:
    """Show the bytes around an offset in hex, with a caret below it: the message type and bitmap, the rest hidden.

    `head_bytes` is how many bytes type and bitmap take, where the dialect says so; without it they are shown only where
    they look like it. Neither is shown where it holds digits that could be a card number. `what` says what stands
    there.
    """
    clear = _structural_bytes(data) if head_bytes is None else _without_numbers(data, min(head_bytes, len(data)))
    offset = max(0, min(offset, len(data)))
    start = max(0, min(offset - _CELLS // 2, len(data) - _CELLS))
    end = min(len(data), start + _CELLS)
    cells = [f"{data[at]:02x}" if at < clear else _HIDDEN for at in range(start, end)]
    lead = f"{start:6d}  "
    caret = " " * (len(lead) + 3 * (offset - start)) + "^^"
    return f"{lead}{' '.join(cells)}\n{caret} byte {offset} of {len(data)}{what and f': {what}'}"


def _without_numbers(data: bytes, size: int) -> int:
    """Give so many bytes of type and bitmap, or none of them where they could hold a card number, as text or packed."""
    head = data[:size]
    readings = [head, head.translate(_FROM_EBCDIC)]
    if not any(_HEX_DIGITS.issuperset(text) for text in readings):  # the bitmap is bytes, perhaps packed digits
        type_bytes = 4 if any(text[:4].isdigit() for text in readings) else 0
        readings.append(head[type_bytes:].hex().encode("ascii"))
    runs = (re.sub(rb"[^0-9]+", b" ", text).decode("ascii").split() for text in readings)
    return 0 if any(holds_card_number(run) for found in runs for run in found) else size


_EBCDIC_HEX = "0123456789ABCDEF".encode("cp037")
_FROM_EBCDIC = bytes(b"0123456789ABCDEF"[_EBCDIC_HEX.index(byte)] if byte in _EBCDIC_HEX else 0 for byte in range(256))
_HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")


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
    return text.isascii() and text.isprintable() and not DIGIT_RUN.search(text) and not _IBAN.search(text)


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
    return 0 if any(holds_card_number(run) for run in digits.split()) else min(end, len(data))


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


def _by_name(dialect: Codec | Dialect, message: Message) -> Callable[[str], object]:
    """Give a function that finds the value of an element by its name, None where there is none."""
    numbers = {row.name: number for number, row in _rows(dialect).items() if number in message.elements}
    return lambda name: message.elements.get(numbers.get(name, 0))


def _words(row: Element | Part, value: str | bytes, of: Callable[[str], object]) -> str:
    """Say what the value means; only of what the mask shows, DE54 excepted, which is made of amounts.

    `of` gives the value of an element by its name.
    """
    if not isinstance(value, str):
        return ""
    if row.name == "additional_amounts":
        return _additional_amounts(value)
    if row.mask is not Mask.PUBLIC or masked(row, value) != value:
        return ""
    if row.name == "replacement_amounts":
        return _money(value[:12], of("currency"))
    if row.name in _CURRENCY_OF_AMOUNT:
        return _money(value, of(_CURRENCY_OF_AMOUNT[row.name]))
    length, say = _SAY.get(row.name, (-1, str))
    return say(value) if len(value) == length else ""


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


_SAY: dict[str, tuple[int, Callable[[str], str]]] = {  # name -> characters, words
    "processing_code": (6, _processing),
    "transaction_type": (2, lambda value: codes.TRANSACTION_TYPES.get(value, "")),
    "transmitted_at": (10, _moment),
    "local_time": (6, lambda value: f"{value[:2]}:{value[2:4]}:{value[4:]}"),
    "local_date": (4, lambda value: f"{value[:2]}-{value[2:]}"),
    "entry_mode": (3, _entry_mode),
    "pos_condition": (2, lambda value: codes.POS_CONDITIONS.get(value, "")),
    "response_code": (2, lambda value: codes.RESPONSE_CODES.get(value, "")),
    "currency": (3, _currency),
    "currency_settlement": (3, _currency),
    "currency_billing": (3, _currency),
    "network_management_code": (3, lambda value: codes.NETWORK_CODES.get(value, "")),
    "original_data": (42, lambda value: f"{value[:4]} with stan {value[4:10]}"),
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


# Tags that EMV names.


def _tag_words(dialect: Codec | Dialect, entry: Entry, message: Message) -> str:
    """Say what the value of a tag means, an amount in the currency of the tag beside it."""
    above, _, tag = entry.path.rpartition(".")
    value = entry.value
    tag = tag.partition("[")[0]
    if not isinstance(value, bytes) or entry.mask is not Mask.PUBLIC:
        return ""
    digits = _packed_digits(value)
    if tag in _AMOUNT_TAGS and len(value) == 6:
        try:
            currency = paths.get(dialect, message, f"{above}.5F2A")
        except DecodeError:
            return ""
        return _money(digits, _packed_digits(currency)[-3:])
    if tag == "5F2A":
        return _currency(digits[-3:])
    if tag == "9C":
        return codes.TRANSACTION_TYPES.get(digits, "")
    if tag == "8A":
        return codes.RESPONSE_CODES.get(value.decode("ascii", "replace"), "")
    return ""


def _packed_digits(value: object) -> str:
    digits = value.hex() if isinstance(value, bytes) else ""
    return digits if digits.isdigit() else ""
