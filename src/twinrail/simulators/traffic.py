"""Traffic for the load generator: frames cut from templates, and answers found without decoding them.

A card request is its card's three pieces with DE11 and DE37 between them, in whatever digits the dialect has; an
instant payment is a document with its reference in several places. The codec makes every template once, with header
and frame, and reads one sample of every layout of answers.

Hardly a step of Python is taken a message: requests are joined from slices of prepared lists, and answers of one layout
and size, as a load of one kind brings them, are unpacked together. Both together cost 0.25 µs a message, where
loops over messages cost 0.7.
"""

import re
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import NamedTuple

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message
from twinrail.codecs.leaf import Leaf, axes_of
from twinrail.schemas.iso8583.frames import BINARY4
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.profiles import LinkProfile, Rail
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel
from twinrail.simulators.cuts import LOW, LoadError, digits_of, end_of, head_bytes, numbers, tail_bytes, where
from twinrail.simulators.transactions import Purchase

NUMBERS = 1_000_000  # DE11 counts with six digits: this many requests can be told apart at a time
_PIECE = 1000  # requests that are joined at a time; divides LOW
_ALIKE_MAX = 256  # kinds of answers, by layout and size, that are unpacked together
InstantMaker = Callable[[str], bytes]
_ORIGINAL = re.compile(rb"<(?:\w+:)?OrgnlTxId>([^<]{6,35})<")
_STATUS = re.compile(rb"<(?:\w+:)?(?:TxSts|GrpSts)>([A-Z]{4})<")


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
    """Where DE11 and DE39 stand in answers with the same first bytes, header included."""

    stan: int  # offset of the last six digits of DE11
    code: int  # offset of DE39
    width: int  # bytes of those digits
    code_width: int


class _Cut(NamedTuple):
    """The pieces of all cards for one round of DE11, each list as if the cards went on for _PIECE more."""

    whole: int  # round of DE11
    joints: list[bytes]  # the end of one card's request and the start of the next card's
    middles: list[bytes]  # what stands between DE11 and the digits of DE37 that are DE11's


class CardTraffic:
    """Requests of one profile, one terminal and many cards, and the reading of their answers.

    The key of a request are the last six digits of its DE11 as they stand in the message. LoadError for links on which
    a message cannot be cut out of a template.
    """

    def __init__(
        self, profile: LinkProfile, cards: Sequence[Card], *, mti: str = "0100", amount: int = 100, terminal: str
    ) -> None:
        if not cards:
            raise LoadError("no cards to pay with")
        if profile.rail is not Rail.CARD or profile.mac is not None:
            raise LoadError(f"no load of cards for {profile.name}: it is no card link, or wants a MAC")
        self.profile = profile
        self.approved = frozenset(code.encode() for code in transactions.approved_codes(profile))
        self._channel = Channel(profile)
        self._end_of = end_of(profile.frame)
        now = datetime.now(UTC)
        self._epoch = int(now.timestamp()) % NUMBERS
        self._kind = mti[1:]
        model = Purchase(
            pan=cards[0].pan, amount=amount, stan=0, at=now, rrn="0" * 12, terminal=terminal, merchant="TWINRAIL LOAD  "
        )
        digits = len(model.pan)
        pan = where(*(self._framed(replace(model, pan=one * digits)) for one in "09"))
        self._frame_head, self._frame_tail = head_bytes(profile.frame), tail_bytes(profile.frame)
        # Header, MTI, bitmap and the length of DE2 decide the offsets of everything up to DE39.
        self._head = pan.start - self._frame_head
        self._layouts: dict[bytes, Layout] = {}
        self._numbers_at: dict[int, tuple[slice, slice]] = {}  # of DE11 and DE37, by the length of the card number
        self._templates = [self._template(replace(model, pan=card.pan, expiry=card.expiry)) for card in cards]
        stan, rrn = self._numbers_at[digits]
        framed = self._framed(model)
        self._stan_digits = digits_of(framed[stan])
        self._rrn_digits = digits_of(framed[rrn][: (rrn.stop - rrn.start) // 2])
        self._cut = self._cut_for(0)
        self._alike: dict[bytes, struct.Struct] = {}  # by length, header and first bytes
        self._names: dict[bytes, bytes] = {}  # of codes, by how they are written

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
        high, low = divmod(place, LOW)
        stans = rrns = numbers(self._stan_digits, high, low, count)
        if self._rrn_digits is not self._stan_digits:
            rrns = numbers(self._rrn_digits, high, low, count)
        piece = [b""] * (4 * count)
        piece[0::4] = joints[card : card + count]
        piece[0] = templates[card].start
        piece[1::4] = stans
        piece[2::4] = middles[card : card + count]
        piece[3::4] = rrns
        parts += piece
        parts.append(templates[(card + count - 1) % len(templates)].end)
        keys += stans

    def _cut_for(self, whole: int) -> _Cut:
        high, low = divmod((self._epoch + whole) % NUMBERS, LOW)
        epoch = self._rrn_digits.high[high] + self._rrn_digits.low[low]
        templates = self._templates
        joints = [templates[card - 1].end + template.start for card, template in enumerate(templates)]
        middles = [template.middle + epoch for template in templates]
        number = len(templates) + _PIECE
        return _Cut(whole, list(islice(cycle(joints), number)), list(islice(cycle(middles), number)))

    def take(self, data: bytes) -> Answers:
        """Read the whole answers that data begins with: those alike together, what follows them one by one.

        What the engine asks of us in between is passed over.
        """
        frame_head, tail, head = self._frame_head, self._frame_tail, self._head
        end_of, layouts = self._end_of, self._layouts
        at, keys, codes = self._take_alike(data)
        while after := end_of(data, at):
            body = at + frame_head
            layout = layouts.get(data[body : body + head]) or self._learn(data[body : after - tail])
            if layout is not None:
                stan, code, width, code_width = layout
                keys.append(data[body + stan : body + stan + width])
                codes.append(data[body + code : body + code + code_width])
                if not at:
                    self._remember(data[:after], layout)
            at = after
        return Answers(at, keys, codes)

    def name_of(self, code: bytes) -> bytes:
        """Give a code in ASCII characters."""
        name = self._names.get(code)
        if name is None:
            dialect = self._channel.codec.dialect
            number = self.profile.places.response_code
            row = next(row for row in dialect.elements if row.number == number)
            value, _ = Leaf(str(number), number, axes_of(row, dialect)).read(code, 0)
            name = self._names[code] = str(value).encode()
        return name

    def _take_alike(self, data: bytes) -> tuple[int, list[bytes], list[bytes]]:
        """Read as many answers as are of the layout and size of the first one, if that is known."""
        lead = data[: self._frame_head + self._head]
        alike = self._alike.get(lead)
        count = len(data) // alike.size if alike is not None else 0
        if alike is None or not count:
            return 0, [], []
        leads, keys, codes = map(list, zip(*alike.iter_unpack(data[: count * alike.size]), strict=True))
        if leads.count(lead) != count:
            count = next(index for index, other in enumerate(leads) if other != lead)
        return count * alike.size, keys[:count], codes[:count]

    def _remember(self, framed: bytes, layout: Layout) -> None:
        """Keep how to unpack answers that begin and end as this one, if their first bytes tell their size."""
        lead = self._frame_head + self._head
        stan, code = self._frame_head + layout.stan, self._frame_head + layout.code
        is_sized = not self.profile.frame.end
        if is_sized and lead <= stan and stan + layout.width <= code and len(self._alike) < _ALIKE_MAX:
            gaps = (stan - lead, code - stan - layout.width, len(framed) - code - layout.code_width)
            fields = f"{lead}s{gaps[0]}x{layout.width}s{gaps[1]}x{layout.code_width}s{gaps[2]}x"
            self._alike[framed[:lead]] = struct.Struct(fields)

    def _template(self, model: Purchase) -> Template:
        framed = self._framed(model)
        if len(model.pan) not in self._numbers_at:  # only the length of DE2 differs from card to card
            self._numbers_at[len(model.pan)] = (
                where(framed, self._framed(replace(model, stan=NUMBERS - 1))),
                where(framed, self._framed(replace(model, rrn="9" * 12))),
            )
        stan, rrn = self._numbers_at[len(model.pan)]
        return Template(framed[: stan.start], framed[stan.stop : rrn.start], framed[rrn.stop :])

    def _framed(self, purchase: Purchase) -> bytes:
        return self._channel.write(transactions.request(self.profile, self._kind, purchase))

    def _learn(self, payload: bytes) -> Layout | None:
        """Find the offsets of a new layout from one sample; None for what is no answer.

        LoadError for an answer without DE11 or DE39, and where the engine sends our own message back.
        """
        heard = self._channel.open(payload)
        sample = heard.message
        if heard.reject is not None or sample is None:
            raise LoadError("the engine refuses the header of what it is sent" if heard.reject else "no message")
        if response_to(sample.mti) is not None:
            return None
        at, elements, header = self.profile.places, sample.elements, len(heard.header)
        stan, code = elements.get(at.stan), elements.get(at.response_code)
        if not isinstance(stan, str) or not isinstance(code, str):
            raise LoadError("an answer without DE11 or DE39")

        def written(number: int, digit: str) -> bytes:
            own = {at.stan: "0" * len(stan), at.response_code: "0" * len(code)} | {number: digit}
            return self._channel.codec.encode(Message(sample.mti, {**elements, **own}))

        plain = written(at.stan, "0" * len(stan))
        numbered = where(plain, written(at.stan, f"{NUMBERS - 1:0{len(stan)}d}"))
        coded = where(plain, written(at.response_code, "9" * len(code)))
        layout = Layout(
            header + numbered.start, header + coded.start, numbered.stop - numbered.start, coded.stop - coded.start
        )
        self._layouts[payload[: self._head]] = layout
        return layout


class InstantTraffic:
    """pacs.008 messages of one debtor and one creditor, and the reading of their pacs.002.

    `make` gives the XML of one payment from its reference (35 characters at most); the template is cut where the
    reference stands. Answers are found by the reference in OrgnlTxId, whose last six digits are the key of a payment,
    and coded by TxSts.
    """

    approved = frozenset({b"ACCP"})

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
            frames.append(frame(BINARY4, reference.rjust(18, b"0").join(self._pieces)))
            keys.append(key)
        return Requests(b"".join(frames), keys)

    def name_of(self, code: bytes) -> bytes:
        """Give a code in ASCII characters: as it stands."""
        return code

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
