"""Recognition: which wrapping, frame, header and dialect some bytes are in, ranked, with the reasons.

The first failure of beginners is a wrong frame or dialect, so everything known is tried: each wrapping of the input,
with and without each frame and header, in each dialect. Most is turned down by the message type, which a dialect finds
in one look. What decodes to its last byte goes first, among that what looks most like a message (`evidence`), and where
two look alike the plain dialects of ISO 8583 before those that are like a network. Readings that say the same are one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from twinrail.codecs.evidence import Evidence, evidence
from twinrail.codecs.framing import Framer
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import Codec, codec_for
from twinrail.codecs.table import Message
from twinrail.codecs.wrapping import unwrapped
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS, NO_HEADER

NO_FRAME = "none"
PAYLOADS_MAX = 64  # messages of one capture; what holds more is no capture of a few messages
BODIES_MAX = 256  # ways to cut the input that are looked at
FRAMED_BYTES_MAX = 1 << 16  # of input whose frames are guessed; more is one message without a frame, or nothing
_GUESSED = 2  # what a header of which nothing is known counts against a reading
_PLAIN_PREFIX = "iso"  # dialects of ISO 8583 itself; all others are like some network
_FILES = ("mds-clearing",)  # dialects of files, which hardly anybody has one message of


class Route(NamedTuple):
    """How a message came out of the input; `before` and `after` are the bytes around it, header included."""

    wrapping: str
    frame: str = NO_FRAME
    header: str = NO_HEADER.name
    before: bytes = b""
    after: bytes = b""
    messages: int = 1  # in the input, this one the first

    @property
    def words(self) -> str:
        """Say it in words, plain hex being no news."""
        parts = [] if self.wrapping == "hex" else [self.wrapping]
        parts.append("no frame" if self.frame == NO_FRAME else f"frame {self.frame}")
        if self.header != NO_HEADER.name:
            parts.append(f"header {self.header}")
        return ", ".join(parts)


class Reading(NamedTuple):
    """One message in one dialect, or how far it went; routes and dialects that lead to the same are with it."""

    codec: Codec
    body: bytes
    routes: tuple[Route, ...]
    message: Message | None
    error: DecodeError | None
    evidence: Evidence
    also: tuple[str, ...] = ()  # names of dialects that read the very same

    @property
    def dialect(self) -> Dialect:
        """Give the dialect."""
        return self.codec.dialect

    @property
    def route(self) -> Route:
        """Give the likeliest way in which the message came out of the input."""
        return self.routes[0]

    @property
    def shown(self) -> Message | None:
        """Give the message, or what of it was read before the error."""
        partial = self.message if self.error is None else self.error.partial
        return partial if isinstance(partial, Message) else None

    @property
    def why(self) -> str:
        """Say what speaks for it, and what against it."""
        if self.error is not None:
            return f"{self.error.path}: {self.error.problem} at byte {self.error.offset} of {len(self.body)}"
        said = [f"all {len(self.body)} bytes read", *self.evidence.good]
        return "; ".join(said) + (f"; but {', '.join(self.evidence.bad)}" if self.evidence.bad else "")

    @property
    def rank(self) -> tuple[bool, bool, int, float, bool, bool, int]:
        """Say how good it is: decoded, likely, read far, as we would write it, and so on."""
        # The hex of packed digits is at the same time digits in ASCII: who gives hex means its bytes.
        written = self.route.wrapping.startswith("hex")
        share = 1.0 if self.error is None else self.error.offset / max(1, len(self.body))
        canonical = self.message is not None and self.message.canonical
        plain = self.dialect.name.startswith(_PLAIN_PREFIX) - (self.dialect.name in _FILES)
        guessed = self.route.header.startswith("opaque")
        likely = self.error is None or (written and not guessed)
        return (self.error is None, likely, self.evidence.score - _GUESSED * guessed, share, canonical, written, plain)


class Body(NamedTuple):
    """Bytes that may be a message, and the ways that led to them."""

    data: bytes
    routes: tuple[Route, ...]


def recognise(
    content: bytes,
    codecs: Sequence[Codec] = (),
    *,
    frame: str | None = None,
    header: str | None = None,
) -> list[Reading]:
    """Read the input in every way that is left open and give all readings, the best first; readings alike are one.

    Without codecs all registered dialects are tried; `frame` and `header` are names of `frames`, or "none". Empty where
    the input is, or where no frame or header of that name fits.
    """
    chosen = codecs or [codec_for(name) for name in DIALECTS]
    found = [_reading(codec, body) for body in bodies(content, frame, header) for codec in chosen]
    return sorted(_merged(found), key=lambda reading: reading.rank, reverse=True)


def bodies(content: bytes, frame: str | None = None, header: str | None = None) -> list[Body]:
    """Give everything in the input that could be a message, none twice; at most 256."""
    routes: dict[bytes, list[Route]] = {}
    for wrapped in unwrapped(content):
        for framed, payload in _payloads(wrapped.data, Route(wrapped.wrapping), frame):
            for route, data in _headless(payload, framed, header):
                if len(routes) < BODIES_MAX or data in routes:
                    routes.setdefault(data, []).append(route)
    return [Body(data, tuple(found)) for data, found in routes.items()]


def whole(readings: Iterable[Reading]) -> list[Reading]:
    """Give the readings that are messages."""
    return [reading for reading in readings if reading.message is not None]


def _reading(codec: Codec, body: Body) -> Reading:
    try:
        message = codec.decode(body.data)
    except DecodeError as error:
        partial = error.partial
        seen = evidence(codec.dialect, partial) if isinstance(partial, Message) and partial.elements else Evidence(0)
        return Reading(codec, body.data, body.routes, None, error, seen)
    return Reading(codec, body.data, body.routes, message, None, evidence(codec.dialect, message))


def _payloads(data: bytes, route: Route, only: str | None) -> Iterator[tuple[Route, bytes]]:
    """Take every frame off that the bytes fit whole, or the one that is wanted."""
    if only in {None, NO_FRAME}:
        yield route, data
    if only == NO_FRAME or (only is None and len(data) > FRAMED_BYTES_MAX):
        return
    for name in FRAMES if only is None else (only,):
        framer = Framer(FRAMES[name], len(data))
        payloads = framer.receive(data)
        if not payloads or framer.error is not None or framer.partial or len(payloads) > PAYLOADS_MAX:
            continue
        payload = payloads[0]
        start = data.find(payload, len(framer.frame.before) + framer.frame.size)
        framed = route._replace(frame=name, before=data[:start], messages=len(payloads))
        yield framed._replace(after=data[start + len(payload) :]), payload


def _headless(payload: bytes, route: Route, only: str | None) -> Iterator[tuple[Route, bytes]]:
    """Take every header off that fits, or the one that is wanted."""
    for name in HEADERS if only is None else (only,):
        try:
            split = header_codec(HEADERS[name]).split(payload)
        except DecodeError:
            continue
        before = route.before + payload[: len(payload) - len(split.body)]
        yield route._replace(header=name, before=before), split.body


def _merged(readings: Iterable[Reading]) -> list[Reading]:
    """Make readings of the same message one, named by the likeliest dialect and route."""
    merged: list[Reading] = []
    of_body: dict[bytes, list[int]] = {}
    for reading in readings:
        places = of_body.setdefault(reading.body, [])
        same = [place for place in places if reading.message is not None and merged[place].message == reading.message]
        if not same:
            places.append(len(merged))
            merged.append(reading)
            continue
        first, second = merged[same[0]], reading
        if second.rank > first.rank:
            first, second = second, first
        merged[same[0]] = first._replace(also=(*first.also, second.dialect.name, *second.also))
    return merged


def losers(readings: Sequence[Reading], best: Reading) -> list[tuple[str, list[str]]]:
    """Say of every dialect that is not among the best why not: the words, and the dialects they are true of."""
    nearest: dict[str, Reading] = {}
    # In the bytes that are a message to the best the others say most clearly why they are not.
    for reading in sorted(readings, key=lambda one: (one.message is None, one.body != best.body)):
        for name in (reading.dialect.name, *reading.also):
            nearest.setdefault(name, reading)
    said: dict[str, list[str]] = {}
    for name, reading in nearest.items():
        if reading is not best:
            said.setdefault(reading.why, []).append(name)
    return list(said.items())
