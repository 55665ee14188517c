"""A dialect written as its file, whole: what `dialect_file` reads back to the same dialect."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum

from twinrail.codecs.dialect_file import AXES, LAYOUT_WORDS, LAYOUTS, PAD, PREFIX, ROW, ROW_REQUIRED, Shape
from twinrail.schemas.iso8583.axes import Length, Pad, Prefix
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Dataset, Datasets, Layout, Part

_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def write(dialect: Dialect) -> str:
    """Give the text of a dialect's file; defaults are left out."""
    lines = ["# A dialect of Twinrail: docs/how-to/add-a-dialect.md says what can be stated here."]
    lines += [f"{key} = {_value(value)}" for key, value in _stated(dialect, AXES).items()]
    lines += ["", "[elements]"]
    flat = [row for row in dialect.elements if _is_flat(row)]
    lines += [f"{row.number} = {_inline(_stated(row, ROW))}" for row in flat]
    for row in dialect.elements:
        if not _is_flat(row):
            lines += ["", *_row(f"elements.{row.number}", row)]
    return "\n".join([*lines, ""])


def _stated(made: object, shape: Shape) -> dict[str, object]:
    """Give what differs from its default, and what has none, in the order of the shape."""
    defaults = {field.name: field.default for field in dataclasses.fields(made)}  # type: ignore[arg-type]  # a row of ours
    values = {key: getattr(made, key) for key in shape}
    return {key: value for key, value in values.items() if value != defaults[key]}


def _is_flat(row: Element | Part) -> bool:
    """Say whether a row fits into one line: nothing is nested in it but parts that need no words."""
    return row.layout is None or row.layout == BerTlv()


def _row(path: str, row: Element | Part) -> Iterator[str]:
    stated = _stated(row, ROW)
    layout = stated.pop("layout", None)
    yield f"[{path}]"
    yield from (f"{key} = {_value(value)}" for key, value in stated.items())
    if row.layout is not None and layout is not None:
        yield ""
        yield from _layout(f"{path}.layout", row.layout)


def _layout(path: str, layout: Layout) -> Iterator[str]:
    word = LAYOUT_WORDS[type(layout)]
    stated = _stated(layout, LAYOUTS[word][1])
    parts, sets = stated.pop("parts", ()), stated.pop("sets", ())
    yield f"[{path}]"
    yield f'kind = "{word}"'
    yield from (f"{key} = {_value(value)}" for key, value in stated.items())
    if isinstance(layout, Datasets):
        if not sets:
            yield "sets = {}"
        for each in layout.sets:
            yield ""
            yield from _set(f"{path}.sets.{toml_key(each.id)}", each)
    elif not parts:
        yield "parts = {}"
    elif all(_is_flat(part) for part in layout.parts):
        yield ""
        yield f"[{path}.parts]"
        yield from (f"{toml_key(part.key)} = {_inline(_stated(part, ROW))}" for part in layout.parts)
    else:  # tables of their own, so that the order of the parts is that of the file
        for part in layout.parts:
            yield ""
            yield from _row(f"{path}.parts.{toml_key(part.key)}", part)


def _set(path: str, each: Dataset) -> Iterator[str]:
    yield f"[{path}]"
    yield f"name = {_value(each.name)}"
    yield ""
    yield from _layout(f"{path}.body", each.body)


def _inline(stated: Mapping[str, object]) -> str:
    order = [*ROW_REQUIRED, *(key for key in stated if key not in ROW_REQUIRED)]
    inner = ", ".join(f"{key} = {_value(stated[key])}" for key in order if key in stated)
    return f"{{ {inner} }}" if inner else "{}"


def _value(value: object) -> str:
    if isinstance(value, Length):
        return f'"{value.name.lower()}"'
    if isinstance(value, Enum):
        return f'"{value.value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Prefix | Pad):
        shape = PREFIX if isinstance(value, Prefix) else PAD
        stated = {key: getattr(value, key) for key in shape}
        defaults = {"character": None} | {key: getattr(Prefix(), key, False) for key in shape if key != "character"}
        return _inline({key: one for key, one in stated.items() if one != defaults[key]})
    if isinstance(value, BerTlv):
        return '{ kind = "ber_tlv" }'
    if isinstance(value, tuple):
        return "[" + ", ".join(str(one) for one in value) + "]"
    return str(value) if isinstance(value, int) else quoted(str(value))


def quoted(text: str) -> str:
    """Write a text as TOML does, everything beyond printable ASCII escaped."""
    escaped = (
        _ESCAPES.get(one) or (one if one.isprintable() and one.isascii() else f"\\U{ord(one):08X}") for one in text
    )
    return f'"{"".join(escaped)}"'


def toml_key(key: str) -> str:
    """Write a key as TOML does, quoted where it has to be."""
    bare = key and all(one.isascii() and (one.isalnum() or one in "_-") for one in key)
    return key if bare else quoted(key)
