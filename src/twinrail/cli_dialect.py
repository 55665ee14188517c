"""`twinrail dialect`: list, show and check dialects, and import those of other people's specifications."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import typer

from twinrail.codecs.dialect_check import DialectError, Problem, Severity, problems
from twinrail.codecs.dialect_text import write
from twinrail.codecs.importers.foreign import TEXT_CHARACTERS_MAX, Note
from twinrail.codecs.importers.formats import READERS, guess_format
from twinrail.dialects import SUFFIX, file_text, find_dialect, judge_file, text_of
from twinrail.schemas.iso8583.dialects import DIALECTS

_COLUMNS = ("name", "version", "text", "numbers", "bitmap", "elements")


def show_all(*, as_json: bool) -> int:
    """List the dialects that are built in."""
    rows = [
        (each.name, each.version, each.text, str(each.numbers), str(each.bitmap), str(len(each.elements)))
        for each in DIALECTS.values()
    ]
    if as_json:
        for row in rows:
            print(json.dumps(dict(zip(_COLUMNS, row, strict=True))))
        return 0
    widths = [max(len(row[column]) for row in (_COLUMNS, *rows)) for column in range(len(_COLUMNS))]
    for row in (_COLUMNS, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def show(word: str) -> int:
    """Print a dialect as a file, whole: what it builds on is worked in."""
    print(write(find_dialect(word)), end="")
    return 0


def check(words: list[str], *, as_json: bool) -> int:
    """Print what is wrong with dialects, built in or files; 1 where one of them does not load."""
    failed = False
    for word in words:
        is_file = word not in DIALECTS
        if is_file and not word.endswith(SUFFIX):
            raise typer.BadParameter(f"a file ends in {SUFFIX}, and there is no dialect {word}", param_hint="DIALECT")
        found = judge_file(Path(word)).problems if is_file else tuple(problems(DIALECTS[word]))
        _tell(word, found, as_json=as_json)
        failed = failed or any(one.severity is Severity.ERROR for one in found)
    return 1 if failed else 0


def _tell(word: str, found: Iterable[Problem], *, as_json: bool) -> None:
    found = list(found)
    if as_json:
        for one in found:
            print(json.dumps({"dialect": word} | one._asdict()))
        return
    for one in found:
        print(f"{word}: {one.severity}: {one}")
    if not found:
        print(f"{word}: good")


def bring_in(source: str, *, name: str, format_name: str | None, output: Path | None) -> int:
    """Import a foreign specification: the dialect to the output, notes and problems to standard error.

    1 where it cannot be expressed, or where the dialect that comes out of it does not load as it stands.
    """
    if format_name is not None and format_name not in READERS:
        raise typer.BadParameter("must be " + " or ".join(READERS), param_hint="--format")
    if output is not None and output.exists():
        raise typer.BadParameter(f"{output} is there already", param_hint="--output")
    most = TEXT_CHARACTERS_MAX
    piped = sys.stdin.buffer.read(most + 1) if source == "-" else b""
    text = text_of(piped, "standard input", most) if source == "-" else file_text(Path(source), most)
    format_name = format_name or guess_format(text)
    try:
        imported = READERS[format_name](text, name)
    except DialectError as error:
        print(f"cannot be imported as {format_name}:", *map(str, error.problems), sep="\n  ", file=sys.stderr)
        return 1
    written = write(imported.dialect)
    if output is None:
        print(written, end="")
    else:
        output.write_text(written, encoding="utf-8")
    for line in told(imported.notes):
        print(f"note: {line}", file=sys.stderr)
    found = problems(imported.dialect)
    for one in found:
        print(f"{one.severity}: {one}", file=sys.stderr)
    return 1 if any(one.severity is Severity.ERROR for one in found) else 0


def told(notes: Iterable[Note]) -> Iterator[str]:
    """Give notes as lines, the same note about many elements as one: "elements 3-13, 15: ..."."""
    by_text: dict[str, list[str]] = {}
    for note in notes:
        by_text.setdefault(note.text, []).append(note.path)
    for text, paths in by_text.items():
        numbers = [int(path[9:]) for path in paths if path.startswith("elements.") and path[9:].isdigit()]
        others = [path for path in paths if not (path.startswith("elements.") and path[9:].isdigit())]
        where = [f"element{'s' * (len(numbers) > 1)} {_ranges(numbers)}"] if numbers else []
        yield f"{', '.join(where + others)}: {text}"


def _ranges(numbers: list[int]) -> str:
    """Give numbers with runs of them closed up.

    >>> _ranges([3, 4, 5, 7])
    '3-5, 7'
    """
    runs = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ", ".join(runs)
