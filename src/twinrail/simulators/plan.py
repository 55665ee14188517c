"""What a recording asks for: its requests with their recorded answers, their causes, and their place in time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import NamedTuple

from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.places import PLACES_1987, Places
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, NetworkFunction, Rail
from twinrail.simulators.acquirer import Pending
from twinrail.simulators.recording import Event, Recording, RecordingError, payload_of
from twinrail.simulators.report import Outcome
from twinrail.simulators.transactions import function_of

_LENGTH_ONLY = "the recording holds only its length"
_NOT_A_REQUEST = "no request of ours"
_NOT_A_CARD_LINK = "not a card link"
_FORMS = {6: "%H%M%S", 10: "%m%d%H%M%S", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}  # of times, by their digits


@unique
class TimeMode(StrEnum):
    """What becomes of the times inside messages (DE7, 12, 13)."""

    KEEP = "keep"
    NOW = "now"
    SHIFT = "shift"  # all moved by one offset: intervals and references stay right


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Move a message in time and renumber it, so that a replay does not meet its own duplicates.

    `renumber` is added to the STAN (modulo 10 to its digits) and a thousandfold to a retrieval reference of digits
    (modulo 10**12): runs that start a second apart, renumbered by the seconds of the clock, never share one as long as
    the recording spends fewer than a thousand of them a second. Original data are moved with what they name.
    """

    mode: TimeMode = TimeMode.SHIFT
    started: datetime = datetime(2000, 1, 1, tzinfo=UTC)  # of the recording
    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)  # of the replay
    renumber: int = 0

    def message(self, message: Message, at: Places = PLACES_1987) -> Message:
        """Give the moved message; `at` says where things stand in it."""
        elements = dict(message.elements)
        self._times(elements, at)
        if self.renumber:
            self._number(elements, at.stan, self.renumber)
            self._number(elements, at.rrn, self.renumber * 1000)
        named = named_by(message, at)
        if named is not None:
            elements[at.original_data] = self._original(named, at)
        return Message(message.mti, elements)

    def _times(self, elements: dict[int, str | bytes], at: Places) -> None:
        if isinstance(stamp := elements.get(at.transmitted_at), str) and len(stamp) == 10:
            elements[at.transmitted_at] = self._stamp(stamp)
        clock = elements.get(at.local_time)
        if not isinstance(clock, str):
            return
        if at.version != "1987":
            elements[at.local_time] = self._stamp(clock)
            return
        date = elements.get(13)
        if isinstance(date, str) and len(date + clock) == 10:
            local = self._stamp(date + clock)
            elements[13], elements[at.local_time] = local[:4], local[4:]

    def _stamp(self, stamp: str) -> str:
        """Move a time with its date; one that is no time stays as it is, since it may be there to be refused."""
        form = _FORMS.get(len(stamp), "")
        if self.mode is TimeMode.KEEP or len(stamp) < 10 or not (form and stamp.isascii() and stamp.isdigit()):
            return stamp
        if self.mode is TimeMode.NOW:
            return self.now.strftime(form)
        # MMDDhhmmss has no year; the recording's says whether there is a 29 February.
        whole, year = (stamp, "") if len(stamp) > 10 else (f"{self.started.year}{stamp}", "%Y")
        try:
            moment = datetime.strptime(whole, year + form).replace(tzinfo=UTC)
        except ValueError:
            return stamp
        return (moment + (self.now - self.started)).strftime(form)

    def _number(self, elements: dict[int, str | bytes], number: int, by: int) -> None:
        value = elements.get(number)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            elements[number] = f"{(int(value) + by) % 10 ** len(value):0{len(value)}d}"

    def _original(self, named: "Named", at: Places) -> str:
        stan = named.stan
        if self.renumber and stan.isdigit() and stan.strip("0"):
            stan = f"{(int(stan) + self.renumber) % 10**at.stan_length:0{at.stan_length}d}"
        return named.fill + named.mti + stan + self._stamp(named.sent_at) + named.rest


class Named(NamedTuple):
    """What original data name; put together again they are as they were."""

    fill: str  # a digit in front that only fills an odd number of packed ones
    mti: str
    stan: str
    sent_at: str
    rest: str


def named_by(message: Message, at: Places) -> Named | None:
    """Read the original data of a message; None where it has none, or they are too short."""
    value = message.elements.get(at.original_data) if at.original_data else None
    if not isinstance(value, str):
        return None
    fill = "0" if at.version != "1987" and value[:1] == "0" else ""
    text = value[len(fill) :]
    stan, end = 4 + at.stan_length, 4 + at.stan_length + at.sent_at_length
    return Named(fill, text[:4], text[4:stan], text[stan:end], text[end:]) if len(text) >= end else None


@dataclass(slots=True, eq=False)
class Planned:
    """One request of the recording on its way through the replay. `due_ns` counts from the start at speed 1."""

    index: int
    event: Event
    request: Message
    expected: Message | None
    cause: "Planned | None"
    recorded_answer: bool
    done: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: Outcome | None = None
    pending: Pending | None = None
    intended_ns: int = 0


class Plan(NamedTuple):
    """What a recording asks for: link openings, requests and closings in their order, and what is left out."""

    steps: tuple[Event | Planned, ...]
    left_out: tuple[str, ...]  # why, one for each request that cannot be sent
    profiles: dict[int, LinkProfile]


def plan(recording: Recording, known: Mapping[str, LinkProfile] = PROFILES) -> Plan:
    """Find requests, recorded answers and causes in a recording; RecordingError where an answer is undecodable.

    RecordingError too where a link has a profile that is not among those known.
    """
    default = profile_of(recording, known)
    profiles: dict[int, LinkProfile] = {}
    answers = {event.of: event for event in recording.events if event.of >= 0}
    causes: dict[tuple[object, ...], Planned] = {}
    steps: list[Event | Planned] = []
    left_out: list[str] = []
    for index, event in enumerate(recording.events):
        if event.k == "open":
            profiles[event.c] = _known(event.profile, known) if event.profile else default
        if event.k in {"open", "close"}:
            steps.append(event)
            continue
        if event.k != "frame" or event.d != "in":
            continue
        profile = profiles.setdefault(event.c, default)
        request = _message(event, profile) if profile.rail is Rail.CARD else None
        if request is None or response_to(request.mti) is None:
            if request is None or request.mti[1] != "8":
                left_out.append(_why_left_out(event, profile))
            continue
        answer = answers.get(index)
        expected = _message(answer, profile) if answer is not None else None
        planned = Planned(
            index, event, request, expected, _cause(request, event.c, profile, causes), expected is not None
        )
        for key in _own_keys(request, event.c, profile):
            causes[key] = planned
        steps.append(planned)
    return Plan(tuple(steps), tuple(left_out), profiles)


def profile_of(recording: Recording, known: Mapping[str, LinkProfile] = PROFILES) -> LinkProfile:
    """Give the profile of links that state none; RecordingError where it is not known."""
    return _known(recording.header.profile, known)


def _known(name: str, known: Mapping[str, LinkProfile]) -> LinkProfile:
    if name not in known:
        raise RecordingError(f"a link has the profile {name}, which is not known here: its file is needed")
    return known[name]


def _message(event: Event, profile: LinkProfile) -> Message | None:
    """Read the message of a frame; None where the recording has none, or its header refuses one of the other side."""
    payload = payload_of(event, profile)
    if payload is None:
        return None
    try:
        split = header_codec(profile.header).split(payload)
        return None if split.reject is not None else codec_for(profile.dialect).decode(split.body)
    except DecodeError as error:
        raise RecordingError(f"a frame does not decode as {profile.dialect_name} ({error.path})") from error


def _why_left_out(event: Event, profile: LinkProfile) -> str:
    if profile.rail is not Rail.CARD:
        return _NOT_A_CARD_LINK
    return _NOT_A_REQUEST if event.hex else _LENGTH_ONLY


def _own_keys(request: Message, link: int, profile: LinkProfile) -> list[tuple[object, ...]]:
    """Give the keys by which later requests may name this one."""
    have, at = request.elements.get, profile.places
    if request.mti[1] == "8":
        is_sign = function_of(profile, request) in {NetworkFunction.SIGN_ON, NetworkFunction.SIGN_OFF}
        return [("link", link)] if is_sign else []
    keys: list[tuple[object, ...]] = [
        ("data", original_of(request.mti), have(at.stan), have(at.sent_at), have(at.pan)),
    ]
    if have(at.rrn) is not None:
        keys.append(("life", have(at.pan), have(at.acquirer), have(at.rrn)))
    return keys


def _cause(
    request: Message, link: int, profile: LinkProfile, causes: dict[tuple[object, ...], Planned]
) -> Planned | None:
    """Find the request that must have ended before this one may go.

    It is known by the original data, the retrieval reference, or as the sign-on of the link.
    """
    have, at = request.elements.get, profile.places
    named = named_by(request, at)
    if named is not None:
        cause = causes.get(("data", original_of(named.mti), named.stan, named.sent_at, have(at.pan)))
        if cause is not None:
            return cause
    if request.mti[1] != "8":
        has_rrn = have(at.rrn) is not None
        same_life = causes.get(("life", have(at.pan), have(at.acquirer), have(at.rrn))) if has_rrn else None
        repeated = causes.get(("data", original_of(request.mti), have(at.stan), have(at.sent_at), have(at.pan)))
        if same_life or repeated:
            return same_life or repeated
    return causes.get(("link", link))
