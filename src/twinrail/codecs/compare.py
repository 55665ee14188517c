"""Comparison: what two messages have in common and what not, part by part, composites opened.

The values themselves are compared and the masked ones are shown: two that look alike and differ say so. Messages of
different dialects are compared by their paths; what packed digits, code pages and length prefixes do to the bytes is
not part of a value and so makes no difference.
"""

from collections.abc import Collection
from typing import NamedTuple

from twinrail.codecs import describe, paths
from twinrail.codecs.table import Message
from twinrail.schemas.iso8583.elements import Dialect

HIDDEN = "differs (hidden)"
OTHERWISE = "same parts, written otherwise"
_SHOWN_MAX = 500  # lines of a description; a longer one is cut


class Difference(NamedTuple):
    """One path that is not the same; values as they may be shown, "" where there is none."""

    path: str
    name: str
    a: str
    b: str


class Comparison(NamedTuple):
    """All differences, in the order of the elements, and how many leaves are the same."""

    only_a: tuple[Difference, ...]
    only_b: tuple[Difference, ...]
    different: tuple[Difference, ...]
    same: int

    @property
    def equal(self) -> bool:
        """Say whether nothing differs."""
        return not (self.only_a or self.only_b or self.different)


class _Leaf(NamedTuple):
    """One path of a message: its value, and what may be shown of it."""

    name: str
    value: str | bytes
    shown: str
    parent: bool = False  # its parts are leaves


def compare(
    dialect_a: Dialect, a: Message, dialect_b: Dialect, b: Message, *, ignore: Collection[str] = ()
) -> Comparison:
    """Compare two messages; `ignore` are paths that are left out, with all that is below them ("mti" among them).

    >>> from twinrail.codecs.iso8583 import DIALECTS
    >>> dialect, one = DIALECTS["iso1987-ascii"], Message("0800", {11: "000001", 70: "301"})
    >>> compare(dialect, one, dialect, Message("0800", {11: "000002", 70: "301"})).different[0]
    Difference(path='11', name='stan', a='000001', b='000002')
    """
    left, right = _leaves(dialect_a, a, ignore), _leaves(dialect_b, b, ignore)
    only_a = [Difference(path, leaf.name, leaf.shown, "") for path, leaf in left.items() if path not in right]
    only_b = [Difference(path, leaf.name, "", leaf.shown) for path, leaf in right.items() if path not in left]
    both = [(path, leaf, right[path]) for path, leaf in left.items() if path in right]
    different = [_difference(path, one, other) for path, one, other in both if one.value != other.value]
    changed = [difference.path for difference in (*only_a, *only_b, *different)]
    # Filler between tags and lengths that could be shorter are no part of any leaf.
    for path, one, other in both:
        if not (one.parent and other.parent and one.value != other.value):
            continue
        if sum(_within(other_path, path) for other_path in (*changed, *ignore)) > 1:
            different = [difference for difference in different if difference.path != path]
    same = sum(not leaf.parent and leaf.value == other.value for _, leaf, other in both)
    return Comparison(tuple(only_a), tuple(only_b), tuple(different), same)


def _difference(path: str, one: _Leaf, other: _Leaf) -> Difference:
    if one.shown != other.shown:
        return Difference(path, one.name, one.shown, other.shown)
    words = OTHERWISE if one.parent and other.parent else HIDDEN
    return Difference(path, one.name, words, words)


def _leaves(dialect: Dialect, message: Message, ignore: Collection[str]) -> dict[str, _Leaf]:
    """Give everything that `describe` shows by itself; what it shows by its parts is a parent."""
    lines = {line.path: line for line in describe.describe(dialect, message)}
    found = {"mti": _Leaf("message type", message.mti, lines["mti"].value)}
    parents = {path.rpartition(".")[0] for path in lines}
    for entry in paths.walk(dialect, message):
        line = lines.get(entry.path)
        if line is not None:
            found[entry.path] = _Leaf(line.name, entry.value, line.value, parent=entry.path in parents)
        elif len(lines) > _SHOWN_MAX or "." not in entry.path:
            name = "unknown" if entry.row is None else entry.row.name
            found[entry.path] = _Leaf(name, entry.value, _length(entry.value))
    return {path: leaf for path, leaf in found.items() if not any(_within(path, one) for one in ignore)}


def _within(path: str, outer: str) -> bool:
    """Say whether a path is another or below it; "55" has all of DE55, "55.9F02" every tag of the kind."""
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _length(value: str | bytes) -> str:
    return f"[{len(value)} bytes]" if isinstance(value, bytes) else f"[{len(value)} characters]"
