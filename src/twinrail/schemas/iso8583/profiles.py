"""Link profiles: everything about a link that is agreed with its network and is not the dialect itself.

A profile is data: framing, presence and echo tables, match keys, codes, timers and the deadline policy.
The tables below are defaults drawn from public documents; a network's own agreement replaces them.
"""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType

from twinrail.schemas.reasons import Reason


@unique
class Framing(StrEnum):
    """How a frame tells its length."""

    BINARY2 = "binary2"  # 2 bytes, big-endian, length of what follows
    ASCII4 = "ascii4"  # 4 ASCII digits, length of what follows
    BINARY4 = "binary4"  # 4 bytes, big-endian: instant payments


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


# What an issuer's answer echoes when the request holds it (jPOS samples, MDS and IFSF tables). 14, 35, 36, 45, 52 and
# 53 are never echoed.
_ECHO_AUTHORIZATION = (2, 3, 4, 5, 6, 7, 11, 12, 13, 15, 32, 33, 37, 41, 42, 49, 50, 51)
_ECHO_NETWORK = (7, 11, 70)
ECHO_1987: dict[str, tuple[int, ...]] = {
    "0110": _ECHO_AUTHORIZATION,
    "0130": _ECHO_AUTHORIZATION,
    "0210": (*_ECHO_AUTHORIZATION, 102, 103),
    "0230": (*_ECHO_AUTHORIZATION, 102, 103),
    "0410": (*_ECHO_AUTHORIZATION, 90, 95),
    "0430": (*_ECHO_AUTHORIZATION, 90, 95),
    "0810": _ECHO_NETWORK,
}
# What a request must hold to be decided at all, by its MTI with the repeat bit cleared.
MANDATORY_1987: dict[str, tuple[int, ...]] = {
    "0100": (2, 3, 4, 7, 11, 49),
    "0120": (2, 3, 4, 7, 11, 39, 49),
    "0200": (2, 3, 4, 7, 11, 49),
    "0400": (2, 3, 4, 7, 11, 49),
    "0420": (2, 3, 4, 7, 11, 49),
    "0800": (7, 11, 70),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProfile:
    """What is agreed for one kind of link.

    `key_elements` make the message key beside link profile, MTI class and card token; DE7 is left out since it may
    change on a resend. `codes` overrides the DE39 of a reason. Times are seconds, sizes bytes.
    """

    name: str
    rail: Rail = Rail.CARD
    dialect: str = "iso1987-ascii"
    framing: Framing = Framing.BINARY2
    frame_bytes_max: int = 4096
    mandatory: MappingProxyType[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType(MANDATORY_1987))
    echo: MappingProxyType[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType(ECHO_1987))
    key_elements: tuple[int, ...] = (11, 12, 13, 32, 41, 37)
    refreshed: tuple[int, ...] = (7,)  # a repeat's answer takes these from the repeat itself
    codes: MappingProxyType[Reason, str] = field(default_factory=lambda: MappingProxyType({}))
    sign_on_required: bool = True
    deadline_s: float = 1.5
    deadline_policy: DeadlinePolicy = DeadlinePolicy.DECLINE
    hold_expiry_s: int = 7 * 24 * 3600
    tombstone_s: int = 72 * 3600
    late_window_s: int = 3 * 24 * 3600  # a posted 0200 answered late: how long a 0220 or 0420 may take
    idle_timeout_s: float = 130.0  # must exceed the peer's echo interval
    frame_timeout_s: float = 5.0  # from the first byte of a frame to its last
    in_flight_max: int = 20_000  # requests of one link that wait for their commit
    outgoing_bytes_max: int = 1 << 20  # a peer that does not read is closed at this


CARD_1987 = LinkProfile(name="card-1987")
CARD_1987_BCD = LinkProfile(name="card-1987-bcd", dialect="iso1987-bcd")
CARD_1987_ASCII4 = LinkProfile(name="card-1987-ascii4", framing=Framing.ASCII4)
INSTANT = LinkProfile(
    name="sct-inst",
    rail=Rail.INSTANT,
    dialect="pacs.008.001.08",
    framing=Framing.BINARY4,
    frame_bytes_max=64 * 1024,
    sign_on_required=False,
    deadline_s=7.0,  # hard time-out on the beneficiary side, from AccptncDtTm (EPC SCT Inst rulebook 2025)
)
PROFILES: dict[str, LinkProfile] = {
    profile.name: profile for profile in (CARD_1987, CARD_1987_BCD, CARD_1987_ASCII4, INSTANT)
}
