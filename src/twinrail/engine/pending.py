"""Requests of our own that wait for their answers, and answers that found nobody who waits.

A request is found again by a key: the message type of its answer and the elements that the profile names. One key waits
once: a second request with it is refused, never put over the first. What comes without a request that waits is late
(its request is known and given up), a second answer, or unsolicited; most "timeouts" of a new link are such, so they
are kept, with the nearest request that waits and the elements in which it differs. Everything here is bounded, and
what is shown are element numbers and message types, never a value.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from twinrail.schemas.iso8583.mti import original_of, response_to

PAST_MAX = 1000  # requests that are answered or given up and still known
UNMATCHED_MAX = 256  # answers without a request that are kept to be shown

Key = tuple[str, ...]
Elements = Mapping[int, str | bytes]


@unique
class Fate(StrEnum):
    """What became of an answer."""

    MATCHED = "matched"  # its request waited
    LATE = "late"  # its request was given up before
    SECOND = "second"  # its request has its answer already
    UNSOLICITED = "unsolicited"  # no request has its key


class Own(msgspec.Struct, gc=False):
    """A request of our own; times are monotonic ns."""

    link: int
    mti: str  # as sent
    key: Key
    sent_at: int
    deadline: int
    purpose: str  # what for: a network function, or "forward"
    subject: str = ""  # what it settles: the id of an obligation
    settled: bool = False


class Matched(NamedTuple):
    """What became of an answer, and the request it belongs to; None where it is unsolicited."""

    fate: Fate
    own: Own | None


class Unmatched(NamedTuple):
    """An answer without a request that waited, as it may be shown to anybody."""

    at: int  # ns, in the time of the caller
    link: int
    mti: str
    fate: Fate
    nearest: str  # message type of the nearest request that waits; "" where none waits for such an answer
    differs: tuple[int, ...]  # the elements in which that one differs


class Pending:
    """The requests of our own to one network, over all of its links.

    `match` gives the elements of a key by the class digit of the MTI, "" for every other class; an element that a
    message does not hold counts as empty.
    """

    def __init__(self, match: Mapping[str, tuple[int, ...]], waiting_max: int) -> None:
        self._match = match
        self._waiting_max = waiting_max
        self._waiting: dict[Key, Own] = {}
        self._past: OrderedDict[Key, Own] = OrderedDict()
        self.unmatched: deque[Unmatched] = deque(maxlen=UNMATCHED_MAX)
        self.refused = 0  # requests that were not sent: their key waits already, or too many do

    def __len__(self) -> int:
        """Count the requests that wait."""
        return len(self._waiting)

    def key_of(self, answer_mti: str, elements: Elements) -> Key:
        """Give the key of an answer of this type with these elements."""
        return (answer_mti, *(_text(elements.get(number, "")) for number in self._elements(answer_mti)))

    def add(self, own: Own) -> bool:
        """Let a request wait; False, and nothing is changed, where its key waits already or too many wait."""
        if own.key in self._waiting or len(self._waiting) >= self._waiting_max:
            self.refused += 1
            return False
        self._waiting[own.key] = own
        return True

    def ask(
        self,
        mti: str,
        elements: Elements,
        *,
        link: int,
        now: int,
        wait_ns: int,
        purpose: str,
        subject: str = "",
    ) -> Own | None:
        """Let a request wait that is about to be sent; None where it must not be sent."""
        answer = response_to(original_of(mti))
        if answer is None:
            raise ValueError("only a request waits for an answer")
        own = Own(link, mti, self.key_of(answer, elements), now, now + wait_ns, purpose, subject)
        return own if self.add(own) else None

    def answered(self, mti: str, elements: Elements, *, link: int, now: int) -> Matched:
        """Take an answer: it settles its request once, or is kept as one that found nobody."""
        key = self.key_of(mti, elements)
        own = self._waiting.pop(key, None)
        if own is not None:
            own.settled = True
            self._remember(own)
            return Matched(Fate.MATCHED, own)
        own = self._past.get(key)
        if own is None:
            nearest, differs = self._nearest(key)
            self.unmatched.append(Unmatched(now, link, mti, Fate.UNSOLICITED, nearest, differs))
            return Matched(Fate.UNSOLICITED, None)
        fate = Fate.SECOND if own.settled else Fate.LATE
        own.settled = True
        self.unmatched.append(Unmatched(now, link, mti, fate, own.mti, ()))
        return Matched(fate, own)

    def returned(self, mti: str, elements: Elements) -> Own | None:
        """Give up a request of ours that came back unread; None for what is none, as an answer of ours."""
        answer = response_to(original_of(mti))
        own = None if answer is None else self._waiting.get(self.key_of(answer, elements))
        if own is not None:
            self._give_up([own])
        return own

    def take_expired(self, now: int) -> Sequence[Own]:
        """Give up the requests whose time is over; a late answer will still know them."""
        return self._give_up([own for own in self._waiting.values() if own.deadline <= now])

    def take_lost(self, link: int) -> Sequence[Own]:
        """Give up the requests that went out on a link that is gone; their answers may come on another one."""
        return self._give_up([own for own in self._waiting.values() if own.link == link])

    def _give_up(self, given_up: list[Own]) -> Sequence[Own]:
        for own in given_up:
            del self._waiting[own.key]
            self._remember(own)
        return given_up

    def _remember(self, own: Own) -> None:
        self._past[own.key] = own
        self._past.move_to_end(own.key)
        if len(self._past) > PAST_MAX:
            self._past.popitem(last=False)

    def _elements(self, mti: str) -> tuple[int, ...]:
        return self._match.get(mti[1]) or self._match.get("", ())

    def _nearest(self, key: Key) -> tuple[str, tuple[int, ...]]:
        """Find the request that waits for such an answer and differs in the fewest elements."""
        best: tuple[str, tuple[int, ...]] = ("", ())
        for own in self._waiting.values():
            if own.key[0] != key[0]:
                continue
            pairs = zip(self._elements(key[0]), own.key[1:], key[1:], strict=True)
            differs = tuple(number for number, mine, theirs in pairs if mine != theirs)
            if not best[0] or len(differs) < len(best[1]):
                best = (own.mti, differs)
        return best


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()
