"""`twinrail decode`: bytes in any wrapping, of any known dialect, shown element by element and masked.

The first failure of beginners is a wrong framing or dialect, so without `--dialect` everything known is tried: each
wrapping of the input (hex, base64, plain bytes), with and without each framing, in each dialect. What decodes wins; if
nothing does, what was read furthest is shown up to its error.
"""

import base64
import binascii
import contextlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import typer
from stdnum import luhn

from twinrail.codecs import describe
from twinrail.codecs.framing import Framer
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.errors import DecodeError
from twinrail.money import CURRENCIES
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.profiles import Framing

INPUT_BYTES_MAX = 1 << 20
PLAIN = "plain bytes"
_MONTH_DAY, _TIME = "(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])", "([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
_LIKELY = {
    2: "[0-9]{12,19}",
    3: "[0-6][0-9]{5}",
    7: _MONTH_DAY + _TIME,
    12: _TIME,
    13: _MONTH_DAY,
    39: "[0-9A-Z]{2}",
    49: "|".join(CURRENCIES),
    70: "[0-9]{3}",
}


class Attempt(NamedTuple):
    """One way of reading the input, and how far it went."""

    wrapping: str
    framing: Framing | None
    dialect: str
    data: bytes
    message: Message | None
    error: DecodeError | None

    @property
    def shown(self) -> Message | None:
        """Give the message, or what of it was read before the error."""
        partial = self.message if self.error is None else self.error.partial
        return partial if isinstance(partial, Message) else None

    @property
    def rank(self) -> tuple[bool, int, float]:
        """Say how good it is: decoded, then how far its elements look like themselves, then how far it was read."""
        share = 1.0 if self.error is None else self.error.offset / max(1, len(self.data))
        return (self.error is None, plausibility(self.shown), share)

    @property
    def words(self) -> str:
        """Say what was assumed."""
        framing = "without a frame" if self.framing is None else f"in a frame ({self.framing})"
        return f"{self.dialect}, {self.wrapping}, {framing}, {len(self.data)} bytes"


def run(source: str, *, dialect: str | None, as_json: bool) -> int:
    """Decode and print; 1 where nothing decodes."""
    names = [dialect] if dialect is not None else list(DIALECTS)
    if dialect is not None and dialect not in DIALECTS:
        raise typer.BadParameter(f"known are {', '.join(sorted(DIALECTS))}", param_hint="--dialect")
    attempts = sorted(attempts_on(read_source(source), names), key=lambda one: one.rank, reverse=True)
    if not attempts:
        raise typer.BadParameter("the input is empty", param_hint="source")
    best = attempts[0]
    others = [one for one in attempts[1:] if one.message is not None]
    is_plain = source != "-" and not _is_file(source) and {one.wrapping for one in attempts} == {PLAIN}
    if best.message is None and is_plain:
        raise typer.BadParameter("neither hex nor base64, and there is no file of this name", param_hint="source")
    if as_json:
        print(json.dumps(to_dict(best, others)))
    else:
        print(to_text(best, others))
    return 0 if best.message is not None else 1


def read_source(source: str) -> bytes:
    """Take standard input, a file, or the argument itself; at most 1 MiB."""
    if source == "-":
        content = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    elif _is_file(source):
        with Path(source).open("rb") as file:
            content = file.read(INPUT_BYTES_MAX + 1)
    else:
        content = source.encode("utf-8", "surrogateescape")
    if len(content) > INPUT_BYTES_MAX:
        what = f"larger than {INPUT_BYTES_MAX} bytes: one message is expected"
        raise typer.BadParameter(what, param_hint="source")
    return content


def _is_file(source: str) -> bool:
    """Say whether the argument names a file; a message as an argument is often too long for a name."""
    try:
        return Path(source).is_file()
    except (OSError, ValueError):
        return False


def unwrapped(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the input's bytes in every way it may have been written down: hex, base64, plain."""
    compact = re.sub(rb"0[xX](?=[0-9a-fA-F]{2})|[\s:,]", b"", content)
    if compact and len(compact) % 2 == 0 and re.fullmatch(rb"[0-9a-fA-F]+", compact):
        yield "hex", bytes.fromhex(compact.decode("ascii"))
    with contextlib.suppress(binascii.Error):
        yield "base64", base64.b64decode(re.sub(rb"\s", b"", content), validate=True)
    yield PLAIN, content
    if content.rstrip(b"\r\n") != content:
        yield PLAIN, content.rstrip(b"\r\n")


def attempts_on(content: bytes, dialects: Sequence[str]) -> Iterator[Attempt]:
    """Try every wrapping, framing and dialect."""
    for wrapping, data in unwrapped(content):
        for framing, payload in _payloads(data):
            for dialect in dialects:
                try:
                    message = codec_for(dialect).decode(payload)
                except DecodeError as error:
                    yield Attempt(wrapping, framing, dialect, payload, None, error)
                else:
                    yield Attempt(wrapping, framing, dialect, payload, message, None)


def plausibility(message: Message | None) -> int:
    """Count elements that look like what they should be, and against them those that do not.

    A wrong dialect can read a long way into a message, but what it reads are no dates, currencies and card numbers.
    """
    if message is None:
        return -1
    score = 0
    for number, pattern in _LIKELY.items():
        value = message.elements.get(number)
        if isinstance(value, str):
            score += 1 if re.fullmatch(pattern, value) and (number != 2 or luhn.is_valid(value)) else -1
    return score


def _payloads(data: bytes) -> Iterator[tuple[Framing | None, bytes]]:
    if data:
        yield None, data
    for framing in Framing:
        framer = Framer(framing, INPUT_BYTES_MAX)
        payloads = framer.receive(data)
        if len(payloads) == 1 and not framer.partial and framer.error is None:
            yield framing, payloads[0]


def to_dict(best: Attempt, others: Sequence[Attempt]) -> dict[str, object]:
    """Give the result for machines, masked."""
    found: dict[str, object] = {
        "ok": best.message is not None,
        "dialect": best.dialect,
        "wrapping": best.wrapping,
        "framing": best.framing,
        "also": [one.words for one in others],
    }
    shown = best.shown
    if shown is not None:
        found["message"] = describe.to_dict(DIALECTS[best.dialect], shown)
    if best.error is not None:
        error = best.error
        found["error"] = {"problem": error.problem, "path": error.path, "offset": error.offset}
    return found


def to_text(best: Attempt, others: Sequence[Attempt]) -> str:
    """Give the result for people: what was assumed, a summary, the elements, and the error with its bytes."""
    dialect = DIALECTS[best.dialect]
    lines = [best.words]
    shown = best.shown
    if shown is not None:
        lines += [describe.summary(dialect, shown), "", *table(dialect, shown)]
    if best.error is not None:
        lines += ["", f"not a message of {best.dialect}: {best.error}", describe.window(best.data, best.error.offset)]
        lines.append("Is it another dialect or framing? --dialect names one; docs/how-to/add-a-dialect.md adds one.")
    lines += [f"It also decodes as {one.words}." for one in others]
    return "\n".join(lines)


def table(dialect: Dialect, message: Message) -> list[str]:
    """Give the elements of a message as aligned lines: number, name, masked value, words."""
    lines = describe.describe(dialect, message)
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line.words)).rstrip()
        for line in lines
    ]
