"""`twinrail decode` and `diagnose`: bytes in any wrapping, shown element by element and masked, and why they are not.

Without `--dialect` everything known is tried and ranked (`codecs.recognise`); what is said of a message that does not
read is drawn from `codecs.diagnose`. Reading input and printing is all that is done here.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from twinrail.codecs import describe
from twinrail.codecs.diagnose import Diagnosis, diagnose
from twinrail.codecs.iso8583 import DIALECTS, Codec, Message, codec_for
from twinrail.codecs.likely_cause import likely_causes
from twinrail.codecs.recognise import NO_FRAME, Reading, losers, recognise, whole
from twinrail.codecs.wrapping import PLAIN, odd_hex, unwrapped
from twinrail.dialects import find_dialect
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS

INPUT_BYTES_MAX = 1 << 20
_LOSERS_TOLD = 6
_NAMES_TOLD = 5
_OTHERS_TOLD = 3
_CAUSES_TOLD = 3


def run(source: str, *, dialect: str | None, frame: str | None, header: str | None, as_json: bool) -> int:
    """Decode and print; 1 where nothing decodes."""
    readings = read(source, dialect=dialect, frame=frame, header=header)
    best = readings[0]
    others = whole(readings[1:])
    beaten = losers(readings, best) if dialect is None else []
    if as_json:
        print(json.dumps(to_dict(best, others, beaten)))
    else:
        print("\n".join(to_text(best, others, beaten)))
    return 0 if best.message is not None else 1


def run_diagnose(source: str, *, dialect: str | None, frame: str | None, header: str | None, as_json: bool) -> int:
    """Say why a message does not read as believed, and what reads it; 0 where it reads."""
    codec, _, _ = beliefs(dialect, frame, header)
    found = diagnose(read_source(source), codec, frame=frame, header=header)
    if as_json:
        print(json.dumps(_diagnosis_dict(found)))
    else:
        print("\n".join(_diagnosis_text(found)))
    return 0 if found.reads else 1


def read(source: str, *, dialect: str | None, frame: str | None, header: str | None) -> list[Reading]:
    """Read the input in every way that the options leave open, the best first; a wrong call where there is none."""
    codec, frame, header = beliefs(dialect, frame, header)
    content = read_source(source)
    if not content:
        raise typer.BadParameter("the input is empty", param_hint="MESSAGE")
    readings = recognise(content, [codec] if codec else [], frame=frame, header=header)
    is_plain = source != "-" and not _is_file(source) and {one.wrapping for one in unwrapped(content)} == {PLAIN}
    if is_plain and not whole(readings):
        if odd_hex(content):
            what = "no message as text, and as hex an odd number of digits: one is missing"
            raise typer.BadParameter(what, param_hint="MESSAGE")
        raise typer.BadParameter("neither hex nor base64, and there is no file of this name", param_hint="MESSAGE")
    if not readings:
        remedy = "twinrail diagnose says why"
        raise typer.BadParameter(f"no such frame or header is around it: {remedy}", param_hint="--frame, --header")
    return readings


def beliefs(dialect: str | None, frame: str | None, header: str | None) -> tuple[Codec | None, str | None, str | None]:
    """Check what the options name, and give the codec of the dialect."""
    if frame is not None and frame not in {NO_FRAME, *FRAMES}:
        raise typer.BadParameter(f"known are {NO_FRAME}, {', '.join(FRAMES)}", param_hint="--frame")
    if header is not None and header not in HEADERS:
        raise typer.BadParameter(f"known are {', '.join(HEADERS)}", param_hint="--header")
    return (None if dialect is None else codec_of(dialect, "--dialect")), frame, header


def codec_of(word: str, option: str) -> Codec:
    """Give the codec of a dialect by its name or its file."""
    if word in DIALECTS:
        return codec_for(word)
    if not word.endswith(".toml"):
        raise typer.BadParameter(f"known are {', '.join(sorted(DIALECTS))}, and files (.toml)", param_hint=option)
    return Codec(find_dialect(word))


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
        raise typer.BadParameter(what, param_hint="MESSAGE")
    return content


def _is_file(source: str) -> bool:
    """Say whether the argument names a file; a message as an argument is often too long for a name."""
    try:
        return Path(source).is_file()
    except (OSError, ValueError):
        return False


Beaten = Sequence[tuple[str, list[str]]]


def to_dict(best: Reading, others: Sequence[Reading], beaten: Beaten) -> dict[str, object]:
    """Give the result for machines, masked."""
    found: dict[str, object] = {
        "ok": best.message is not None,
        **_reading_dict(best),
        "also": list(best.also),
        "others": [_reading_dict(one) for one in others],
        "not": [{"dialects": names, "why": why} for why, names in beaten],
    }
    shown = best.shown
    if shown is not None:
        found["message"] = describe.to_dict(best.dialect, shown)
    if best.error is not None:
        error = best.error
        found["error"] = {
            "problem": error.problem,
            "path": error.path,
            "offset": error.offset,
            "causes": likely_causes(best.dialect, best.body, error),
        }
    return found


def _reading_dict(reading: Reading) -> dict[str, object]:
    route = reading.route
    return {
        "dialect": reading.dialect.name,
        "wrapping": route.wrapping,
        "framing": None if route.frame == NO_FRAME else route.frame,
        "header": None if route.header == "none" else route.header,
        "bytes": len(reading.body),
        "messages": route.messages,
        "score": reading.evidence.score,
        "why": reading.why,
    }


def to_text(best: Reading, others: Sequence[Reading], beaten: Beaten) -> Iterator[str]:
    """Give the result for people: what it was read as and why, a summary, the elements, the error with its bytes."""
    yield _title(best)
    yield f"  {best.why}"
    if best.also:
        yield f"  the same in {', '.join(best.also)}: nothing in this message tells them apart"
    other_routes = [route.words for route in best.routes[1:4]]
    if other_routes and best.message is not None:
        yield f"  as well with {'; '.join(other_routes)}"
    if best.route.messages > 1:
        yield f"  the first of {best.route.messages} messages; the others are not shown"
    if best.shown is not None:
        yield describe.summary(best.dialect, best.shown)
        yield ""
        yield from table(best.dialect, best.shown)
    if best.error is not None:
        yield ""
        yield from fault(best)
        yield "Is it another dialect or frame? twinrail diagnose says more; docs/how-to/add-a-dialect.md adds one."
    if others:
        yield ""
        yield from (f"Less likely: {_title(one)} ({one.why})" for one in others[:_OTHERS_TOLD])
    if beaten and best.message is not None:
        yield ""
        told = [(why, names) for why, names in beaten if not any(one.dialect.name in names for one in others)]
        yield from (f"Not {_listed(names)}: {why}" for why, names in told[:_LOSERS_TOLD])
        if len(told) > _LOSERS_TOLD:
            yield f"Nor {sum(len(names) for _, names in told[_LOSERS_TOLD:])} other dialects."


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_TOLD
    return ", ".join(names[:_NAMES_TOLD]) + (f" and {more} more" if more > 0 else "")


def _title(reading: Reading) -> str:
    return f"{reading.dialect.name}, {reading.route.words}, {len(reading.body)} bytes"


def fault(reading: Reading) -> Iterator[str]:
    """Say where reading ended: element and byte, the bytes around it, masked, and the likely causes."""
    error = reading.error
    if error is None:
        return
    yield f"not a message of {reading.dialect.name}: {error}"
    row = next((row for row in reading.dialect.elements if row.number == error.element), None)
    what = "" if row is None else f"{error.path} {row.name}"
    head = reading.codec.head_bytes(reading.body) if isinstance(error.partial, Message) else None
    yield describe.window(reading.body, error.offset, head_bytes=head, what=what)
    for cause in likely_causes(reading.dialect, reading.body, error)[:_CAUSES_TOLD]:
        yield f"likely cause: {cause}"


def table(dialect: Dialect, message: Message) -> list[str]:
    """Give the elements of a message as aligned lines: number, name, masked value, words."""
    lines = describe.describe(dialect, message)
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line.words)).rstrip()
        for line in lines
    ]


def _diagnosis_text(found: Diagnosis) -> Iterator[str]:
    reading = found.reading
    if found.reads and reading is not None:
        yield f"It reads: {_title(reading)}"
        yield f"  {reading.why}"
        if reading.evidence.bad:
            yield "It reads to its end, yet what it reads may be something else."
        return
    if reading is not None and reading.error is not None:
        error = reading.error
        yield f"It does not read as {_title(reading)}: {error}"
        yield describe.window(reading.body, error.offset)
    else:
        yield "It does not read: no such frame or header is around it."
    yield from (f"- {words}" for words in found.findings)
    if found.instead:
        yield ""
        yield from (f"It reads as {_title(one)}: {one.why}" for one in found.instead)
    else:
        yield "Nothing that is known reads it; docs/how-to/add-a-dialect.md adds a dialect."


def _diagnosis_dict(found: Diagnosis) -> dict[str, object]:
    reading = found.reading
    error = None if reading is None else reading.error
    return {
        "ok": found.reads,
        "believed": None if reading is None else _reading_dict(reading),
        "error": None if error is None else {"problem": error.problem, "path": error.path, "offset": error.offset},
        "findings": list(found.findings),
        "instead": [_reading_dict(one) for one in found.instead],
    }
