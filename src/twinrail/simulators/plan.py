"""What a recording asks for: its requests with their recorded answers, their causes, and their place in time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import NamedTuple

from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail
from twinrail.simulators.acquirer import Pending
from twinrail.simulators.recording import Event, Recording, RecordingError, payload_of
from twinrail.simulators.report import Outcome

_LENGTH_ONLY = "the recording holds only its length"
_NOT_A_REQUEST = "no request of ours"
_NOT_A_CARD_LINK = "not a card link"


@unique
class TimeMode(StrEnum):
    """What becomes of the times inside messages (DE7, 12, 13)."""

    KEEP = "keep"
    NOW = "now"
    SHIFT = "shift"  # all moved by one offset: intervals and references stay right


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Move a message in time and renumber it, so that a replay does not meet its own duplicates.

    `renumber` is added to DE11 (modulo 10**6) and a thousandfold to a DE37 of digits (modulo 10**12): runs that start
    a second apart, renumbered by the seconds of the clock, never share a retrieval reference as long as the recording
    spends fewer than a thousand of them a second. DE90 is moved with what it names.
    """

    mode: TimeMode = TimeMode.SHIFT
    started: datetime = datetime(2000, 1, 1, tzinfo=UTC)  # of the recording
    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)  # of the replay
    renumber: int = 0

    def message(self, message: Message) -> Message:
        """Give the moved message."""
        elements = dict(message.elements)
        self._times(elements)
        if self.renumber:
            self._number(elements, 11, self.renumber)
            self._number(elements, 37, self.renumber * 1000)
        original = elements.get(90)
        if isinstance(original, str) and len(original) == 42:
            elements[90] = self._original(original)
        return Message(message.mti, elements)

    def _times(self, elements: dict[int, str | bytes]) -> None:
        if isinstance(stamp := elements.get(7), str):
            elements[7] = self._stamp(stamp)
        date, clock = elements.get(13), elements.get(12)
        if isinstance(date, str) and isinstance(clock, str):
            local = self._stamp(date + clock)
            elements[13], elements[12] = local[:4], local[4:]

    def _stamp(self, stamp: str) -> str:
        """Move MMDDhhmmss; a stamp that is no time stays as it is, since it may be there to be refused."""
        if self.mode is TimeMode.KEEP or len(stamp) != 10 or not stamp.isdigit():
            return stamp
        if self.mode is TimeMode.NOW:
            return self.now.strftime("%m%d%H%M%S")
        try:
            # The stamp has no year; the recording's says whether there is a 29 February.
            at = datetime.strptime(f"{self.started.year}{stamp}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return stamp
        return (at + (self.now - self.started)).strftime("%m%d%H%M%S")

    def _number(self, elements: dict[int, str | bytes], number: int, by: int) -> None:
        value = elements.get(number)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            elements[number] = f"{(int(value) + by) % 10 ** len(value):0{len(value)}d}"

    def _original(self, value: str) -> str:
        stan = value[4:10]
        if self.renumber and stan.isdigit() and stan != "000000":
            stan = f"{(int(stan) + self.renumber) % 10**6:06d}"
        return value[:4] + stan + self._stamp(value[10:20]) + value[20:]


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


def plan(recording: Recording) -> Plan:
    """Find requests, recorded answers and causes in a recording; RecordingError where an answer is undecodable."""
    default = PROFILES[recording.header.profile]
    profiles: dict[int, LinkProfile] = {}
    answers = {event.of: event for event in recording.events if event.of >= 0}
    causes: dict[tuple[object, ...], Planned] = {}
    steps: list[Event | Planned] = []
    left_out: list[str] = []
    for index, event in enumerate(recording.events):
        if event.k == "open":
            profiles[event.c] = PROFILES.get(event.profile, default)
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
        planned = Planned(index, event, request, expected, _cause(request, event.c, causes), expected is not None)
        for key in _own_keys(request, event.c):
            causes[key] = planned
        steps.append(planned)
    return Plan(tuple(steps), tuple(left_out), profiles)


def _message(event: Event, profile: LinkProfile) -> Message | None:
    payload = payload_of(event, profile)
    if payload is None:
        return None
    try:
        return codec_for(profile.dialect).decode(payload)
    except DecodeError as error:
        raise RecordingError(f"a frame does not decode as {profile.dialect} ({error.path})") from error


def _why_left_out(event: Event, profile: LinkProfile) -> str:
    if profile.rail is not Rail.CARD:
        return _NOT_A_CARD_LINK
    return _NOT_A_REQUEST if event.hex else _LENGTH_ONLY


def _own_keys(request: Message, link: int) -> list[tuple[object, ...]]:
    """Give the keys by which later requests may name this one."""
    have = request.elements.get
    if request.mti[1] == "8":
        return [("link", link)] if have(70) in {"001", "002"} else []
    keys: list[tuple[object, ...]] = [("data", original_of(request.mti), have(11), have(7), have(2))]
    if have(37) is not None:
        keys.append(("life", have(2), have(32), have(37)))
    return keys


def _cause(request: Message, link: int, causes: dict[tuple[object, ...], Planned]) -> Planned | None:
    """Find the request that must have ended before this one may go: by DE90, the retrieval reference, the sign-on."""
    have = request.elements.get
    original = have(90)
    if isinstance(original, str) and len(original) == 42:
        named = causes.get(("data", original_of(original[:4]), original[4:10], original[10:20], have(2)))
        if named is not None:
            return named
    if request.mti[1] != "8":
        same_life = causes.get(("life", have(2), have(32), have(37))) if have(37) is not None else None
        repeated = causes.get(("data", original_of(request.mti), have(11), have(7), have(2)))
        if same_life or repeated:
            return same_life or repeated
    return causes.get(("link", link))
