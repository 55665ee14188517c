"""Recordings: one JSON line for what a recording is, then one for every frame that crossed a link.

A line is an event: `t` nanoseconds since the start, `c` connection, `d` "in" (to the issuer) or "out", `k` what kind,
`hex` the bytes as framed, `of` the index of the request that an answer belongs to, `rt` the nanoseconds it took. Events
count from 0. A line is one write to a file that only its owner may read; a torn last line is tolerated, and said.

Nothing reaches the file that `codecs.sanitise` has not cleaned, and there is no switch for that. The recorder never
makes the answer path wait: it takes frames into a bounded queue, drops and counts what does not fit, and cleans and
writes in a thread of its own.
"""

import contextlib
import gzip
import os
import pathlib
import re
import threading
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from twinrail.codecs import sanitise
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import Codec, Message, dialect_of
from twinrail.codecs.sanitise import Sanitised, Sanitiser
from twinrail.errors import DecodeError, TwinrailError
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail

FORMAT = "twinrail-recording"
VERSION = 1
EVENTS_MAX = 2_000_000  # of one recording as read into memory
LINE_BYTES_MAX = 1 << 20
QUEUE_MAX = 65_536  # frames that wait for the writing thread
FILE_BYTES_MAX = 1 << 30
PENDING_MAX = 20_000  # requests of one link whose answer the recorder still expects
_WAIT_S = 0.02  # how long the writing thread rests when it has nothing to do
_GZIP = b"\x1f\x8b"


class RecordingError(TwinrailError):
    """A recording that cannot be read, or must not be kept; the text names the line, never its content."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what the recording is. `started` is UTC, `profile` the link profile where an open names none."""

    format: str
    version: int
    profile: str = "card-1987"
    dialect: str = "iso1987-ascii"
    framing: str = "binary2"
    started: str = ""
    masked: bool = True
    sanitiser: int = sanitise.VERSION


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line after the first. `n` counts bytes where only a length was kept, or frames in a drop line."""

    t: int
    c: int = 0
    d: str = ""  # in, out
    k: str = "frame"  # frame, open, close, file, drop
    hex: str = ""
    of: int = -1
    rt: int = -1
    profile: str = ""
    n: int = 0
    why: str = ""  # why only the length was kept
    wiped: tuple[str, ...] = ()


class Recording(NamedTuple):
    """A recording in memory; `torn` where the last line was cut short and left out."""

    header: Header
    events: tuple[Event, ...]
    torn: bool


class Summary(NamedTuple):
    """What a closed recorder has to say."""

    events: int
    dropped: int  # frames that found the queue full
    reduced: int  # frames of which only the length was kept


def payload_of(event: Event, profile: LinkProfile) -> bytes | None:
    """Give the payload of a frame event without its length header; None where only the length was kept.

    RecordingError where the bytes are not exactly one frame of the profile.
    """
    if not event.hex:
        return None
    try:
        framed = bytes.fromhex(event.hex)
        framer = Framer(profile.frame, profile.frame_bytes_max)
        frames = framer.receive(framed)
    except ValueError as error:
        raise RecordingError("an event holds no frame of its profile") from error
    if framer.error is not None or len(frames) != 1 or frame(profile.frame, frames[0]) != framed:
        raise RecordingError("an event holds no frame of its profile")
    return frames[0]


def read(path: pathlib.Path) -> Recording:
    """Read a whole recording, plain or gzip.

    RecordingError for a file that is none, a version we do not know, a broken line other than the last, a line beyond
    LINE_BYTES_MAX or more than EVENTS_MAX events.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    events: list[Event] = []
    torn = False
    decoder = msgspec.json.Decoder(Event)
    with gzip.open(path, "rb") if packed else path.open("rb") as source:
        lines = _lines(source)
        header = _header(next(lines, b""))
        for number, line in enumerate(lines, start=2):
            if torn:
                raise RecordingError(f"line {number - 1} is no event")
            try:
                events.append(decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                torn = True
            if len(events) > EVENTS_MAX:
                raise RecordingError(f"more than {EVENTS_MAX} events")
    return Recording(header, tuple(events), torn)


def _lines(source: gzip.GzipFile | contextlib.AbstractContextManager[object]) -> Iterator[bytes]:
    readline = source.readline  # type: ignore[union-attr]  # both kinds of binary file have it
    try:
        while line := readline(LINE_BYTES_MAX + 1):
            if len(line) > LINE_BYTES_MAX:
                raise RecordingError(f"a line of more than {LINE_BYTES_MAX} bytes")
            if line.strip():
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError("the compressed file is damaged, or cut short") from error


def _header(line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordingError("no recording: its first line is no header") from error
    if header.format != FORMAT or header.version != VERSION:
        raise RecordingError(f"not a {FORMAT} of version {VERSION}")
    return header


class Writer:
    """Append events to a new file, one write a line; the file is its owner's alone (0600).

    FileExistsError rather than writing over an earlier recording.
    """

    def __init__(self, path: pathlib.Path, header: Header) -> None:
        self.path = path
        self.events = 0
        self.size = 0  # bytes
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._encoder = msgspec.json.Encoder()
        self._line(header)

    def append(self, event: Event) -> int:
        """Write one event and give its index."""
        self._line(event)
        self.events += 1
        return self.events - 1

    def close(self) -> None:
        """Make the file durable and close it."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def _line(self, value: Header | Event) -> None:
        line = self._encoder.encode(value) + b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError("the recording's disk is full")
        self.size += len(line)


class _Seen(NamedTuple):
    """What the answer path hands over: nothing but references."""

    kind: str
    link: int
    direction: str
    payload: bytes
    t_ns: int


class Recorder:
    """Record what crosses the links of an engine: the tap of a transport.

    `key` is the operator's sanitising key (16 bytes or more). While it is open the recording has the name `PATH.part`;
    `close` looks through the whole file for every card number seen during the capture and gives it its name, or on a
    hit removes it and raises RecordingError; a recording without any event leaves no file. `t_ns` of the tap are
    monotonic nanoseconds, as is `start_ns`; `started` is the same moment as UTC wall time. Past `file_bytes_max` or
    after a failed write nothing more is kept, and what comes is counted as dropped.
    """

    def __init__(
        self,
        path: pathlib.Path,
        key: bytes,
        *,
        profile: str = "card-1987",
        profiles: Mapping[str, LinkProfile] = PROFILES,
        start_ns: int | None = None,
        started: datetime | None = None,
        queue_max: int = QUEUE_MAX,
        file_bytes_max: int = FILE_BYTES_MAX,
    ) -> None:
        default = profiles[profile]
        self._sanitiser = Sanitiser(key)
        self._start_ns = time.monotonic_ns() if start_ns is None else start_ns
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._queue_max = queue_max
        self._file_bytes_max = file_bytes_max
        stamp = (started or datetime.now(UTC)).isoformat(timespec="milliseconds")
        header = Header(
            format=FORMAT,
            version=VERSION,
            profile=profile,
            dialect=default.dialect_name,
            framing=default.frame.name,
            started=stamp,
        )
        if path.exists():
            raise FileExistsError(f"{path} is there already")
        self._writer = Writer(self._part, header)
        self._queue: deque[_Seen] = deque()
        self._known = profiles
        self._profiles: dict[int, LinkProfile] = {}
        self._default = default
        self._codecs: dict[str, Codec] = {}
        self._pending: dict[int, OrderedDict[tuple[str, ...], tuple[int, int]]] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self._dropped_written = 0
        self.reduced = 0
        self.failure = ""

    def opened(self, link: int, profile_name: str, t_ns: int) -> None:
        """Note that a link came up."""
        self._take(_Seen("open", link, profile_name, b"", t_ns))

    def frame(self, link: int, direction: str, payload: bytes, t_ns: int) -> None:
        """Take one frame without its length header; `direction` is "in" or "out". Never waits, never raises."""
        self._take(_Seen("frame", link, direction, payload, t_ns))

    def closed(self, link: int, t_ns: int) -> None:
        """Note that a link went down."""
        self._take(_Seen("close", link, "", b"", t_ns))

    def start(self) -> None:
        """Start the thread that cleans and writes; without it, call `drain`."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Clean and write what waits in the queue; never raises, at the first failed write recording ends."""
        try:
            while self._queue and not self.failure:
                self._write(self._queue.popleft())
                if self._writer.size >= self._file_bytes_max:
                    self.failure = "the recording has its full size"
            if self.dropped > self._dropped_written and not self.failure:
                count = self.dropped
                self._writer.append(Event(t=time.monotonic_ns() - self._start_ns, k="drop", n=count))
                self._dropped_written = count
        except OSError as error:
            self.failure = error.strerror or str(error)
        while self.failure and self._queue:
            self._queue.popleft()
            self.dropped += 1

    def close(self) -> Summary:
        """Write what waits, look through the file a last time and give it its name."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self.drain()
        self._writer.close()
        if not self._writer.events:
            self._part.unlink()
            return Summary(0, self.dropped, 0)
        if self._named_anywhere():
            self._part.unlink()
            raise RecordingError("a card number of this capture stood in the recording: it was removed")
        self._part.rename(self._path)
        return Summary(self._writer.events, self.dropped, self.reduced)

    def _take(self, seen: _Seen) -> None:
        if len(self._queue) >= self._queue_max:
            self.dropped += 1
        else:
            self._queue.append(seen)

    def _run(self) -> None:
        while not self._closing.wait(_WAIT_S):
            self.drain()

    def _write(self, seen: _Seen) -> None:
        t = max(0, seen.t_ns - self._start_ns)
        if seen.kind == "open":
            self._profiles[seen.link] = self._known.get(seen.direction, self._default)
            self._pending[seen.link] = OrderedDict()
            self._writer.append(Event(t=t, c=seen.link, k="open", profile=self._profiles[seen.link].name))
        elif seen.kind == "close":
            self._pending.pop(seen.link, None)
            self._writer.append(Event(t=t, c=seen.link, k="close"))
        else:
            self._write_frame(seen, t)

    def _write_frame(self, seen: _Seen, t: int) -> None:
        profile = self._profiles.get(seen.link, self._default)
        clean = self._clean(profile, seen.payload)
        if clean.payload is None:
            self.reduced += 1
            self._writer.append(Event(t=t, c=seen.link, d=seen.direction, n=clean.length, why=clean.why))
            return
        of, rt = self._answers(seen, t, clean)
        framed = frame(profile.frame, clean.payload).hex()
        event = Event(t=t, c=seen.link, d=seen.direction, hex=framed, of=of, rt=rt, wiped=clean.wiped)
        self._writer.append(event)

    def _clean(self, profile: LinkProfile, payload: bytes) -> Sanitised:
        if profile.rail is Rail.CARD:
            codec = self._codecs.get(profile.name)
            if codec is None:  # one of our own: the engine's are used by another thread
                codec = self._codecs[profile.name] = Codec(dialect_of(profile.dialect))
            return self._behind_header(profile, codec, payload)
        from twinrail.codecs.sanitise_xml import document  # noqa: PLC0415 - lxml only where a link speaks XML

        return document(self._sanitiser, payload)

    def _behind_header(self, profile: LinkProfile, codec: Codec, payload: bytes) -> Sanitised:
        """Clean the message behind its header, which holds addresses and no cardholder data."""
        try:
            split = header_codec(profile.header).split(payload)
        except DecodeError:
            return Sanitised(None, len(payload), why="header cannot be read")
        clean = self._sanitiser.frame(codec, split.body)
        return clean if clean.payload is None else clean._replace(payload=split.header + clean.payload)

    def _answers(self, seen: _Seen, t: int, clean: Sanitised) -> tuple[int, int]:
        """Give the index of the request that a frame answers and the nanoseconds it took, or (-1, -1)."""
        pending = self._pending.setdefault(seen.link, OrderedDict())
        asked, answered = _keys(clean)
        if asked:
            pending[(seen.direction, *asked)] = (self._writer.events, t)
            if len(pending) > PENDING_MAX:
                pending.popitem(last=False)
        if answered:
            other = "out" if seen.direction == "in" else "in"
            index, asked_at = pending.pop((other, *answered), (-1, 0))
            return (index, t - asked_at) if index >= 0 else (-1, -1)
        return -1, -1

    def _named_anywhere(self) -> bool:
        """Look for card numbers that were seen only after a frame which named them had been written."""
        events = read(self._part).events
        return any(
            self._sanitiser.leaks(bytes.fromhex(event.hex)) for event in events if event.k == "frame" and event.hex
        )


_TRANSACTION = re.compile(rb"<(?:\w+:)?TxId>([^<]{1,64})<")
_ANSWERED = re.compile(rb"<(?:\w+:)?OrgnlTxId>([^<]{1,64})<")


def _keys(clean: Sanitised) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the key under which a frame asks and the one under which it answers; () where it does not."""
    if clean.message is not None:
        return _card_keys(clean.message)
    answered = _ANSWERED.search(clean.payload or b"")
    if answered:
        return (), (answered[1].decode("latin-1"),)
    asked = _TRANSACTION.search(clean.payload or b"")
    return ((asked[1].decode("latin-1"),) if asked else ()), ()


def _card_keys(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    answer = response_to(message.mti)
    rest = tuple(str(message.elements.get(number, "")) for number in (11, 32, 37, 41))
    return ((answer, *rest), ()) if answer else ((), (message.mti, *rest))
