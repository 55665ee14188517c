"""`twinrail diff`, `redact`, `convert` and `sample`: messages compared, made harmless, translated and made up."""

import json
import re
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from twinrail.cli_decode import beliefs, codec_of, fault, read
from twinrail.codecs import describe
from twinrail.codecs.compare import Comparison, Difference, compare
from twinrail.codecs.composites import PathError
from twinrail.codecs.convert import convert
from twinrail.codecs.framing import frame as framed
from twinrail.codecs.headers import header_codec
from twinrail.codecs.recognise import NO_FRAME, Reading
from twinrail.codecs.redact import redact
from twinrail.codecs.sample import sample
from twinrail.codecs.sanitise import SanitiseError, Sanitiser
from twinrail.codecs.table import Message
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.axes import Kind
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS

_KEY_BYTES = 32
_PATH = re.compile(r"mti|[1-9][0-9]{0,2}(\.[0-9A-Za-z_\[\].]{1,80})?")


def run_diff(
    a: str, b: str, *, dialect: str | None, frame: str | None, header: str | None, ignore: str, as_json: bool
) -> int:
    """Compare two messages; 1 where they differ."""
    if a == b == "-":
        raise typer.BadParameter("standard input can be one of the two only", param_hint="A B")
    paths = [word for word in ignore.split(",") if word]
    if not all(_PATH.fullmatch(word) for word in paths):
        raise typer.BadParameter("as in 7,11,37 or 55.9F26", param_hint="--ignore")
    one, other = (_message(source, dialect, frame, header) for source in (a, b))
    if one is None or other is None:
        return 1
    (left, left_message), (right, right_message) = one, other
    found = compare(left.dialect, left_message, right.dialect, right_message, ignore=paths)
    if as_json:
        print(json.dumps(_comparison_dict(left, right, found)))
    else:
        print("\n".join(_comparison_text(left, right, found)))
    return 0 if found.equal else 1


def _message(source: str, dialect: str | None, frame: str | None, header: str | None) -> tuple[Reading, Message] | None:
    """Read the message of a source; where it is none, say on standard error why."""
    best = read(source, dialect=dialect, frame=frame, header=header)[0]
    if best.message is None:
        # A message given as an argument is not repeated.
        print("\n".join(fault(best)), file=sys.stderr)
        return None
    return best, best.message


def _comparison_text(left: Reading, right: Reading, found: Comparison) -> list[str]:
    lines = [f"A  {_said(left)}", f"B  {_said(right)}"]
    if left.dialect.version != right.dialect.version:
        lines.append("Versions differ: an element of one number need not be the same thing.")
    rows = [
        *(("-", one, one.a) for one in found.only_a),
        *(("+", one, one.b) for one in found.only_b),
        *(("~", one, one.a if one.a == one.b else f"{one.a} -> {one.b}") for one in found.different),
    ]
    rows.sort(key=lambda row: _order(row[1].path))
    widths = [max((len(row[1][column]) for row in rows), default=0) for column in range(2)]
    lines += [f"{sign} {one.path.ljust(widths[0])}  {one.name.ljust(widths[1])}  {said}" for sign, one, said in rows]
    counts = f"{len(found.only_a)} only in A, {len(found.only_b)} only in B, {len(found.different)} different"
    lines.append(f"{counts}, {found.same} the same")
    return lines


def _order(path: str) -> tuple[int, str]:
    number = path.partition(".")[0]
    return (int(number) if number.isdigit() else 0, path)


def _said(reading: Reading) -> str:
    return f"{reading.dialect.name}, {reading.route.words}, {len(reading.body)} bytes"


def _comparison_dict(left: Reading, right: Reading, found: Comparison) -> dict[str, object]:
    def rows(differences: Sequence[Difference]) -> list[dict[str, str]]:
        return [one._asdict() for one in differences]

    return {
        "ok": found.equal,
        "a": left.dialect.name,
        "b": right.dialect.name,
        "only_a": rows(found.only_a),
        "only_b": rows(found.only_b),
        "different": rows(found.different),
        "same": found.same,
    }


def run_redact(source: str, *, dialect: str | None, frame: str | None, header: str | None) -> int:
    """Print the message without its cardholder data, as hex; what was replaced goes to standard error."""
    found = _message(source, dialect, frame, header)
    if found is None:
        print("not redacted: nobody can say where its cardholder data is", file=sys.stderr)
        return 1
    reading, _ = found
    try:
        # A key of this one call: nobody can join two redacted messages by their cards.
        redacted = redact(reading, Sanitiser(secrets.token_bytes(_KEY_BYTES)))
    except SanitiseError as error:
        print(f"not redacted: {error}", file=sys.stderr)
        return 1
    print(redacted.data.hex())
    print(f"{_said(reading)}: {len(redacted.replaced)} replaced", file=sys.stderr)
    for one in redacted.replaced:
        print(f"  {one.path} {one.name}", file=sys.stderr)
    return 0


def run_convert(
    source: str, *, to: str, dialect: str | None, frame: str | None, header: str | None, strict: bool
) -> int:
    """Print the message in another dialect, as hex; what cannot be carried goes to standard error."""
    target = codec_of(to, "--to")
    found = _message(source, dialect, frame, header)
    if found is None:
        return 1
    reading, message = found
    converted = convert(reading.dialect, message, target.dialect, datetime.now(UTC).date())
    print(target.encode(converted.message).hex())
    print(f"{reading.dialect.name} to {target.dialect.name}", file=sys.stderr)
    for words, notes in (("not carried", converted.left), ("changed", converted.adapted)):
        for note in notes:
            print(f"  {words}: {f'{note.path} {note.name}'.strip()}: {note.words}", file=sys.stderr)
    return 1 if strict and converted.left else 0


def run_sample(
    mti: str, *, dialect: str, given: Sequence[str], frame: str | None, header: str | None, as_json: bool
) -> int:
    """Print a made-up message as hex, or as the JSON that `send` reads."""
    codec, frame, header = beliefs(dialect, frame, header)
    if codec is None:
        raise typer.BadParameter("a dialect is needed", param_hint="--dialect")
    values = dict(_given(word) for word in given)
    try:
        message = sample(codec, mti, datetime.now(UTC), values)
    except (EncodeError, PathError) as error:
        raise typer.BadParameter(str(error), param_hint="MTI, --set") from None
    if as_json:
        print(json.dumps(_sendable(codec.dialect, message), indent=1))
        return 0
    body = codec.encode(message)
    if header is not None:
        body = header_codec(HEADERS[header]).fresh(len(body)) + body
    print((body if frame in {None, NO_FRAME} else framed(FRAMES[str(frame)], body)).hex())
    print(describe.summary(codec, message), file=sys.stderr)
    return 0


def _given(word: str) -> tuple[str, str]:
    path, equals, value = word.partition("=")
    if not equals or not _PATH.fullmatch(path) or path == "mti":
        raise typer.BadParameter("as in 4=000000001000 or 55.9F02=000000001000", param_hint="--set")
    return path, value


def _sendable(dialect: Dialect, message: Message) -> dict[str, object]:
    """Give a message as `send` reads it: bytes as hex, times and numbers to be filled in anew."""
    kinds = {row.number: row.kind for row in dialect.elements}
    elements = {
        str(number): value.hex() if isinstance(value, bytes) and kinds[number] is Kind.B else value
        for number, value in message.elements.items()
    }
    return {"mti": message.mti, "elements": elements}
