"""Link profiles as files: what is agreed with a network, as TOML, on top of a profile that comes with Twinrail.

A file names the profile that it builds on (`from`) and states what differs. Values are those of `LinkProfile`; tables
are laid over those of the profile below, key by key, but `functions` replaces them, and a presence mark "" takes an
element out. `dialect` is the name
of a dialect, `frame` and `header` are names out of `frames`, or tables for what no name fits.
Nothing here opens a file: whoever calls knows the profiles and dialects that a file may name.
"""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, get_type_hints

import msgspec

from twinrail.codecs.card import NEVER_ECHOED
from twinrail.codecs.dialect_file import strange_line
from twinrail.codecs.dialect_text import quoted, toml_key
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import EncodeError, SettingsError
from twinrail.schemas.iso8583.authentication import MacAlgorithm, MacRule
from twinrail.schemas.iso8583.axes import Coding, Mask
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect
from twinrail.schemas.iso8583.frames import FRAMES, FRESH, HEADERS, Frame, Header, Number, opaque, tpdu
from twinrail.schemas.iso8583.places import TIMES, VERSION_DIGITS
from twinrail.schemas.iso8583.presence import Mark, Presence, Row, When
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction, Rail, SignOn

FILE_BYTES_MAX = 256 * 1024
FRAME_BYTES_MAX = 64 * 1024
DEADLINE_MAX_S = MappingProxyType({Rail.CARD: 4.5, Rail.INSTANT: 10.0})  # later, the network has answered for us
SECURITY_DATA = 53  # comes back in the answer to a key change only
OTHERWISE = "otherwise"  # the key of `match` for every class that is not stated
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MTI = re.compile(r"[0-2][0-9]{3}")
_FRAME_BYTES = ("before", "after", "trailer", "begin", "end")  # written as hex digits in a file
_TABLES = frozenset({"match", "codes", "accepted"})  # laid over key by key
_HIDDEN = frozenset({Mask.PAN, Mask.SENSITIVE, Mask.SECRET})  # the card is part of a key by its token
_NESTED = frozenset({"places", "repeats"})
_NEEDED = ("pan", "processing_code", "amount", "stan", "sent_at", "approval_code", "response_code")  # of places
_HINTS = get_type_hints(LinkProfile) | {"dialect": str}
FIELDS = tuple(field.name for field in dataclasses.fields(LinkProfile) if field.init)


def load(
    text: str, where: str, profiles: Mapping[str, LinkProfile], dialects: Mapping[str, Dialect] = DIALECTS
) -> LinkProfile:
    """Read a profile; SettingsError names the file as `where`, the key and what is wrong with it, never the value."""
    try:
        profile = _read(_parsed(text), profiles, dialects)
        problems = list(problems_of(profile))
    except _Wrong as wrong:
        raise SettingsError(f"{where}: {wrong}") from None
    if problems:
        raise SettingsError(f"{where}: {'; '.join(problems)}")
    return profile


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """What is wrong, and at which key."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)


def _parsed(text: str) -> dict[str, Any]:
    if len(text.encode("utf-8", "replace")) > FILE_BYTES_MAX:
        raise _Wrong("", f"a profile has {FILE_BYTES_MAX} bytes at most")
    if strange := strange_line(text):
        raise _Wrong("", f"line {strange} is longer, or has more dots, than any line of a profile")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _Wrong("", "nested too deep") from None
    except ValueError as error:
        raise _Wrong("", f"not TOML: {error}") from None


def _read(given: dict[str, Any], profiles: Mapping[str, LinkProfile], dialects: Mapping[str, Dialect]) -> LinkProfile:
    word = given.pop("from", "")
    below = profiles.get(word) if isinstance(word, str) else None
    if below is None:
        raise _Wrong("from", f"is one of {', '.join(sorted(profiles))}")
    name = given.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in profiles:
        raise _Wrong("name", "is required: lower-case letters, digits and hyphens, and no profile has it yet")
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key not in FIELDS:
            raise _Wrong(key, "a profile has no such key")
        read = _READERS.get(key)
        changes[key] = _plain(key, value, getattr(below, key)) if read is None else read(key, value, below)
    if "dialect" in changes and below.rail is Rail.CARD:
        changes["dialect"] = _dialect(changes["dialect"], dialects)
    return dataclasses.replace(below, **changes)


def _dialect(name: object, dialects: Mapping[str, Dialect]) -> str | Dialect:
    """Give the name of a dialect that comes with Twinrail, or one of the others itself."""
    if not isinstance(name, str) or name not in dialects:
        raise _Wrong("dialect", f"is one of {', '.join(sorted(dialects))}")
    return name if name in DIALECTS else dialects[name]


def _plain(key: str, value: object, below: Any) -> object:
    """Convert by the type that the profile states; tables and nested rows are laid over those below."""
    if key in _NESTED:
        return _nested(key, value, below)
    if key in _TABLES:
        value = {**below, **_table(key, value)}
        if key == "match" and OTHERWISE in value:
            value[""] = value.pop(OTHERWISE)
    made = _converted(key, value, _HINTS[key])
    return MappingProxyType(made) if isinstance(made, dict) else made


def _nested(key: str, value: object, below: Any) -> object:
    table = _table(key, value)
    hints = get_type_hints(type(below))
    for inner in table:
        if inner not in hints:
            raise _Wrong(f"{key}.{inner}", "there is no such key")
    return dataclasses.replace(
        below, **{inner: _converted(f"{key}.{inner}", given, hints[inner]) for inner, given in table.items()}
    )


def _table(key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(key, "is a table")
    return value


def _converted(path: str, value: object, hint: Any) -> Any:
    try:
        return msgspec.convert(value, hint, strict=True)
    except msgspec.ValidationError as error:
        # The library's text names types and the place below `path`, and of values only those of an enumeration.
        problem, _, place = str(error).partition(" - at `$")
        raise _Wrong(path + place.rstrip("`"), _without_value(problem)) from None


def _without_value(problem: str) -> str:
    return "is none of the values that there are" if problem.startswith("Invalid enum value") else problem


def _frame(key: str, value: object, _below: LinkProfile) -> Frame:
    if isinstance(value, str):
        if value not in FRAMES:
            raise _Wrong(key, f"is a table, or one of {', '.join(FRAMES)}")
        return FRAMES[value]
    table = {"name": "own", **_table(key, value)}
    hints = get_type_hints(Frame)
    for inner, given in table.items():
        if inner not in hints:
            raise _Wrong(f"{key}.{inner}", "a frame has no such key")
        if inner in _FRAME_BYTES:
            table[inner] = _hex(f"{key}.{inner}", given)
        else:
            table[inner] = _converted(f"{key}.{inner}", given, Number if inner == "number" else hints[inner])
    try:
        return Frame(**table)
    except ValueError as error:
        raise _Wrong(key, str(error)) from None


def _hex(path: str, value: object) -> bytes:
    try:
        return bytes.fromhex(_converted(path, value, str))
    except ValueError:
        raise _Wrong(path, "is text of hex digits, two a byte") from None


def _header(key: str, value: object, _below: LinkProfile) -> Header:
    if isinstance(value, str):
        if value not in HEADERS:
            raise _Wrong(key, f"is a table, or one of {', '.join(HEADERS)}")
        return HEADERS[value]
    match _table(key, value):
        case {"tpdu_and_more": int(more), **rest} if not rest and type(more) is int and 0 <= more <= 64:
            return tpdu(more)
        case {"opaque": int(size), "copied": bool(copied), **rest} if not rest and type(size) is int and 0 < size < 256:
            return opaque(size, copied=copied)
        case {"like": str(name), **fresh} if name in HEADERS:
            try:
                return HEADERS[name].but(**{field: _hex(f"{key}.{field}", given) for field, given in fresh.items()})
            except ValueError as error:
                raise _Wrong(key, str(error)) from None
        case _:
            raise _Wrong(
                key,
                "as a table is { tpdu_and_more = bytes }, { opaque = bytes, copied = true or false }, or"
                ' { like = "base1", source = "400000" } with what our own messages hold in its fields, in hex',
            )


def _mac(key: str, value: object, below: LinkProfile) -> MacRule | None:
    table = _table(key, value)
    if not table:
        return None
    if below.mac is None and "algorithm" not in table:
        raise _Wrong(f"{key}.algorithm", f"is required: {' or '.join(MacAlgorithm)}")
    algorithm = _converted(f"{key}.algorithm", table.get("algorithm"), MacAlgorithm) if "algorithm" in table else None
    start = below.mac or MacRule(algorithm=algorithm or MacAlgorithm.AES_CMAC)
    found = _nested(key, value, start)
    return found if isinstance(found, MacRule) else None


def _presence(key: str, value: object, below: LinkProfile) -> Presence:
    table = {mti: {row.element: row for row in rows} for mti, rows in below.presence.items()}
    for mti, given in _table(key, value).items():
        path = f"{key}.{mti}"
        if not _MTI.fullmatch(mti) or mti[3] in "135":
            raise _Wrong(path, "is a message type of four digits, its repeat bit cleared")
        rows = table.setdefault(mti, {})
        for element, mark in _table(path, given).items():
            number = int(element) if element.isascii() and element.isdigit() and len(element) <= 3 else 0
            if not 2 <= number <= 192:
                raise _Wrong(f"{path}.{element}", "is an element, 2 to 192")
            if mark == "":
                rows.pop(number, None)
            else:
                rows[number] = _row(f"{path}.{element}", number, mark)
    return MappingProxyType(
        {mti: tuple(sorted(rows.values(), key=lambda row: row.element)) for mti, rows in table.items()}
    )


def _row(path: str, number: int, given: object) -> Row:
    """Read a mark, or a condition: { mark = "C", when = 39, values = ["00"], unless = false }."""
    if isinstance(given, str):
        mark = _converted(path, given, Mark)
        if mark is Mark.CONDITIONAL:
            raise _Wrong(path, 'says when: { mark = "C", when = 39, values = ["00"] }')
        return Row(number, mark)
    table = _table(path, given)
    if table.get("mark") != Mark.CONDITIONAL.value or set(table) - {"mark", "when", "values", "unless"}:
        raise _Wrong(path, "as a table has mark (C), when, and perhaps values and unless")
    element = _converted(f"{path}.when", table.get("when"), int)
    values = _converted(f"{path}.values", table.get("values", []), tuple[str, ...])
    unless = _converted(f"{path}.unless", table.get("unless", False), bool)
    return Row(number, Mark.CONDITIONAL, When(element, values, unless))


_READERS: Mapping[str, Callable[[str, object, LinkProfile], object]] = {
    "frame": _frame,
    "header": _header,
    "mac": _mac,
    "presence": _presence,
}


def problems_of(profile: LinkProfile) -> Iterator[str]:
    """Say what is contradictory or out of bounds."""
    most = DEADLINE_MAX_S[profile.rail]
    if not 0 < profile.deadline_s <= most:
        yield f"deadline_s: is above 0 and at most {most}"
    for key in FIELDS:
        value = getattr(profile, key)
        if key.endswith("_s") and not 0 <= value <= 366 * 24 * 3600:
            yield f"{key}: is in seconds, at most a year"
        if key.endswith("_max") and not 1 <= value <= 100_000_000:
            yield f"{key}: is at least 1"
    if profile.frame_bytes_max > FRAME_BYTES_MAX:
        yield f"frame_bytes_max: is at most {FRAME_BYTES_MAX}"
    if not profile.idle_timeout_s or not profile.frame_timeout_s:
        yield "idle_timeout_s and frame_timeout_s: are above 0"
    if 0 < profile.idle_timeout_s <= profile.echo_idle_s:
        yield "idle_timeout_s: is above echo_idle_s, or the link is closed before its echo is answered"
    if profile.echo_idle_s and not profile.code_of(NetworkFunction.ECHO):
        yield "functions: has no code for an echo, which echo_idle_s asks for"
    if profile.sign_on_required and profile.sign_on is SignOn.OURS and not profile.code_of(NetworkFunction.SIGN_ON):
        yield "functions: has no code for the sign-on that is ours"
    if profile.rail is Rail.CARD:
        dialect = profile.dialect
        yield from _strangers(profile, DIALECTS[dialect] if isinstance(dialect, str) else dialect)
    elif profile.mac is not None or profile.header.size:
        yield "mac and header: are of card links"  # and nobody would look at them here


def _strangers(profile: LinkProfile, dialect: Dialect) -> Iterator[str]:
    """Say what the profile asks of elements that its dialect does not have, or must never give back."""
    known = {row.number for row in dialect.elements}
    if profile.places.version != dialect.version:
        yield f"places.version: is {profile.places.version}, the dialect's is {dialect.version}"
    if profile.places.sent_at_length not in TIMES:
        yield f"places.sent_at_length: is one of {', '.join(map(str, TIMES))}"
    for name in _NEEDED:
        if getattr(profile.places, name) not in known:
            yield f"places.{name}: the dialect has no such element"
    numbers: dict[str, tuple[int, ...]] = {"key_elements": profile.key_elements, "refreshed": profile.refreshed}
    numbers["own_elements"] = tuple(number for number, _ in profile.own_elements)
    numbers["failing_element_in"] = (profile.failing_element_in,) if profile.failing_element_in else ()
    numbers |= {f"match.{key or OTHERWISE}": elements for key, elements in profile.match.items()}
    if profile.mac is not None:
        numbers["mac.elements"] = tuple(number for number in profile.mac.elements if number <= 128)
    for key, elements in numbers.items():
        for number in set(elements) - known:
            yield f"{key}: the dialect has no element {number}"
    hidden = {row.number for row in dialect.elements if row.mask in _HIDDEN}
    for key in ("key_elements", *(f"match.{key or OTHERWISE}" for key in profile.match)):
        for number in hidden & set(numbers[key]):
            yield f"{key}: element {number} is none that may be written down, and keys are"
    for mti, rows in profile.presence.items():
        for row in rows:
            if row.element not in known and row.mark in {Mark.MANDATORY, Mark.MANDATORY_ECHO}:
                yield f"presence.{mti}.{row.element}: the dialect has no such element"
    for mti, elements in profile.echo.items():
        for number in NEVER_ECHOED & set(elements):
            yield f"presence.{mti}.{number}: is never given back"
    for number in NEVER_ECHOED & set(profile.key_change_echo) - {SECURITY_DATA}:
        yield f"key_change_echo: {number} is never given back"
    if profile.frame.end and (dialect.bitmap is BitmapForm.BINARY or dialect.numbers is not Coding.CHARACTERS):
        yield "frame: a message of this dialect can hold the end of its frame"
    yield from _unwritable(profile)


def _unwritable(profile: LinkProfile) -> Iterator[str]:
    """Say which codes no answer could hold: the engine would have to stay silent."""
    at, codec = profile.places, codec_for(profile.dialect)
    codes = {f"codes.{reason}": code for reason, code in profile.codes.items()}
    codes |= {f"accepted.{digit}": code for digit, code in profile.accepted.items()}
    if profile.mac_failure_code:
        codes["mac_failure_code"] = profile.mac_failure_code
    for key, code in codes.items():
        try:
            codec.encode(Message(VERSION_DIGITS[at.version] + "110", {at.response_code: code}))
        except EncodeError:
            yield f"{key}: the dialect cannot hold such a code in element {at.response_code}"


# Writing.


def write(profile: LinkProfile, below: str) -> str:
    """Give the text of a profile's file, whole, on top of the one called `below`, of which presence rows remain."""
    lines = ["# A link profile of Twinrail: docs/reference/profiles.md says what can be stated here."]
    lines.append(f"from = {_toml(below)}")
    tables: dict[str, dict[str, object]] = {}
    for key in FIELDS:
        value = _stated(key, profile.dialect_name if key == "dialect" else getattr(profile, key))
        if isinstance(value, dict):
            tables[key] = value
        elif value is not None:
            lines.append(f"{key} = {_toml(value)}")
    for key, table in tables.items():
        inner = {name: value for name, value in table.items() if isinstance(value, dict) and key == "presence"}
        if len(inner) < len(table) or not table:
            lines += ["", f"[{key}]", *(f"{toml_key(name)} = {_toml(value)}" for name, value in table.items())]
        for name, rows in inner.items():
            lines += [
                "",
                f"[{key}.{toml_key(name)}]",
                *(f"{toml_key(row)} = {_toml(mark)}" for row, mark in rows.items()),
            ]
    return "\n".join([*lines, ""])


def _stated(key: str, value: Any) -> object:
    """Give a value as plain data: text, numbers, lists and tables."""
    if isinstance(value, Frame):
        if FRAMES.get(value.name) == value:
            return value.name
        stated = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: one.hex() if isinstance(one, bytes) else _stated("", one) for name, one in stated.items()}
    if isinstance(value, Header):
        return _stated_header(value)
    if key == "presence":
        return {mti: {str(row.element): _mark(row) for row in rows} for mti, rows in value.items()}
    if dataclasses.is_dataclass(value):
        return {field.name: _stated("", getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(_stated("", name)) or OTHERWISE: _stated("", one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_stated("", one) for one in value]
    return value.value if isinstance(value, Enum) else value


def _stated_header(header: Header) -> object:
    known = HEADERS.get(header.name)
    if known is not None:
        own = {
            field.name: field.fresh.hex()
            for field, plain in zip(header.fields, known.fields, strict=True)
            if field != plain
        }
        return {"like": header.name, **own} if own else header.name
    if header == opaque(header.size, copied=header.fields[0].answer != FRESH):
        return {"opaque": header.size, "copied": header.fields[0].answer != FRESH}
    return {"tpdu_and_more": header.size - tpdu().size}


def _mark(row: Row) -> object:
    if row.when is None:
        return row.mark.value
    stated: dict[str, object] = {"mark": row.mark.value, "when": row.when.element}
    if row.when.values:
        stated["values"] = list(row.when.values)
    return stated | ({"unless": True} if row.when.unless else {})


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    return quoted(str(value))
