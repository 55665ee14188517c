"""Presence and echo: which elements a message must hold, and which of them its answer gives back.

Marks are those of the tables that networks publish (IFSF, PayEx): M, C with its condition, O, and for answers ME and
CE, what comes back from the request. The tables below are defaults drawn from jPOS samples, the MDS manual and IFSF;
an element that no row names may be there and is passed over. 14, 35, 36, 45, 52 and 53 are never echoed.
"""

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType
from typing import NamedTuple


@unique
class Mark(StrEnum):
    """What a table says of an element in a message type."""

    MANDATORY = "M"
    CONDITIONAL = "C"  # mandatory where its condition holds
    OPTIONAL = "O"
    MANDATORY_ECHO = "ME"  # as in the request, which must hold it
    CONDITIONAL_ECHO = "CE"  # as in the request, where it holds it


class When(NamedTuple):
    """A condition: another element is present, or has one of some values; `unless` turns it round."""

    element: int
    values: tuple[str, ...] = ()  # any value where empty
    unless: bool = False

    def holds(self, elements: Mapping[int, str | bytes]) -> bool:
        """Say whether the condition holds for a message.

        >>> When(35, unless=True).holds({35: "x"})
        False
        """
        value = elements.get(self.element)
        return (value is not None and (not self.values or value in self.values)) != self.unless


class Row(NamedTuple):
    """One element of one message type."""

    element: int
    mark: Mark
    when: When | None = None  # for CONDITIONAL


Rows = tuple[Row, ...]
Presence = Mapping[str, Rows]  # by MTI with the repeat bit cleared


def rows(
    *,
    m: tuple[int, ...] = (),
    c: Mapping[int, When] = MappingProxyType({}),
    o: tuple[int, ...] = (),
    me: tuple[int, ...] = (),
    ce: tuple[int, ...] = (),
) -> Rows:
    """Write the rows of one message type, elements by their mark."""
    plain = (
        (Mark.MANDATORY, m),
        (Mark.OPTIONAL, o),
        (Mark.MANDATORY_ECHO, me),
        (Mark.CONDITIONAL_ECHO, ce),
    )
    written = [Row(number, mark) for mark, numbers in plain for number in numbers]
    written += [Row(number, Mark.CONDITIONAL, when) for number, when in c.items()]
    return tuple(sorted(written))


def but(table: Presence, **changes: Rows) -> Presence:
    """Give a table in which rows of some message types, written `mti_0110=...`, replace those of the same elements."""
    changed = dict(table)
    for name, own in changes.items():
        mti = name.removeprefix("mti_")
        kept = {row.element: row for row in table.get(mti, ())} | {row.element: row for row in own}
        changed[mti] = tuple(sorted(kept.values()))
    return MappingProxyType(changed)


def mandatory_of(table: Presence) -> Mapping[str, tuple[int, ...]]:
    """Give the elements that a message must hold whatever else it holds, by MTI."""
    return _marked(table, {Mark.MANDATORY, Mark.MANDATORY_ECHO})


def echo_of(table: Presence) -> Mapping[str, tuple[int, ...]]:
    """Give the elements that an answer takes over from its request where that holds them, by MTI."""
    return {
        mti: numbers
        for mti, numbers in _marked(table, {Mark.MANDATORY_ECHO, Mark.CONDITIONAL_ECHO}).items()
        if mti[2] in "1357"
    }


def conditions_of(table: Presence) -> Mapping[str, tuple[tuple[int, When], ...]]:
    """Give the elements that a message must hold where a condition holds, by MTI."""
    return {mti: tuple((row.element, row.when) for row in of if row.when is not None) for mti, of in table.items()}


def _marked(table: Presence, marks: set[Mark]) -> Mapping[str, tuple[int, ...]]:
    return {mti: tuple(row.element for row in of if row.mark in marks) for mti, of in table.items()}


_CARD = MappingProxyType({2: When(35, unless=True)})  # the card number stands in DE2 or in the track
_CODE_1987 = MappingProxyType({38: When(39, ("00", "10"))})
_CODE_1993 = MappingProxyType({38: When(39, ("000", "002"))})

_ASKED = rows(m=(3, 4, 7, 11, 49), c=_CARD, o=(12, 13, 14, 18, 22, 32, 35, 37, 41, 42, 43, 52, 55))
_TAKEN_BACK = rows(m=(3, 4, 7, 11, 49), c=_CARD, o=(32, 37, 38, 41, 42, 90, 95))
_ECHO = (2, 5, 6, 12, 13, 15, 32, 33, 37, 41, 42, 50, 51)
_DECIDED = rows(m=(39,), c=_CODE_1987, me=(3, 4, 7, 11, 49), ce=_ECHO, o=(44, 54, 55))
_NOTED = rows(m=(39,), me=(3, 4, 7, 11, 49), ce=_ECHO)
_REVERSED = rows(m=(39,), me=(3, 4, 7, 11, 49), ce=(*_ECHO, 90, 95))

PRESENCE_1987: Presence = MappingProxyType(
    {
        "0100": _ASKED,
        "0110": _DECIDED,
        "0120": rows(m=(3, 4, 7, 11, 39, 49), c=_CARD, o=(12, 13, 14, 32, 37, 38, 41, 42)),
        "0130": _NOTED,
        "0200": _ASKED,
        "0210": rows(m=(39,), c=_CODE_1987, me=(3, 4, 7, 11, 49), ce=(*_ECHO, 102, 103), o=(44, 54, 55)),
        "0220": rows(m=(3, 4, 7, 11, 49), c=_CARD, o=(12, 13, 14, 32, 37, 38, 39, 41, 42)),
        "0230": rows(m=(39,), me=(3, 4, 7, 11, 49), ce=(*_ECHO, 102, 103)),
        "0400": _TAKEN_BACK,
        "0410": _REVERSED,
        "0420": _TAKEN_BACK,
        "0430": _REVERSED,
        "0620": rows(m=(7, 11), o=(32, 33, 37, 41, 48, 60, 61, 62, 63)),
        "0630": rows(m=(39,), me=(7, 11), ce=(32, 33, 37, 41)),
        "0800": rows(m=(7, 11, 70), o=(32, 33, 48, 53, 96)),
        "0810": rows(m=(39,), me=(7, 11, 70), ce=(32, 33)),
    }
)

_ASKED_POS = rows(m=(3, 4, 11, 12, 49), c=_CARD, o=(7, 13, 14, 18, 22, 24, 25, 35, 37, 41, 42, 52, 55, 62))
_ECHO_POS = (2, 7, 13, 24, 25, 32, 37, 41, 42)  # DE62 may hold working keys
_DECIDED_POS = rows(m=(39,), c=_CODE_1987, me=(3, 4, 11, 12, 49), ce=_ECHO_POS, o=(44, 54, 55))

PRESENCE_POS: Presence = MappingProxyType(
    {
        **dict.fromkeys(("0100", "0200", "0220", "0400", "0420"), _ASKED_POS),
        **dict.fromkeys(("0110", "0210", "0230", "0410", "0430"), _DECIDED_POS),
        "0120": rows(m=(3, 4, 11, 12, 39, 49), c=_CARD, o=(13, 24, 37, 38, 41, 42)),
        "0130": rows(m=(39,), me=(3, 4, 11, 12, 49), ce=_ECHO_POS),
        "0800": rows(m=(3, 11), o=(7, 12, 13, 24, 41, 42, 62)),
        "0810": rows(m=(39,), me=(3, 11), ce=(7, 12, 13, 24, 41, 42)),
    }
)

_ASKED_1993 = rows(m=(3, 4, 11, 12, 24, 49), c=_CARD, o=(7, 14, 22, 26, 32, 35, 37, 41, 42, 43, 52, 55))
_ECHO_1993 = (2, 5, 6, 7, 15, 32, 33, 37, 41, 42, 50, 51)
_ME_1993 = (3, 4, 11, 12, 49)
_NOTED_1993 = rows(m=(39,), me=_ME_1993, ce=_ECHO_1993)
_TAKEN_BACK_1993 = rows(
    m=(3, 4, 11, 12, 24, 49),
    # A partial reversal says in DE30 what DE4 was before (ISO 8583:1993: function 401).
    c=MappingProxyType({**_CARD, 30: When(24, ("401",))}),
    o=(7, 25, 32, 37, 38, 41, 42, 56),
)
_REVERSED_1993 = rows(m=(39,), me=_ME_1993, ce=(*_ECHO_1993, 30, 56))

PRESENCE_1993: Presence = MappingProxyType(
    {
        "1100": _ASKED_1993,
        "1110": rows(m=(39,), c=_CODE_1993, me=_ME_1993, ce=_ECHO_1993, o=(44, 54, 55)),
        "1120": rows(m=(3, 4, 11, 12, 24, 39, 49), c=_CARD, o=(7, 14, 32, 37, 38, 41, 42)),
        "1130": _NOTED_1993,
        "1200": _ASKED_1993,
        "1210": rows(m=(39,), c=_CODE_1993, me=_ME_1993, ce=(*_ECHO_1993, 102, 103), o=(44, 54, 55)),
        "1220": rows(m=(3, 4, 11, 12, 24, 49), c=_CARD, o=(7, 14, 32, 37, 38, 39, 41, 42)),
        "1230": rows(m=(39,), me=_ME_1993, ce=(*_ECHO_1993, 102, 103)),
        "1400": _TAKEN_BACK_1993,  # an extension: the standard knows reversals as advices and notifications only
        "1410": _REVERSED_1993,
        "1420": _TAKEN_BACK_1993,
        "1430": _REVERSED_1993,
        "1620": rows(m=(11, 12), o=(7, 24, 32, 33, 37, 41, 48, 72)),
        "1630": rows(m=(39,), me=(11, 12), ce=(7, 32, 33, 37, 41)),
        "1804": rows(m=(11, 12, 24), o=(7, 32, 33, 48, 53, 96)),
        "1814": rows(m=(39,), me=(11, 12, 24), ce=(7, 32, 33)),
    }
)


def renumbered(
    table: Presence, version: str, *, codes: Mapping[str, str], without: frozenset[int] = frozenset()
) -> Presence:
    """Give the table for another version: the first digit of every MTI, its answer codes, and without some elements."""

    def moved(row: Row) -> Row:
        when = row.when
        if when is None or when.element != 39:
            return row
        return row._replace(when=when._replace(values=tuple(codes[value] for value in when.values)))

    return MappingProxyType(
        {version + mti[1:]: tuple(moved(row) for row in of if row.element not in without) for mti, of in table.items()}
    )


# Amounts hold their currency in 2003; 49 to 51 are something else there, card codes among it, and never come back.
PRESENCE_2003: Presence = renumbered(
    PRESENCE_1993, "2", codes={"000": "0000", "002": "0002"}, without=frozenset({44, 49, 50, 51})
)
