"""A load generator that costs a few microseconds a message, so that a benchmark measures the engine and not its client.

Frames are cut from templates that the codec made once: a message is its card's three pieces with DE11 and DE37 between
them. Answers are found by DE11 at an offset that one decoded sample of each layout tells. Open loop sends at a fixed
rate whatever comes back and counts latency from the intended send, so a stall costs every request that it delayed;
closed loop keeps N requests in flight on each link and says nothing about latency at a rate. Plain non-blocking sockets
and `select`, whose time-out counts microseconds: event loops wake on whole milliseconds, too coarse to pace by.
"""

import argparse
import json
import pathlib
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import TwinrailError
from twinrail.money import to_decimal
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail
from twinrail.simulators.histogram import Histogram
from twinrail.simulators.traffic import NUMBERS, Card, CardTraffic, InstantTraffic, LoadError, instant_time

BACKLOG_BYTES_MAX = 64 << 20  # of one link, that the engine does not read
RECEIVE_BYTES = 1 << 18
LINKS_MAX = 500  # below what select can watch
EURO = "978"
TICK_S = 0.00025  # open loop wakes at most this often; what falls due in between goes out together
_GIVE_UP_S = 5.0  # to connect, sign on and drain


@dataclass(slots=True, eq=False)
class Link:
    """One socket with what is half received and not yet sent."""

    sock: socket.socket
    rest: bytes = b""
    backlog: bytearray = field(default_factory=bytearray)
    in_flight: int = 0


@dataclass(slots=True, kw_only=True)
class Result:
    """What a run measured, after its warm-up; times are nanoseconds."""

    sent: int = 0
    answered: int = 0
    in_window: int = 0  # answered before sending stopped: what the rate is made of
    seconds: float = 0.0
    unmatched: int = 0
    unanswered: int = 0
    codes: Counter[bytes] = field(default_factory=Counter)
    response: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    slip: Histogram = field(default_factory=Histogram)

    def to_dict(self, *, approved: bytes, is_open_loop: bool) -> dict[str, object]:
        """Give the summary that is printed as JSON; latencies in microseconds.

        The percentiles at the top are response times of an open loop, from the intended send, and service times of a
        closed one, which intends to send when it can.
        """
        declined = {code.decode("latin-1"): count for code, count in sorted(self.codes.items()) if code != approved}
        times = (self.response if is_open_loop else self.service).to_dict()
        del times["count"]
        loop = {"response": self.response.to_dict(), "slip": self.slip.to_dict()} if is_open_loop else {}
        return {
            "mode": "open" if is_open_loop else "closed",
            "sent": self.sent,
            "answered": self.answered,
            "approved": self.codes[approved],
            "declined": declined,
            "unanswered": self.unanswered,
            "unmatched": self.unmatched,
            "seconds": round(self.seconds, 3),
            "rate": round(self.in_window / self.seconds, 1) if self.seconds else 0.0,
            **times,
            "service": self.service.to_dict(),
            **loop,
        }


class Run:
    """One load: links, numbers under way, and the figures. Exactly one of `rate` and `in_flight` is above 0.

    `rate` is requests a second over all links (open loop), `in_flight` requests on each link (closed loop).
    """

    def __init__(
        self, traffic: CardTraffic | InstantTraffic, links: Sequence[Link], *, rate: float = 0, in_flight: int = 0
    ) -> None:
        if (rate > 0) == (in_flight > 0):
            raise LoadError("give either a rate or a number in flight")
        self._traffic = traffic
        self._links = list(links)
        self._by_fd = {link.sock.fileno(): link for link in links}
        self._rate = rate
        self._in_flight = in_flight
        self._next = 0
        self._intended = [0] * NUMBERS  # ns; 0 where nothing waits
        self._sent_at = [0] * NUMBERS
        self.result = Result()

    def run(self, seconds: float, *, warmup_s: float = 0.0) -> Result:
        """Apply the load for so many seconds after the warm-up, then wait for what is under way."""
        started = time.monotonic_ns()
        measured_from = started + int(warmup_s * 1e9)
        ends = measured_from + int(seconds * 1e9)
        is_warm = warmup_s == 0
        if self._in_flight:
            for link in self._links:
                self._send(link, self._in_flight, None)
        intended = started
        while (now := time.monotonic_ns()) < ends:
            if not is_warm and now >= measured_from:
                self.result, is_warm = Result(), True
            if self._rate:
                intended = self._send_due(started, now)
                self._wait(max(0.0, min(intended, ends) / 1e9 - time.monotonic_ns() / 1e9, TICK_S))
            else:
                self._wait(min(0.1, (ends - now) / 1e9))
        result = self.result
        result.seconds = (time.monotonic_ns() - measured_from) / 1e9
        result.in_window = result.answered
        self._in_flight = 0
        self._drain()
        result.unanswered = sum(link.in_flight for link in self._links)
        return result

    def _send_due(self, started: int, now: int) -> int:
        """Send what has fallen due by now and give the time at which the next request does."""
        due = int((now - started) * self._rate / 1e9) + 1
        count = due - self._next
        if count > 0:
            gap = 1e9 / self._rate
            share, more = divmod(count, len(self._links))
            for index, link in enumerate(self._links):
                number = share + (index < more)
                if number:
                    self._send(link, number, (started, gap))
        return started + int(self._next * 1e9 / self._rate)

    def _send(self, link: Link, count: int, schedule: tuple[int, float] | None) -> None:
        first = self._next
        data = self._traffic.build(first, count)
        now = time.monotonic_ns()
        slip = self.result.slip
        for number in range(first, first + count):
            place = number % NUMBERS
            due = now if schedule is None else schedule[0] + int(number * schedule[1])
            self._intended[place] = due
            self._sent_at[place] = now
            if schedule is not None:
                slip.record(now - due)
        self._next = first + count
        link.in_flight += count
        self.result.sent += count
        link.backlog += data
        self._flush(link)

    def _flush(self, link: Link) -> None:
        try:
            sent = link.sock.send(link.backlog)
        except BlockingIOError:
            sent = 0
        del link.backlog[:sent]
        if len(link.backlog) > BACKLOG_BYTES_MAX:
            raise LoadError("the engine does not read what it is sent")

    def _wait(self, timeout_s: float) -> None:
        """Wait for sockets and take what came."""
        blocked = [link.sock for link in self._links if link.backlog]
        readable, writable, _ = select.select([link.sock for link in self._links], blocked, [], max(0.0, timeout_s))
        for sock in readable:
            self._receive(self._by_fd[sock.fileno()])
        for sock in writable:
            self._flush(self._by_fd[sock.fileno()])

    def _receive(self, link: Link) -> None:
        data = link.sock.recv(RECEIVE_BYTES)
        if not data:
            raise LoadError("the engine closed a link")
        now = time.monotonic_ns()
        if link.rest:
            data = link.rest + data
        used, answers = self._traffic.take(data)
        link.rest = data[used:]
        self._count(link, answers, now)
        if self._in_flight and answers:
            self._send(link, len(answers), None)

    def _count(self, link: Link, answers: list[tuple[int, bytes]], now: int) -> None:
        result, intended, sent_at = self.result, self._intended, self._sent_at
        codes = result.codes
        matched = 0
        response: list[int] = []
        service: list[int] = []
        for number, code in answers:
            due = intended[number]
            if not due:
                result.unmatched += 1
                continue
            matched += 1
            response.append(now - due)
            service.append(now - sent_at[number])
            intended[number] = 0
            codes[code] += 1
        result.response.extend(response)
        result.service.extend(service)
        result.answered += matched
        link.in_flight -= matched

    def _drain(self) -> None:
        until = time.monotonic_ns() + int(_GIVE_UP_S * 1e9)
        while any(link.in_flight > 0 for link in self._links) and time.monotonic_ns() < until:
            self._wait(0.05)


def open_link(host: str, port: int, profile: LinkProfile) -> Link:
    """Connect and sign on where the profile asks for it; LoadError where that is not accepted."""
    sock = socket.create_connection((host, port), timeout=_GIVE_UP_S)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if profile.rail is Rail.CARD and profile.sign_on_required:
            _sign_on(sock, profile)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return Link(sock)


def _sign_on(sock: socket.socket, profile: LinkProfile) -> None:
    codec = codec_for(profile.dialect)
    now = datetime.now(UTC)
    request = Message("0800", {7: now.strftime("%m%d%H%M%S"), 11: "000001", 70: "001"})
    sock.sendall(frame(profile.framing, codec.encode(request)))
    framer = Framer(profile.framing, profile.frame_bytes_max)
    frames: list[bytes] = []
    while not frames:
        data = sock.recv(RECEIVE_BYTES)
        if not data:
            raise LoadError("the engine closed the link at sign-on")
        frames = framer.receive(data)
    if codec.decode(frames[0]).elements.get(39) != "00":
        raise LoadError("the engine refused the sign-on")


def read_cards(path: pathlib.Path) -> list[Card]:
    """Read cards, one a line as PAN,YYMM; LoadError where there is none."""
    rows = [line.strip().split(",") for line in path.read_text("ascii").splitlines() if line.strip()]
    if not rows or any(len(row) != 2 or not (row[0] + row[1]).isdigit() for row in rows):
        raise LoadError("the file of cards holds lines of another form than PAN,YYMM")
    return [Card(pan, expiry) for pan, expiry in rows]


def _traffic(arguments: argparse.Namespace, profile: LinkProfile) -> CardTraffic | InstantTraffic:
    if profile.rail is Rail.CARD:
        cards = read_cards(pathlib.Path(arguments.cards)) if arguments.cards else []
        return CardTraffic(profile, cards, mti=arguments.mti, amount=arguments.amount, terminal="LOADTERM")
    from twinrail.simulators.clearing_house import account, pacs008  # noqa: PLC0415 - lxml only where XML is spoken

    def make(reference: str) -> bytes:
        now = datetime.now(UTC)
        return pacs008(
            creditor=arguments.creditor,
            debtor=account(1),
            amount=f"{to_decimal(arguments.amount, EURO):f}",
            message_id=reference,
            transaction_id=reference,
            end_to_end_id=reference,
            accepted_at=instant_time(now),
            settled_on=now.strftime("%Y-%m-%d"),
        )

    if not arguments.creditor:
        raise LoadError("instant payments need --creditor")
    return InstantTraffic(make, prefix=f"L{int(time.time()) % 10**8:08d}")


def main(argv: Sequence[str] | None = None) -> int:
    """Apply a load from the command line and print its summary as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m twinrail.simulators.load", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--profile", default="card-1987", choices=sorted(PROFILES))
    parser.add_argument("--links", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=0, help="closed loop: requests under way on each link")
    parser.add_argument("--rate", type=float, default=0, help="open loop: requests a second over all links")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=0.0, help="seconds before the figures begin")
    parser.add_argument("--cards", help="file of PAN,YYMM lines")
    parser.add_argument("--mti", default="0100", choices=("0100", "0200"))
    parser.add_argument("--amount", type=int, default=100, help="minor units")
    parser.add_argument("--creditor", default="", help="IBAN that instant payments credit")
    parser.add_argument("--json", action="store_true", help="kept for clarity: the summary is always JSON")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.links <= LINKS_MAX:
        parser.error(f"--links is 1 to {LINKS_MAX}")
    profile = PROFILES[arguments.profile]
    links: list[Link] = []
    try:
        traffic = _traffic(arguments, profile)
        links.extend(open_link(arguments.host, arguments.port, profile) for _ in range(arguments.links))
        run = Run(traffic, links, rate=arguments.rate, in_flight=arguments.in_flight)
        result = run.run(arguments.seconds, warmup_s=arguments.warmup)
    except (OSError, TwinrailError) as error:
        sys.stderr.write(f"load: {error}\n")
        return 1
    finally:
        for link in links:
            link.sock.close()
    summary = result.to_dict(approved=traffic.approved, is_open_loop=arguments.rate > 0)
    sys.stdout.write(json.dumps(summary | {"links": arguments.links}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
