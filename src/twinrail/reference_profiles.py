"""The reference page of link profiles: every field with its sentence, and the tables of those that come along."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise

from twinrail.schemas.iso8583.places import PLACES_1987, PLACES_1993, PLACES_2003, PLACES_POS, Places
from twinrail.schemas.iso8583.presence import (
    PRESENCE_1987,
    PRESENCE_1993,
    PRESENCE_2003,
    PRESENCE_POS,
    Mark,
    Presence,
    When,
)
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, NetworkFunction, Rail, Repeats, SignOn

_TABLES = (
    ("1987", PLACES_1987, PRESENCE_1987),
    ("1987, terminals", PLACES_POS, PRESENCE_POS),
    ("1993", PLACES_1993, PRESENCE_1993),
    ("2003", PLACES_2003, PRESENCE_2003),
)
_MARKS = (Mark.MANDATORY, Mark.CONDITIONAL, Mark.OPTIONAL, Mark.MANDATORY_ECHO, Mark.CONDITIONAL_ECHO)


def sentences(kind: type) -> dict[str, str]:
    """Give the sentence below each field of a dataclass, by the field's name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for pair in pairwise(body):
        match pair:
            case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(sentence)))):
                found[name] = sentence
            case _:
                pass  # two fields without a sentence between them, or a method
    return found


def profiles_page(note: str) -> str:
    """Give the page."""
    return "\n".join(
        [
            "# Link profiles",
            "",
            note,
            "A link profile is a row of data: everything that is agreed with a network and is not its dialect.",
            "Profiles named after a network are like it, no more: they are drawn from public documents, and the",
            "agreement with the network replaces them. Times are seconds, sizes bytes.",
            "",
            "One of your own is a TOML file, named in `profiles` of the settings: `from` names what it builds on, and",
            "it states what differs by the fields below; [connect a network](../how-to/connect-a-network.md) has one.",
            "Tables are laid over those of the profile below, but `functions` replaces them, and a mark of two quotes",
            "takes an element out of `presence`. `frame` and `header` are names of known ones, or tables.",
            "`profile check` says what is wrong with a file, `profile show` prints any profile as one.",
            "",
            "## What a profile can say",
            "",
            *_fields(LinkProfile, PROFILES["card-1987"]),
            "## Repeats",
            "",
            *_fields(Repeats, Repeats()),
            "## Profiles that come with Twinrail",
            "",
            *_profiles(),
            "## Network functions",
            "",
            *_functions(),
            "## Where things stand",
            "",
            *_places(),
            "## Presence and echo",
            "",
            "M mandatory; C mandatory where a condition holds; O optional; ME given back, and mandatory in the",
            "request; CE given back where the request holds it. An element that no row names may be there.",
            "",
            *(line for version, _, table in _TABLES for line in _presence(version, table)),
        ]
    )


def _fields(kind: type, example: object) -> Iterator[str]:
    yield "| field | default | meaning |"
    yield "|---|---|---|"
    said = sentences(kind)
    for row in dataclasses.fields(kind):
        yield f"| `{row.name}` | {_default(row, example)} | {said[row.name]} |"
    yield ""


def _default(row: "dataclasses.Field[object]", example: object) -> str:
    if not row.init:
        return "derived"
    if row.default is dataclasses.MISSING and row.default_factory is dataclasses.MISSING:
        return "required"
    value = getattr(example, row.name)
    if row.name == "match" and isinstance(value, Mapping):
        return "; ".join(f"{digit or 'other'}: `{_plain(elements)}`" for digit, elements in value.items())
    if isinstance(value, Mapping | Places | Repeats):
        return "see below" if value else "none"
    return f"`{_plain(value)}`" if value not in ((), "", None, frozenset()) else "none"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return " ".join(sorted(value))
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(getattr(value, "name", value)) if dataclasses.is_dataclass(value) else str(value)


def _profiles() -> Iterator[str]:
    yield "| profile | dialect | frame | header | version | sign-on | echo after | format error in | at the deadline |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for profile in PROFILES.values():
        card = profile.rail is Rail.CARD
        sign_on = "none" if not profile.sign_on_required else "ours" if profile.sign_on is SignOn.OURS else "the peer's"
        cells = (
            f"`{profile.name}`",
            f"`{profile.dialect_name}`",
            f"`{profile.frame.name}`",
            f"`{profile.header.name}`",
            profile.places.version if card else "ISO 20022",
            sign_on,
            f"{profile.echo_idle_s:g} s" if profile.echo_idle_s else "",
            f"DE{profile.failing_element_in}" if card and profile.failing_element_in else "",
            str(profile.deadline_policy),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _functions() -> Iterator[str]:
    names = list(NetworkFunction)
    yield f"| profile | element | {' | '.join(function.replace('_', ' ') for function in names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    for profile in PROFILES.values():
        if profile.rail is not Rail.CARD:
            continue
        codes = (" ".join(code for code, means in profile.functions.items() if means is function) for function in names)
        yield f"| `{profile.name}` | DE{profile.places.network_function} | {' | '.join(codes)} |"
    yield ""


def _places() -> Iterator[str]:
    yield f"| thing | {' | '.join(version for version, _, _ in _TABLES)} |"
    yield f"|---|{'---|' * len(_TABLES)}"
    for row in dataclasses.fields(Places):
        if row.name != "version":
            values = (getattr(places, row.name) for _, places, _ in _TABLES)
            yield f"| `{row.name}` | {' | '.join(str(value or '') for value in values)} |"
    yield ""


def _presence(version: str, table: Presence) -> Iterator[str]:
    yield f"### {version}"
    yield ""
    yield f"| type | {' | '.join(_MARKS)} |"
    yield f"|---|{'---|' * len(_MARKS)}"
    for mti, rows in table.items():
        cells = []
        for mark in _MARKS:
            marked = [row for row in rows if row.mark is mark]
            cells.append("; ".join(f"{row.element} {_when(row.when)}" for row in marked if row.when is not None))
            cells[-1] = cells[-1] or " ".join(str(row.element) for row in marked)
        yield f"| `{mti}` | {' | '.join(cells)} |"
    yield ""


def _when(when: When) -> str:
    value = f" is {' or '.join(when.values)}" if when.values else ""
    return f"{'unless' if when.unless else 'if'} {when.element}{value}"
