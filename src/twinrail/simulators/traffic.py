"""Traffic for the load generator: frames cut from templates, and answers found without decoding them.

A card request is its card's three pieces with DE11 and DE37 between them; an instant payment is a document with its
reference in several places. The codec makes every template once, and reads one sample of every layout of answers.

Hardly a step of Python is taken a message: requests are joined from slices of prepared lists, and answers of one layout
and size, as a load of one kind brings them, are unpacked together. Both together cost 0.25 µs a message, where
loops over messages cost 0.7.
"""

import functools
import re
import struct
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import NamedTuple

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import TwinrailError
from twinrail.schemas.iso8583.profiles import Framing, LinkProfile

NUMBERS = 1_000_000  # DE11 has six digits: this many requests can be told apart at a time
_LOW = 10_000  # DE11 is put together from its first two and its last four digits
_PIECE = 1000  # requests that are joined at a time; divides _LOW
_ALIKE_MAX = 256  # kinds of answers, by layout and size, that are unpacked together
InstantMaker = Callable[[str], bytes]
_ORIGINAL = re.compile(rb"<(?:\w+:)?OrgnlTxId>([^<]{6,35})<")
_STATUS = re.compile(rb"<(?:\w+:)?(?:TxSts|GrpSts)>([A-Z]{4})<")


class LoadError(TwinrailError):
    """A load that cannot be applied; the text says why."""


class Card(NamedTuple):
    """A card to pay with."""

    pan: str
    expiry: str  # YYMM


class Requests(NamedTuple):
    """Frames, one after the other, and what tells the answer to each."""

    data: bytes
    keys: Sequence[bytes]


class Answers(NamedTuple):
    """How many bytes held whole answers, and what each answers with which code."""

    used: int
    keys: Sequence[bytes]
    codes: Sequence[bytes]


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


class _Cut(NamedTuple):
    """The pieces of all cards for one round of DE11, each list as if the cards went on for _PIECE more."""

    whole: int  # round of DE11
    joints: list[bytes]  # the end of one card's request and the start of the next card's
    middles: list[bytes]  # what stands between DE11 and the digits of DE37 that are DE11's


class CardTraffic:
    """Requests of one profile, one terminal and many cards, and the reading of their answers.

    The key of a request is its DE11 as it stands in the message.
    """

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
        self._numbers_at: dict[int, tuple[slice, slice]] = {}  # of DE11 and DE37, by the length of the card number
        self._templates = [self._template(card, now, mti, amount, terminal) for card in cards]
        self._cut = self._cut_for(0)
        self._alike: dict[bytes, struct.Struct] = {}  # by length header and first bytes

    def build(self, first: int, count: int) -> Requests:
        """Give the requests number first .. first + count - 1.

        DE11 is the number modulo NUMBERS; DE37 is the second in which the run began plus the rounds of DE11, then DE11
        again, so that no request of this run or of the next has the key of another.
        """
        parts: list[bytes] = []
        keys: list[bytes] = []
        at, end = first, first + count
        while at < end:
            stop = min(end, (at // _PIECE + 1) * _PIECE)
            self._build_piece(at, stop - at, parts, keys)
            at = stop
        return Requests(b"".join(parts), keys)

    def _build_piece(self, first: int, count: int, parts: list[bytes], keys: list[bytes]) -> None:
        """Add what the requests of one piece are joined from, and their keys."""
        whole, place = divmod(first, NUMBERS)
        if whole != self._cut.whole:
            self._cut = self._cut_for(whole)
        templates, (_, joints, middles) = self._templates, self._cut
        card = place % len(templates)
        high, low = divmod(place, _LOW)
        start = b"%02d" % high
        digits = [start + four for four in _low_digits()[low : low + count]]
        stans = digits
        if self._packed:
            start = bytes.fromhex(start.decode())
            stans = [start + two for two in _low_packed()[low : low + count]]
        piece = [b""] * (4 * count)
        piece[0::4] = joints[card : card + count]
        piece[0] = templates[card].start
        piece[1::4] = stans
        piece[2::4] = middles[card : card + count]
        piece[3::4] = digits
        parts += piece
        parts.append(templates[(card + count - 1) % len(templates)].end)
        keys += stans

    def _cut_for(self, whole: int) -> _Cut:
        epoch = b"%06d" % ((self._epoch + whole) % NUMBERS)
        templates = self._templates
        joints = [templates[card - 1].end + template.start for card, template in enumerate(templates)]
        middles = [template.middle + epoch for template in templates]
        number = len(templates) + _PIECE
        return _Cut(whole, list(islice(cycle(joints), number)), list(islice(cycle(middles), number)))

    def take(self, data: bytes) -> Answers:
        """Read the whole answers that data begins with: those alike together, what follows them one by one."""
        header, head = self._header, self._head
        at, keys, codes = self._take_alike(data)
        end, layouts, binary = len(data), self._layouts, header == 2
        while at + header <= end:
            body = at + header
            after = body + (data[at] << 8 | data[at + 1] if binary else int(data[at:body]))
            if after > end:
                break
            layout = layouts.get(data[body : body + head]) or self._learn(data[body:after])
            stan, code, width = layout
            keys.append(data[body + stan : body + stan + width])
            codes.append(data[body + code : body + code + 2])
            if not at:
                self._remember(data[:after], layout)
            at = after
        return Answers(at, keys, codes)

    def _take_alike(self, data: bytes) -> tuple[int, list[bytes], list[bytes]]:
        """Read as many answers as are of the layout and size of the first one, if that is known."""
        lead = data[: self._header + self._head]
        alike = self._alike.get(lead)
        count = len(data) // alike.size if alike is not None else 0
        if alike is None or not count:
            return 0, [], []
        leads, keys, codes = map(list, zip(*alike.iter_unpack(data[: count * alike.size]), strict=True))
        if leads.count(lead) != count:
            count = next(index for index, other in enumerate(leads) if other != lead)
        return count * alike.size, keys[:count], codes[:count]

    def _remember(self, framed: bytes, layout: Layout) -> None:
        """Keep how to unpack answers that begin and end as this one."""
        lead = self._header + self._head
        stan, code = self._header + layout.stan, self._header + layout.code
        if lead <= stan and stan + layout.width <= code and len(self._alike) < _ALIKE_MAX:
            gaps = (stan - lead, code - stan - layout.width, len(framed) - code - 2)
            self._alike[framed[:lead]] = struct.Struct(f"{lead}s{gaps[0]}x{layout.width}s{gaps[1]}x2s{gaps[2]}x")

    def _template(self, card: Card, now: datetime, mti: str, amount: int, terminal: str) -> Template:
        elements: dict[int, str | bytes] = {
            2: card.pan, 3: "000000", 4: f"{amount:012d}", 7: now.strftime("%m%d%H%M%S"), 11: "000000",
            12: now.strftime("%H%M%S"), 13: now.strftime("%m%d"), 14: card.expiry, 18: "5411", 22: "051", 25: "00",
            32: "400001", 37: "000000000000", 41: terminal, 42: "TWINRAIL LOAD  ", 49: "978",
        }  # fmt: skip
        framed = self._framed(mti, elements)
        if len(card.pan) not in self._numbers_at:  # only the length of DE2 differs from card to card
            self._numbers_at[len(card.pan)] = (
                _where(framed, self._framed(mti, {**elements, 11: "999999"})),
                _where(framed, self._framed(mti, {**elements, 37: "999999999999"})),
            )
        stan, rrn = self._numbers_at[len(card.pan)]
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


@functools.cache
def _low_digits() -> list[bytes]:
    return [b"%04d" % number for number in range(_LOW)]


@functools.cache
def _low_packed() -> list[bytes]:
    return [bytes.fromhex(digits.decode()) for digits in _low_digits()]


def _where(left: bytes, right: bytes) -> slice:
    """Give the stretch in which two messages of the same length differ."""
    places = [index for index, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
    return slice(places[0], places[-1] + 1)


class InstantTraffic:
    """pacs.008 messages of one debtor and one creditor, and the reading of their pacs.002.

    `make` gives the XML of one payment from its reference (35 characters at most); the template is cut where the
    reference stands. Answers are found by the reference in OrgnlTxId, whose last six digits are the key of a payment,
    and coded by TxSts.
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

    def build(self, first: int, count: int) -> Requests:
        """Give the payments number first .. first + count - 1."""
        if time.monotonic() - self._made_at > 0.05:
            self._refresh()
        frames, keys = [], []
        for number in range(first, first + count):
            key = b"%06d" % (number % NUMBERS)
            reference = f"{self._prefix}{number // NUMBERS:03d}".encode() + key
            frames.append(frame(Framing.BINARY4, reference.rjust(18, b"0").join(self._pieces)))
            keys.append(key)
        return Requests(b"".join(frames), keys)

    def take(self, data: bytes) -> Answers:
        """Read the whole answers that data begins with; the code is the transaction status."""
        at = 0
        keys: list[bytes] = []
        codes: list[bytes] = []
        while at + 4 <= len(data):
            after = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if after > len(data):
                break
            document = data[at + 4 : after]
            reference, status = _ORIGINAL.search(document), _STATUS.search(document)
            if reference is not None:
                keys.append(reference[1][-6:])
                codes.append(status[1] if status is not None else b"?")
            at = after
        return Answers(at, keys, codes)


def instant_time(moment: datetime) -> str:
    """Write a moment as SCT Inst wants it: UTC, milliseconds without trailing zeros.

    >>> instant_time(datetime(2026, 1, 5, 9, 0, 0, 120_000, tzinfo=UTC))
    '2026-01-05T09:00:00.12Z'
    """
    fraction = f".{moment.microsecond // 1000:03d}".rstrip("0").rstrip(".")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
