"""Dialects as files: one TOML file of data, read into a `Dialect` and written from one.

A file states the axes of its dialect and one row for each element, keyed by its number; layouts nest in their rows, and
parts are keyed as paths name them. `from` takes everything over from another dialect, and the file says only what
differs. Every row states its repertoire (`kind`) and its data class (`mask`): a file that leaves one out does not load.
Nothing here opens a file: whoever calls says what the word behind `from` means.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from twinrail.codecs.dialect_check import DialectError, Problem, Severity, problems
from twinrail.codecs.dialect_check_layout import DEPTH_MAX
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Length, Mask, Pad, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import (
    BerTlv,
    BitmapParts,
    Dataset,
    Datasets,
    Layout,
    Part,
    Pds,
    Positional,
    Tagged,
)

FILE_BYTES_MAX = 256 * 1024  # the largest of ours takes a tenth of it
LINE_CHARACTERS_MAX = 4096
LINE_DOTS_MAX = 64  # a key of thousands of parts would take the parser minutes
CHAIN_MAX = 8  # files that build on each other
PROBLEMS_MAX = 100  # that one file is told of

Resolve = Callable[[str], Dialect | str]
"""What a word behind `from` means: a dialect that is built in, or the text of a file; SettingsError for neither."""

_PARTS, _SETS, _LAYOUT, _NUMBERS = "parts", "sets", "layout", "numbers"  # what is no plain value
Shape = Mapping[str, object]  # key -> the type of its value
ROW: Shape = {
    "name": str,
    "kind": Kind,
    "length_kind": Length,
    "length": int,
    "mask": Mask,
    "least": int,
    "coding": Coding,
    "page": str,
    "nibble": str,
    "prefix": Prefix,
    "pad": Pad,
    "layout": _LAYOUT,
}
ROW_REQUIRED = ("name", "kind", "length_kind", "length", "mask")
PREFIX: Shape = {"form": PrefixForm, "counts": Counts, "inclusive": bool, "page": str, "size": int}
PAD: Shape = {"character": str, "left": bool}
LAYOUTS: Mapping[str, tuple[type[Layout], Shape]] = {
    "positional": (Positional, {"repeats": bool, "parts": _PARTS}),
    "tagged": (
        Tagged,
        {
            "tag_digits": int,
            "tag": Coding,
            "length_kind": Length,
            "length": Prefix,
            "category": bool,
            "parts": _PARTS,
        },
    ),
    "ber_tlv": (BerTlv, {"parts": _PARTS}),
    "pds": (Pds, {"over": _NUMBERS, "parts": _PARTS}),
    "bitmap": (BitmapParts, {"octets": int, "binary": bool, "parts": _PARTS}),
    "datasets": (Datasets, {"sets": _SETS}),
}
LAYOUT_WORDS: Mapping[type[Layout], str] = {made: word for word, (made, _) in LAYOUTS.items()}
AXES: Shape = {
    "name": str,
    "version": str,
    "text": str,
    "numbers": Coding,
    "lengths": Prefix,
    "bitmap": BitmapForm,
    "bitmaps": Bitmaps,
    "third": Third,
    "mti": Coding,
    "tracks": Coding,
    "binary": Coding,
}
AXES_REQUIRED = ("version", "text", "numbers", "bitmap", "bitmaps")
_AROUND: Shape = {"from": str, "without": _NUMBERS, "elements": dict}
_WORDS: Mapping[object, str] = {str: "text", int: "a whole number", bool: "true or false"}
_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_BARE = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_DOTTED = rf"({_BARE}(?:\s*\.\s*{_BARE})*)"
_HEADER = re.compile(rf"\s*\[\s*{_DOTTED}\s*\]")
_KEY = re.compile(rf"\s*{_DOTTED}\s*=")


class Reading(NamedTuple):
    """What came of a file: its dialect, None where an error keeps it from being one, and everything wrong with it."""

    dialect: Dialect | None
    problems: tuple[Problem, ...]


def load(text: str, name: str, resolve: Resolve) -> Dialect:
    """Read a dialect; DialectError, which names the file as `name`, has every error with its line and its path."""
    reading = read(text, resolve)
    if reading.dialect is None:
        raise DialectError(name, reading.problems)
    return reading.dialect


def read(text: str, resolve: Resolve) -> Reading:
    """Read a dialect and judge it; never raises for what a file says."""
    layers, start, stopped = _layers(text, resolve)
    found = [] if stopped is None else [stopped]
    if stopped is None:
        for layer in reversed(layers):
            start = layer.upon(start)
            line = layers[0].line("from")
            found += layer.problems if layer is layers[0] else [_inherited(one, line) for one in layer.problems]
            if start is None:
                break
    else:
        found += layers[0].problems
    if start is None or found:
        return Reading(None, tuple(found[:PROBLEMS_MAX]))
    judged = tuple(layers[0].placed(one) for one in problems(start))[:PROBLEMS_MAX]
    is_good = not any(one.severity is Severity.ERROR for one in judged)
    return Reading(start if is_good else None, judged)


def _layers(text: str, resolve: Resolve) -> tuple[list[_Layer], Dialect | None, Problem | None]:
    """Give the files of a chain, the outermost first, the dialect below them, and what ended the chain too early."""
    layers = [_Layer(text)]
    while isinstance(word := layers[-1].table.get("from"), str):
        line = layers[-1].line("from")
        try:
            found = resolve(word)
        except SettingsError as error:
            return layers, None, Problem("from", str(error), line=line)
        if isinstance(found, Dialect):
            return layers, found, None
        if len(layers) == CHAIN_MAX:
            return layers, None, Problem("from", f"{CHAIN_MAX} files build on each other, or in a circle", line=line)
        layers.append(_Layer(found))
    return layers, None, None


def _inherited(problem: Problem, line: int) -> Problem:
    return Problem("from", f"in the file it names, {problem}", problem.severity, line)


def strange_line(text: str) -> int:
    """Give the number of the first line that no file of ours has and the parser could take minutes for, 0 for none."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_CHARACTERS_MAX or line.count(".") > LINE_DOTS_MAX:
            return number
    return 0


class _Layer:
    """One file: its table, its problems, and the dialect that it makes of the one below."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self.table: dict[str, Any] = {}
        self._lines: dict[str, int] = {}
        if len(text.encode("utf-8", "replace")) > FILE_BYTES_MAX:
            self.problems.append(Problem("", f"a dialect has {FILE_BYTES_MAX} bytes at most"))
            return
        strange = strange_line(text)
        if strange:
            self.problems.append(Problem("", "longer, or with more dots, than any line of a dialect", line=strange))
            return
        try:
            self.table = tomllib.loads(text)
        except RecursionError:
            self.problems.append(Problem("", "nested too deep"))
        except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
            self.problems.append(Problem("", f"not TOML: {error}"))
        else:
            self._lines = dict(_lines(text))

    def line(self, path: str) -> int:
        """Give the line in which a path stands, or what it lies in; 0 where that is not known."""
        while path and path not in self._lines:
            path = path.rpartition(".")[0]
        return self._lines.get(path, 0)

    def placed(self, problem: Problem) -> Problem:
        """Give a problem with its line."""
        return problem._replace(line=self.line(problem.path))

    def upon(self, start: Dialect | None) -> Dialect | None:
        """Give the dialect of this file on top of another, or by itself; None where something is wrong."""
        if self.problems:
            return None
        required = ("name",) if start is not None else ("name", *AXES_REQUIRED, "elements")
        axes = self._table("", self.table, {**_AROUND, **AXES}, required)
        without = axes.pop("without", ())
        axes.pop("from", None)
        elements = tuple(self._elements(axes.pop("elements", {})))
        if start is not None:
            rows = {row.number for row in start.elements}
            for number in set(without) - rows:
                self._wrong("without", f"element {number} is not in the dialect that it is taken from")
        if self.problems:
            return None
        if start is None:
            return Dialect(elements=tuple(sorted(elements, key=lambda row: row.number)), **axes)
        return start.but(axes.pop("name"), elements=elements, without=without, **axes)

    def _elements(self, table: dict[str, Any]) -> Iterator[Element]:
        for key, value in table.items():
            path = f"elements.{key}"
            if not _NUMBER.fullmatch(key):
                self._wrong(path, "the key of an element is its number")
                continue
            row = self._row(path, value, 1)
            if row is not None:
                yield Element(number=int(key), **row)

    def _row(self, path: str, value: object, depth: int) -> dict[str, Any] | None:
        """Read what an element and a part have alike; None where something is wrong."""
        before = len(self.problems)
        row = self._table(path, value, ROW, ROW_REQUIRED, depth)
        return row if len(self.problems) == before else None

    def _table(
        self, path: str, value: object, shape: Shape, required: tuple[str, ...], depth: int = 0
    ) -> dict[str, Any]:
        """Read a table: its known keys of the right type; everything else becomes a problem."""
        if not isinstance(value, dict):
            self._wrong(path, "must be a table, as in { name = ... }")
            return {}
        read: dict[str, Any] = {}
        inside = f"{path}." if path else ""
        for key, raw in value.items():
            if key not in shape:
                self._wrong(inside + key, "unknown; known are " + ", ".join(shape))
                continue
            before = len(self.problems)
            made = self._value(inside + key, raw, shape[key], depth)
            if len(self.problems) == before:
                read[key] = made
        for key in required:
            if key not in value:
                self._wrong(inside + key, "missing" + self._allowed(shape[key]))
        return read

    def _allowed(self, kind: object) -> str:
        words = _words(kind)
        return f"; must be {words}" if words else ""

    def _value(self, path: str, raw: object, kind: object, depth: int) -> object:
        if kind is Prefix:
            return Prefix(**self._table(path, raw, PREFIX, ()))
        if kind is Pad:
            pad = self._table(path, raw, PAD, ("character",))
            return Pad(**pad) if "character" in pad else None
        if kind == _LAYOUT:
            return self._layout(path, raw, depth)
        if kind == _PARTS:
            return tuple(self._parts(path, raw, depth))
        if kind == _SETS:
            return tuple(self._sets(path, raw, depth))
        if kind == _NUMBERS:
            if isinstance(raw, list) and all(type(one) is int for one in raw):
                return tuple(raw)
            self._wrong(path, "must be a list of element numbers, as in [48, 62]")
        elif kind is Length:
            if isinstance(raw, str) and raw == raw.lower() and raw.upper() in Length.__members__:
                return Length[raw.upper()]
            self._wrong(path, f"must be {_words(kind)}")
        elif isinstance(kind, type) and issubclass(kind, Enum):
            if isinstance(raw, str) and raw in {one.value for one in kind}:
                return kind(raw)
            self._wrong(path, f"must be {_words(kind)}")
        elif type(raw) is not kind:
            self._wrong(path, f"must be {_words(kind) or 'a table'}")
        return raw

    def _layout(self, path: str, raw: object, depth: int) -> Layout | None:
        word = raw.get("kind") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or not isinstance(word, str) or word not in LAYOUTS:
            self._wrong(f"{path}.kind", "must be " + " or ".join(LAYOUTS))
            return None
        if depth > DEPTH_MAX:
            self._wrong(path, f"layouts lie within each other {DEPTH_MAX} deep at most")
            return None
        made, shape = LAYOUTS[word]
        required = tuple({"over", "sets"} & set(shape))
        before = len(self.problems)
        table = self._table(path, {key: one for key, one in raw.items() if key != "kind"}, shape, required, depth)
        if made in {Positional, Tagged, Pds, BitmapParts}:
            table.setdefault("parts", ())
        return made(**table) if len(self.problems) == before else None

    def _parts(self, path: str, raw: object, depth: int) -> Iterator[Part]:
        if not isinstance(raw, dict):
            self._wrong(path, "must be a table of parts by their key")
            return
        for key, value in raw.items():
            row = self._row(f"{path}.{key}", value, depth + 1)
            if row is not None:
                yield Part(key=key, **row)

    def _sets(self, path: str, raw: object, depth: int) -> Iterator[Dataset]:
        if not isinstance(raw, dict):
            self._wrong(path, "must be a table of datasets by their id")
            return
        shape: Shape = {"name": str, "body": _LAYOUT}
        for key, value in raw.items():
            before = len(self.problems)
            table = self._table(f"{path}.{key}", value, shape, ("name", "body"), depth + 1)
            if len(self.problems) == before:
                yield Dataset(id=key, **table)

    def _wrong(self, path: str, problem: str) -> None:
        self.problems.append(Problem(path, problem, line=self.line(path)))


def _words(kind: object) -> str:
    """Say in words what a value may be."""
    if kind is Length:
        return " or ".join(name.lower() for name in Length.__members__)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(str(one.value) for one in kind)
    return _WORDS.get(kind, "")


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Give the paths that a file states, each with its line; text over several lines may add some that are none."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header is not None:
            inside = _joined(header[1]) + "."
            yield inside[:-1], number
        elif (key := _KEY.match(line)) is not None:
            yield inside + _joined(key[1]), number


def _joined(dotted: str) -> str:
    return ".".join(key.strip().strip("\"'") for key in dotted.split("."))
