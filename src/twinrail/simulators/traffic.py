"""Traffic for the load generator: frames cut from templates, and answers found without decoding them.

A card request is its card's three pieces with DE11 and DE37 between them; an instant payment is a document with its
reference in several places. The codec makes every template once, and reads one sample of every layout of answers.
"""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import TwinrailError
from twinrail.schemas.iso8583.profiles import Framing, LinkProfile

NUMBERS = 1_000_000  # DE11 has six digits: this many requests can be told apart at a time
InstantMaker = Callable[[str], bytes]
_ORIGINAL = re.compile(rb"<(?:\w+:)?OrgnlTxId>([^<]{6,35})<")
_STATUS = re.compile(rb"<(?:\w+:)?(?:TxSts|GrpSts)>([A-Z]{4})<")


class LoadError(TwinrailError):
    """A load that cannot be applied; the text says why."""


class Card(NamedTuple):
    """A card to pay with."""

    pan: str
    expiry: str  # YYMM


class Template(NamedTuple):
    """The bytes of one card's request around its two numbers."""

    start: bytes
    middle: bytes
    end: bytes


class Layout(NamedTuple):
    """Where DE11 and DE39 stand in answers with the same first bytes."""

    stan: int  # offset of DE11
    code: int  # offset of DE39, two characters in every dialect of 1987
    width: int  # bytes of DE11


class CardTraffic:
    """Requests of one profile, one terminal and many cards, and the reading of their answers."""

    approved = b"00"

    def __init__(
        self, profile: LinkProfile, cards: Sequence[Card], *, mti: str = "0100", amount: int = 100, terminal: str
    ) -> None:
        if not cards:
            raise LoadError("no cards to pay with")
        if profile.framing not in {Framing.BINARY2, Framing.ASCII4}:
            raise LoadError(f"no load for framing {profile.framing}")
        self.profile = profile
        self._codec = codec_for(profile.dialect)
        self._header = 2 if profile.framing is Framing.BINARY2 else 4
        low, high = (self._codec.encode(Message("0800", {11: digits})) for digits in ("000000", "999999"))
        stan = _where(low, high)
        self._packed = stan.stop - stan.start == 3
        # MTI, bitmap and the length of DE2 decide the offsets of everything up to DE39.
        self._head = stan.start + (1 if self._packed else 2)
        self._layouts: dict[bytes, Layout] = {}
        now = datetime.now(UTC)
        self._epoch = int(now.timestamp()) % NUMBERS
        self._templates = [self._template(card, now, mti, amount, terminal) for card in cards]

    def build(self, first: int, count: int) -> bytes:
        """Give the frames of requests number first .. first + count - 1, one after the other.

        DE11 is the number modulo NUMBERS; DE37 is the second in which the run began plus the rounds of DE11, then DE11
        again, so that no request of this run or of the next has the key of another.
        """
        whole, place = divmod(first, NUMBERS)
        if place + count > NUMBERS:
            here = NUMBERS - place
            return self.build(first, here) + self.build(first + here, count - here)
        epoch = b"%06d" % ((self._epoch + whole) % NUMBERS)
        parts: list[bytes] = []
        templates, cards, packed = self._templates, len(self._templates), self._packed
        for number in range(place, place + count):
            digits = b"%06d" % number
            start, middle, end = templates[number % cards]
            parts += (start, bytes.fromhex(digits.decode()) if packed else digits, middle, epoch, digits, end)
        return b"".join(parts)

    def take(self, data: bytes) -> tuple[int, list[tuple[int, bytes]]]:
        """Give how many bytes hold whole answers, and each as (number modulo NUMBERS, DE39)."""
        at, end, header, head = 0, len(data), self._header, self._head
        layouts, packed, binary = self._layouts, self._packed, header == 2
        answers: list[tuple[int, bytes]] = []
        while at + header <= end:
            body = at + header
            after = body + (data[at] << 8 | data[at + 1] if binary else int(data[at:body]))
            if after > end:
                break
            layout = layouts.get(data[body : body + head]) or self._learn(data[body:after])
            stan, code, width = layout
            digits = data[body + stan : body + stan + width]
            number = int(digits.hex()) if packed else int(digits)
            answers.append((number, data[body + code : body + code + 2]))
            at = after
        return at, answers

    def _template(self, card: Card, now: datetime, mti: str, amount: int, terminal: str) -> Template:
        elements: dict[int, str | bytes] = {
            2: card.pan, 3: "000000", 4: f"{amount:012d}", 7: now.strftime("%m%d%H%M%S"), 11: "000000",
            12: now.strftime("%H%M%S"), 13: now.strftime("%m%d"), 14: card.expiry, 18: "5411", 22: "051", 25: "00",
            32: "400001", 37: "000000000000", 41: terminal, 42: "TWINRAIL LOAD  ", 49: "978",
        }  # fmt: skip
        framed = self._framed(mti, elements)
        stan = _where(framed, self._framed(mti, {**elements, 11: "999999"}))
        rrn = _where(framed, self._framed(mti, {**elements, 37: "999999999999"}))
        return Template(framed[: stan.start], framed[stan.stop : rrn.start], framed[rrn.stop :])

    def _framed(self, mti: str, elements: dict[int, str | bytes]) -> bytes:
        return frame(self.profile.framing, self._codec.encode(Message(mti, elements)))

    def _learn(self, payload: bytes) -> Layout:
        """Find the offsets of a new layout from one sample; LoadError for an answer without DE11 or DE39."""
        sample = self._codec.decode(payload)
        stan, code = sample.elements.get(11), sample.elements.get(39)
        if not isinstance(stan, str) or not isinstance(code, str):
            raise LoadError("an answer without DE11 or DE39")
        elements = sample.elements
        plain = self._codec.encode(Message(sample.mti, {**elements, 11: "000000", 39: "00"}))
        other = self._codec.encode(Message(sample.mti, {**elements, 11: "999999", 39: "00"}))
        coded = self._codec.encode(Message(sample.mti, {**elements, 11: "000000", 39: "99"}))
        where = _where(plain, other)
        layout = Layout(where.start, _where(plain, coded).start, where.stop - where.start)
        self._layouts[payload[: self._head]] = layout
        return layout


def _where(left: bytes, right: bytes) -> slice:
    """Give the stretch in which two messages of the same length differ."""
    places = [index for index, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
    return slice(places[0], places[-1] + 1)


class InstantTraffic:
    """pacs.008 messages of one debtor and one creditor, and the reading of their pacs.002.

    `make` gives the XML of one payment from its reference (35 characters at most); the template is cut where the
    reference stands. Answers are found by the reference in OrgnlTxId and coded by TxSts.
    """

    approved = b"ACCP"

    def __init__(self, make: InstantMaker, *, prefix: str) -> None:
        self._make = make
        self._prefix = prefix
        self._made_at = 0.0
        self._pieces: list[bytes] = []
        self._mark = "R" * 12 + "Z" * 6
        self._refresh()

    def _refresh(self) -> None:
        """Cut the template anew: the acceptance time inside it must be of this second."""
        self._made_at = time.monotonic()
        self._pieces = self._make(self._mark).split(self._mark.encode())

    def build(self, first: int, count: int) -> bytes:
        """Give the frames of payments number first .. first + count - 1."""
        if time.monotonic() - self._made_at > 0.05:
            self._refresh()
        frames = []
        for number in range(first, first + count):
            reference = f"{self._prefix}{number // NUMBERS:03d}{number % NUMBERS:06d}".rjust(18, "0")
            frames.append(frame(Framing.BINARY4, reference.encode().join(self._pieces)))
        return b"".join(frames)

    def take(self, data: bytes) -> tuple[int, list[tuple[int, bytes]]]:
        """Give how many bytes hold whole answers, and each as (number modulo NUMBERS, transaction status)."""
        at, answers = 0, []
        while at + 4 <= len(data):
            after = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if after > len(data):
                break
            document = data[at + 4 : after]
            reference, status = _ORIGINAL.search(document), _STATUS.search(document)
            if reference is not None:
                answers.append((int(reference[1][-6:]), status[1] if status is not None else b"?"))
            at = after
        return at, answers


def instant_time(moment: datetime) -> str:
    """Write a moment as SCT Inst wants it: UTC, milliseconds without trailing zeros.

    >>> instant_time(datetime(2026, 1, 5, 9, 0, 0, 120_000, tzinfo=UTC))
    '2026-01-05T09:00:00.12Z'
    """
    fraction = f".{moment.microsecond // 1000:03d}".rstrip("0").rstrip(".")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
