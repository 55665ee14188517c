"""Decoding and encoding one message of twenty elements, beside pyiso8583 with the same message and the same rows.

Both sides run in this process and take turns, so that a machine which slows down slows both; the figure is the median
of the rounds. All checks are on: ours judges every character, pyiso8583 judges lengths.
"""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import iso8583
from benchmarks import rows

from twinrail.codecs.iso8583 import COMPILE_AFTER, Codec, Message, codec_for
from twinrail.codecs.leaf import PACKED, Axes, axes_of
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect

ROUNDS = 11
CALLS = 2000  # a round and side
DIALECTS = {"ascii": "iso1987-ascii", "bcd": "iso1987-bcd", "ebcdic": "iso1987-ebcdic-cp037"}

# A chip purchase; the card number is one that networks publish for tests.
ICC_DATA = bytes.fromhex(
    "820239008407A0000000031010950580000080009A032606049C01005F2A0209789F02060000000050009F03060000000000009F1A020280"
    "9F260811223344556677889F2701809F360200349F3704112233449F100706011203A0B0C0"
)
PURCHASE = Message(
    "0100",
    {
        2: "4111111111111111",
        3: "000000",
        4: "000000005000",
        7: "0604123456",
        11: "123456",
        12: "143456",
        13: "0604",
        14: "2912",
        18: "5999",
        22: "051",
        23: "001",
        25: "00",
        32: "123456",
        35: "4111111111111111D29122011234567890",
        37: "REF123456789",
        41: "TERMID01",
        42: "MERCHANT0000001",
        43: "A SHOP IN TOWN           SOMEWHERE    DE",
        49: "978",
        55: ICC_DATA,
    },
)


def run(names: Sequence[str]) -> Iterator[rows.Row]:
    """Measure the rows of these names."""
    for label, name in DIALECTS.items():
        codec = codec_for(name)
        spec, document = peer_spec(codec.dialect), peer_document(PURCHASE)
        data = _agreed(codec, spec, document)
        conditions = (
            f"{len(PURCHASE.elements)} elements, {len(data)} bytes, {name}, all checks on,"
            f" alternating rounds of {CALLS}, CPython {platform.python_version()}"
        )
        pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "decode": (_bound(codec.decode, data), _bound(iso8583.decode, data, spec)),
            "encode": (_bound(codec.encode, PURCHASE), _bound(iso8583.encode, document, spec)),
        }
        for action, (ours, peers) in pairs.items():
            if f"codec.{action}.{label}" not in names:
                continue
            values, peer_values = _rounds(ours, peers)
            yield rows.row(
                f"codec.{action}.{label}", values, unit="us", better="lower", conditions=conditions,
                peer=f"pyiso8583 {version('pyiso8583')}", peer_values=peer_values,
            )  # fmt: skip


def peer_spec(dialect: Dialect) -> dict[str, dict[str, Any]]:
    """Give the pyiso8583 specification of a dialect; elements that it cannot say are left out."""
    bitmap = {"len_type": 0, "max_len": 8 if dialect.bitmap is BitmapForm.BINARY else 16, "len_enc": "ascii"}
    bitmap["data_enc"] = {"binary": "b", "hex_ascii": "ascii", "hex_ebcdic": "cp037"}[dialect.bitmap]
    spec: dict[str, dict[str, Any]] = {
        "h": {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 0},
        "t": {"data_enc": dialect.text, "len_enc": "ascii", "len_type": 0, "max_len": 4},
        "p": dict(bitmap),
        "1": dict(bitmap),
    }
    if (dialect.mti or dialect.numbers) in PACKED:
        spec["t"].update(data_enc="b", len_count="nibbles")
    for row in dialect.elements:
        field = _peer_field(axes_of(row, dialect))
        if field is not None:
            spec[str(row.number)] = field
    for field in spec.values():
        field["desc"] = ""
    return spec


def _peer_field(axes: Axes) -> dict[str, Any] | None:
    """Say an element in the words of pyiso8583; None for what it has no words for."""
    counts_bytes = axes.counts is Counts.BYTES and not axes.fixed
    packed_otherwise = axes.packed and (axes.kind is Kind.XN or counts_bytes)
    hex_otherwise = axes.coding is Coding.HEX and not (axes.fixed or counts_bytes)
    if packed_otherwise or hex_otherwise or axes.inclusive or axes.least or "cp1047" in {axes.page, axes.prefix_page}:
        return None
    field: dict[str, Any] = {
        "data_enc": axes.page,
        "len_enc": {"characters": axes.prefix_page, "bcd": "bcd", "binary": "b"}[axes.form],
        "len_type": axes.prefix,
        "max_len": axes.length if axes.packed else axes.wire_bytes(axes.length),
    }
    if axes.coding is Coding.BINARY:
        field["data_enc"] = "b"
    if axes.packed:
        field.update(data_enc="b", len_count="nibbles")
        field["left_pad" if axes.coding is Coding.BCD else "right_pad"] = axes.nibble
    return field


def peer_document(message: Message) -> dict[str, str]:
    """Give the message as pyiso8583 wants it: text keys, bytes as upper-case hex."""
    document = {"t": message.mti}
    for number, value in message.elements.items():
        document[str(number)] = value.hex().upper() if isinstance(value, bytes) else value
    return document


def _agreed(codec: Codec, spec: dict[str, dict[str, Any]], document: dict[str, str]) -> bytes:
    """Warm our side until its functions are generated, and make sure that both sides do the same work."""
    data = codec.encode(PURCHASE)
    for _ in range(COMPILE_AFTER + 1):
        if codec.encode(PURCHASE) != data or codec.decode(data) != PURCHASE:
            raise SystemExit("our codec does not return what it was given")
    theirs, _ = iso8583.encode(document, spec)
    decoded, _ = iso8583.decode(data, spec)
    if bytes(theirs) != data or any(decoded[key] != value for key, value in document.items()):
        raise SystemExit("pyiso8583 reads or writes another message")
    return data


def _bound(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    """Bind the arguments; the cost of the extra call is the same on both sides and part of both figures."""
    return lambda: function(*arguments)


def _rounds(ours: Callable[[], object], peers: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Give the microseconds a call of both sides, which take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for side, function in zip(times, (ours, peers), strict=True):
            side.append(_microseconds(function))
    return times


def _microseconds(function: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        function()
    return (time.perf_counter_ns() - start) / CALLS / 1000
