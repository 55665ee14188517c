"""Link profiles: everything about a link that is agreed with its network and is not the dialect itself.

A profile is data: frame, header, presence and echo tables, match keys, codes in both directions, network functions,
timers, repeat rules and policies. The values below are defaults drawn from public documents; a network's own agreement
replaces them. A profile named "X-like" follows what is public of X and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from types import MappingProxyType

from twinrail.schemas.iso8583.authentication import MacRule
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.frames import ASCII4, BINARY2, BINARY4, FRAMES, HEADERS, NO_HEADER, Frame, Header
from twinrail.schemas.iso8583.places import PLACES_1987, PLACES_1993, PLACES_2003, PLACES_POS, Places
from twinrail.schemas.iso8583.presence import (
    PRESENCE_1987,
    PRESENCE_1993,
    PRESENCE_2003,
    PRESENCE_POS,
    Presence,
    When,
    but,
    conditions_of,
    echo_of,
    mandatory_of,
    rows,
)
from twinrail.schemas.reasons import Reason


@unique
class DeadlinePolicy(StrEnum):
    """What happens when the answer is not durable at the deadline."""

    DECLINE = "decline"  # answer 91, release the hold
    SILENT = "silent"  # answer nothing, keep the hold flagged LATE: the network stands in


@unique
class Rail(StrEnum):
    """Which codec a link speaks."""

    CARD = "card"
    INSTANT = "instant"


@unique
class SignOn(StrEnum):
    """Who signs on, where a sign-on is needed at all."""

    PEER = "peer"  # the network signs on to us
    OURS = "ours"  # we sign on to the network, again and again until it accepts


@unique
class UnknownBits(StrEnum):
    """What becomes of a message with a bit set for an element that the dialect does not have."""

    FORMAT_ERROR = "format_error"  # answered like any other format error
    DECLINE = "decline"  # declined as an invalid transaction
    CLOSE = "close"  # the link is closed: its peer speaks another dialect


@unique
class NetworkFunction(StrEnum):
    """What a network management message asks of a link."""

    SIGN_ON = "sign_on"
    SIGN_OFF = "sign_off"
    ECHO = "echo"
    CUTOVER = "cutover"
    KEY_CHANGE = "key_change"
    NOTED = "noted"  # begin and end of stand-in, end of stored advices: accepted and counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """How a message that we owe to a network is repeated until it is accepted; times are seconds.

    jPOS: first after 30-60 s, gives up after a day; Elavon: at most 3; PayEx: exponential.
    """

    first_s: float = 60.0
    """Pause before the first repeat."""
    factor: float = 2.0
    """By what each further pause is longer than the last."""
    wait_max_s: float = 3600.0
    """Longest pause."""
    expiry_s: int = 24 * 3600
    """Age at which a message is given up and goes to the exception queue."""
    again: frozenset[str] = frozenset()
    """Answer codes after which a message is tried again; every other that does not accept it ends it."""


# What codes of DE70 (1987) or DE24 (1993, 2003) ask for; the first code of a function is the one that we send.
_F = NetworkFunction
FUNCTIONS_1987: Mapping[str, NetworkFunction] = MappingProxyType(
    {
        **dict.fromkeys(("001", "061", "071"), _F.SIGN_ON),
        **dict.fromkeys(("002", "062", "072"), _F.SIGN_OFF),
        **dict.fromkeys(("301", "270"), _F.ECHO),
        "201": _F.CUTOVER,
        "161": _F.KEY_CHANGE,
    }
)
FUNCTIONS_1993: Mapping[str, NetworkFunction] = MappingProxyType(
    {"801": _F.SIGN_ON, "802": _F.SIGN_OFF, "831": _F.ECHO, "821": _F.CUTOVER, "811": _F.KEY_CHANGE}
)
FUNCTIONS_BASE1: Mapping[str, NetworkFunction] = MappingProxyType(
    {"071": _F.SIGN_ON, "072": _F.SIGN_OFF, "301": _F.ECHO, "201": _F.CUTOVER, "161": _F.KEY_CHANGE}
)
FUNCTIONS_MDS: Mapping[str, NetworkFunction] = MappingProxyType(
    {
        "061": _F.SIGN_ON,
        "062": _F.SIGN_OFF,
        "270": _F.ECHO,
        "201": _F.CUTOVER,
        "161": _F.KEY_CHANGE,
        **dict.fromkeys(("060", "363", "065", "066"), _F.NOTED),
    }
)

# Codes by the class of the answer (second digit of its MTI) for what is simply accepted; elsewhere as for approved.
_ACCEPTED_1993: Mapping[str, str] = MappingProxyType({"4": "400", "8": "800"})
_GRANTED_1987 = frozenset({"00", "08", "10", "85"})
_GRANTED_1993 = frozenset({"000", "001", "002", "003", "004", "005", "006", "007"})
_TAKEN_1993 = frozenset({"400", "800", "900", "901"})  # what else an answer to us accepts with


def wide(action: str) -> str:
    """Give the action code of 2003, four digits, for that of 1993.

    >>> wide("116")
    '1016'
    """
    return f"{action[0]}0{action[1:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProfile:
    """What is agreed for one kind of link. Times are seconds, sizes bytes.

    `docs/reference/profiles.md` is made of the sentences below, and a test holds it to them.
    """

    name: str
    """Name of the profile."""
    rail: Rail = Rail.CARD
    """Which codec the link speaks: card or instant."""
    network: str = ""
    """Whose link this is (the name where empty): repeats, and what we owe, come and go on any link of a network."""
    dialect: str | Dialect = "iso1987-ascii"
    """What messages look like: the name of a dialect that comes with Twinrail, or one of the user's own."""
    frame: Frame = BINARY2
    """How the end of a message is told."""
    header: Header = NO_HEADER
    """What stands between the length and the message type, and what an answer makes of it."""
    frame_bytes_max: int = 4096
    """Longest payload that is read; a longer one ends the link."""

    places: Places = PLACES_1987
    """In which element each thing stands that the engine asks for."""
    presence: Presence = field(default_factory=lambda: PRESENCE_1987)
    """What a message of each type must hold (M, C with its condition) and what its answer gives back (ME, CE)."""
    mandatory: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    """Follows from `presence`: the elements that each type must hold."""
    conditions: Mapping[str, tuple[tuple[int, When], ...]] = field(init=False, repr=False, compare=False)
    """Follows from `presence`: the elements that each type must hold where a condition holds."""
    echo: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    """Follows from `presence`: the elements that each answer gives back."""
    key_elements: tuple[int, ...] = (11, 12, 13, 32, 41, 37)
    """What makes a request the same again, beside network, class and card; DE7 may change on a resend."""
    match: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({"8": (11,), "": (11, 37)}))
    """By which elements an answer finds our request, by the class digit of the type, empty for every other."""
    refreshed: tuple[int, ...] = (7,)
    """What the answer to a repeat takes from the repeat itself; all else is as in the first answer."""

    codes: Mapping[Reason, str] = field(default_factory=lambda: MappingProxyType({}))
    """Answer codes by reason, where they differ from those of the version."""
    accepted: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Answer codes of what is simply accepted, by the class digit of the answer, where they differ."""
    granted: frozenset[str] = _GRANTED_1987
    """Codes with which a network approved on our behalf, or accepts what we send."""
    taken: frozenset[str] = frozenset()
    """Further codes with which a network accepts what we send."""
    failing_element_in: int = 44
    """Element in which a format error names the element that failed, three digits; 0 for none."""
    unknown_bits: UnknownBits = UnknownBits.FORMAT_ERROR
    """What becomes of a message with an element that the dialect lacks: format_error, decline or close."""
    mac: MacRule | None = None
    """How messages are authenticated; a link without its key is closed. None for not at all."""
    mac_failure_code: str = "63"
    """Answer to a wrong or missing MAC; empty for no answer."""

    functions: Mapping[str, NetworkFunction] = field(default_factory=lambda: FUNCTIONS_1987)
    """What the codes of network messages ask for; the first of a function is the one that we send."""
    sign_on_required: bool = True
    """Whether requests before a sign-on are refused."""
    sign_on: SignOn = SignOn.PEER
    """Who signs on: the peer, or ours to do until it is accepted."""
    sign_on_retry_s: float = 30.0
    """Pause between two sign-ons of ours."""
    answer_within_s: float = 10.0
    """How long a request of our own waits for its answer; then it is given up, and the answer late."""
    echo_idle_s: float = 0.0
    """Silence after which we send an echo; 0 for never."""
    echo_misses_max: int = 2
    """Echoes in a row without an answer after which the link is closed."""
    key_change_echo: tuple[int, ...] = (48,)
    """What the answer to a key change gives back beside the echo table."""
    own_elements: tuple[tuple[int, str], ...] = ()
    """What our network messages hold beside their time and number."""
    own_pending_max: int = 1000
    """Requests of our own that wait for their answers, over all links of the network; more are not sent."""
    repeats: Repeats = field(default_factory=Repeats)
    """How what we owe to the network is repeated until it is accepted."""

    deadline_s: float = 1.5
    """Time from the receipt of a request to its answer."""
    deadline_policy: DeadlinePolicy = DeadlinePolicy.DECLINE
    """At the deadline: decline (answer 91 and release) or silent (no answer, the network stands in)."""
    hold_expiry_s: int = 7 * 24 * 3600
    """How long an authorization holds its amount."""
    tombstone_s: int = 72 * 3600
    """How long a reversal without its original is remembered."""
    late_window_s: int = 3 * 24 * 3600
    """How long a 0220 or 0420 may take after a debit that was answered late."""
    idle_timeout_s: float = 130.0
    """Silence after which a link is closed; above the echo interval of either side."""
    frame_timeout_s: float = 5.0
    """From the first byte of a frame to its last; then the link is closed."""
    in_flight_max: int = 20_000
    """Requests of one link that wait for their commit; more are refused with 91."""
    outgoing_bytes_max: int = 1 << 20
    """Bytes that wait to be sent to a peer that does not read; at this it is closed."""

    def __post_init__(self) -> None:
        """Derive the tables that speed wants from the one that people read."""
        put = object.__setattr__  # frozen
        put(self, "mandatory", MappingProxyType(dict(mandatory_of(self.presence))))
        put(self, "conditions", MappingProxyType(dict(conditions_of(self.presence))))
        put(self, "echo", MappingProxyType(dict(echo_of(self.presence))))

    @property
    def dialect_name(self) -> str:
        """Name the dialect."""
        return self.dialect if isinstance(self.dialect, str) else self.dialect.name

    @property
    def counterpart(self) -> str:
        """Name the network that stands behind the link; links of one network share what we owe it."""
        return self.network or self.name

    def code_of(self, function: NetworkFunction) -> str:
        """Give the code by which we ask for a function; "" where the network has none."""
        return next((code for code, means in self.functions.items() if means is function), "")


def _giving_back(*elements: int) -> Presence:
    """Give the table of 1987 whose decisions also echo what a network keeps its own references in."""
    own = rows(ce=elements)
    return but(PRESENCE_1987, mti_0110=own, mti_0130=own, mti_0210=own, mti_0230=own, mti_0410=own, mti_0430=own)


_AGAIN_1987 = Repeats(again=frozenset({"68", "91", "96"}))
_AGAIN_1993 = Repeats(again=frozenset({"907", "909", "911", "912"}))

CARD_1987 = LinkProfile(name="card-1987", repeats=_AGAIN_1987)
CARD_1987_BCD = LinkProfile(name="card-1987-bcd", dialect="iso1987-bcd", repeats=_AGAIN_1987)
CARD_1987_ASCII4 = LinkProfile(name="card-1987-ascii4", frame=ASCII4, repeats=_AGAIN_1987)
CARD_1993 = LinkProfile(
    name="card-1993",
    dialect="iso1993-ascii",
    frame=ASCII4,
    places=PLACES_1993,
    presence=PRESENCE_1993,
    key_elements=(11, 12, 32, 41, 37),
    accepted=_ACCEPTED_1993,
    granted=_GRANTED_1993,
    taken=_TAKEN_1993,
    failing_element_in=0,  # IFSF and PayEx say 904 and no more
    mac_failure_code="916",
    functions=FUNCTIONS_1993,
    repeats=_AGAIN_1993,
)
CARD_1993_BCD = replace(
    CARD_1993,
    name="card-1993-bcd",
    dialect="iso1993-bcd",
    frame=BINARY2,
    failing_element_in=38,  # as Elavon does
)
CARD_2003 = replace(
    CARD_1993,
    name="card-2003",
    dialect="iso2003-ascii",
    places=PLACES_2003,
    presence=PRESENCE_2003,
    accepted=MappingProxyType({key: wide(code) for key, code in _ACCEPTED_1993.items()}),
    granted=frozenset(map(wide, _GRANTED_1993)),
    taken=frozenset(map(wide, _TAKEN_1993)),
    mac_failure_code=wide("916"),
    repeats=replace(_AGAIN_1993, again=frozenset(map(wide, _AGAIN_1993.again))),
)
# Five seconds for the whole round trip in Europe, then the network stands in (facts of the field, time).
BASE1_LIKE = LinkProfile(
    name="base1-like",
    dialect="base1",
    frame=FRAMES["binary2-zero2"],
    header=HEADERS["base1"],
    frame_bytes_max=2048,
    presence=_giving_back(25, 62, 63),
    failing_element_in=0,  # DE44 is something else there, and what cannot be read is refused by the header
    functions=FUNCTIONS_BASE1,
    sign_on=SignOn.OURS,
    echo_idle_s=60.0,
    deadline_policy=DeadlinePolicy.SILENT,
    repeats=_AGAIN_1987,
)
MDS_LIKE = LinkProfile(
    name="mds-like",
    dialect="mds",
    presence=_giving_back(63),
    functions=FUNCTIONS_MDS,
    sign_on=SignOn.OURS,
    echo_idle_s=60.0,
    deadline_policy=DeadlinePolicy.SILENT,
    repeats=_AGAIN_1987,
)
# A terminal host: one bitmap, no DE7, nobody signs on; its DE24 (network international identifier) comes back.
POS_TPDU = LinkProfile(
    name="pos-tpdu",
    dialect="pos",
    header=HEADERS["tpdu"],
    places=PLACES_POS,
    presence=PRESENCE_POS,
    key_elements=(11, 12, 13, 41, 42, 37),
    refreshed=(),
    functions=MappingProxyType({"990000": _F.ECHO, "920000": _F.SIGN_ON, "930000": _F.SIGN_OFF}),
    sign_on_required=False,
    repeats=_AGAIN_1987,
)
IFSF_LIKE = replace(CARD_1993, name="ifsf-like", dialect="ifsf")
ELAVON_LIKE = replace(CARD_1993_BCD, name="elavon-like", dialect="elavon", sign_on_required=False)
AMEX_LIKE = replace(CARD_1993, name="amex-like", dialect="amex", frame=FRAMES["binary2-inclusive"])
POSTILION_LIKE = replace(CARD_1987, name="postilion-like", dialect="postilion")
BASE24_LIKE = replace(
    CARD_1987, name="base24-like", dialect="base24", frame=FRAMES["base24"], header=HEADERS["iso-text"]
)
INSTANT = LinkProfile(
    name="sct-inst",
    rail=Rail.INSTANT,
    dialect="pacs.008.001.08",
    frame=BINARY4,
    frame_bytes_max=64 * 1024,
    sign_on_required=False,
    deadline_s=7.0,  # hard time-out on the beneficiary side, from AccptncDtTm (EPC SCT Inst rulebook 2025)
)
PROFILES: dict[str, LinkProfile] = {
    profile.name: profile
    for profile in (
        *(CARD_1987, CARD_1987_BCD, CARD_1987_ASCII4, CARD_1993, CARD_1993_BCD, CARD_2003),
        *(BASE1_LIKE, MDS_LIKE, POS_TPDU, IFSF_LIKE, ELAVON_LIKE, AMEX_LIKE, POSTILION_LIKE, BASE24_LIKE),
        INSTANT,
    )
}
