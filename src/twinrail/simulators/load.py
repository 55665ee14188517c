"""A load generator that costs a few microseconds a message, so that a benchmark measures the engine and not its client.

Frames are cut from templates that the codec made once, and answers are found by DE11 at an offset that one decoded
sample of each layout tells. Whatever came in one read is counted and, in a closed loop, followed by as many requests
in one go, with hardly a step of Python a message. Plain non-blocking sockets and `select`, whose time-out counts
microseconds: event loops wake on whole milliseconds, too coarse to pace by.

Closed loop keeps N requests in flight on each link and says nothing about latency at a rate. Open loop sends at a fixed
rate whatever comes back and counts latency from the intended send, so a stall costs every request that it delayed.
What falls due within TICK_S goes out together, on one link, and the next tick's on the next: a network concentrates
its traffic no less, and neither side pays a system call a message. Waiting for its tick is part of a request's latency
(half a tick on average, which `slip` shows), so the figure is never better for it.
"""

import argparse
import gc
import json
import math
import pathlib
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat

from twinrail.errors import TwinrailError
from twinrail.money import to_decimal
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction, Rail, SignOn
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel
from twinrail.simulators.cuts import LoadError
from twinrail.simulators.histogram import Histogram
from twinrail.simulators.profiles import profile_of
from twinrail.simulators.traffic import Answers, Card, CardTraffic, InstantTraffic, instant_time

BACKLOG_BYTES_MAX = 64 << 20  # of one link, that the engine does not read
RECEIVE_BYTES = 1 << 18
LINKS_MAX = 500  # below what select can watch
EURO = "978"
TICK_S = 0.001  # open loop sends at most this often; what falls due in between goes out together
_TICK_NS = int(TICK_S * 1e9)
_PORTION_TICKS = 2  # ticks' worth that goes out on one link at once; what a stall delayed spreads over the links
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

    def to_dict(self, *, approved: Collection[bytes], is_open_loop: bool) -> dict[str, object]:
        """Give the summary that is printed as JSON; latencies in microseconds.

        The percentiles at the top are response times of an open loop, from the intended send, and service times of a
        closed one, which intends to send when it can.
        """
        declined = {code.decode("latin-1"): count for code, count in sorted(self.codes.items()) if code not in approved}
        times = (self.response if is_open_loop else self.service).to_dict()
        del times["count"]
        loop = {"response": self.response.to_dict(), "slip": self.slip.to_dict()} if is_open_loop else {}
        return {
            "mode": "open" if is_open_loop else "closed",
            "sent": self.sent,
            "answered": self.answered,
            "approved": sum(self.codes[code] for code in approved),
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
    """One load: links, requests under way, and the figures. Exactly one of `rate` and `in_flight` is above 0.

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
        self._fds = list(self._by_fd)
        self._rate = rate
        self._portion = math.ceil(rate * TICK_S * _PORTION_TICKS)
        self._in_flight = in_flight
        self._next = 0  # request
        self._turn = 0  # of the links, in an open loop
        self._intended: dict[bytes, int] = {}  # of requests under way by key; ns; empty in a closed loop
        self._sent_at: dict[bytes, int] = {}
        self.result = Result()

    def run(self, seconds: float, *, warmup_s: float = 0.0) -> Result:
        """Apply the load for so many seconds after the warm-up, then wait for what is under way."""
        started = time.monotonic_ns()
        measured_from = started + int(warmup_s * 1e9)
        ends = measured_from + int(seconds * 1e9)
        is_warm = warmup_s == 0
        for link in self._links if self._in_flight else ():
            self._send(link, self._in_flight)
        due = started
        while (now := time.monotonic_ns()) < ends:
            if not is_warm and now >= measured_from:
                self.result, is_warm = Result(), True
            if not self._rate:
                self._wait(min(0.1, (ends - now) / 1e9))
                continue
            if now >= due:
                due = max(self._send_due(started, now), now + _TICK_NS)
            self._wait((min(due, ends) - time.monotonic_ns()) / 1e9)
        if self._rate:
            self._send_due(started, ends)  # a stall at the end counts as well
        result = self.result
        result.seconds = (time.monotonic_ns() - measured_from) / 1e9
        result.in_window = result.answered
        self._in_flight = 0
        self._drain()
        result.unanswered = sum(link.in_flight for link in self._links)
        return result

    def _send_due(self, started: int, now: int) -> int:
        """Send what has fallen due by now and give the time at which the next request does."""
        end = int((now - started) * self._rate / 1e9) + 1
        while self._next < end:
            link = self._links[self._turn]
            self._turn = (self._turn + 1) % len(self._links)
            count = min(self._portion, end - self._next)
            gap = 1e9 / self._rate
            self._send(link, count, [started + int(number * gap) for number in range(self._next, self._next + count)])
        return started + int(self._next * 1e9 / self._rate)

    def _send(self, link: Link, count: int, intended: Sequence[int] = ()) -> None:
        """Send so many requests on a link; `intended` says when each should have been, in an open loop."""
        data, keys = self._traffic.build(self._next, count)
        now = time.monotonic_ns()
        self._sent_at.update(zip(keys, repeat(now)))
        if intended:
            self._intended.update(zip(keys, intended, strict=True))
            self.result.slip.extend([now - due for due in intended])
        self._next += count
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
        blocked = [link.sock.fileno() for link in self._links if link.backlog]
        readable, writable, _ = select.select(self._fds, blocked, [], max(0.0, timeout_s))
        for fd in readable:
            self._receive(self._by_fd[fd])
        for fd in writable:
            self._flush(self._by_fd[fd])

    def _receive(self, link: Link) -> None:
        data = link.sock.recv(RECEIVE_BYTES)
        if not data:
            raise LoadError("the engine closed a link")
        now = time.monotonic_ns()
        if link.rest:
            data = link.rest + data
        answers = self._traffic.take(data)
        link.rest = data[answers.used :]
        matched = self._count(link, answers, now) if answers.keys else 0
        if matched and self._in_flight:
            self._send(link, matched)

    def _count(self, link: Link, answers: Answers, now: int) -> int:
        """Count answers and give how many of them answer a request under way."""
        result = self.result
        keys, codes = answers.keys, answers.codes
        sent_at = list(map(self._sent_at.pop, keys, repeat(0)))  # 0 where nothing waits
        if not all(sent_at):
            matched = [index for index, sent in enumerate(sent_at) if sent]
            result.unmatched += len(keys) - len(matched)
            keys, codes = [keys[index] for index in matched], [codes[index] for index in matched]
            sent_at = [sent_at[index] for index in matched]
        name_of = self._traffic.name_of
        for code in set(codes):
            result.codes[name_of(code)] += codes.count(code)
        for sent, times in Counter(sent_at).items():  # few: requests are sent many at a time
            result.service.record(now - sent, times)
        if self._intended:
            result.response.extend([now - due for due in map(self._intended.pop, keys)])
        result.answered += len(keys)
        link.in_flight -= len(keys)
        return len(keys)

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
    """Sign on, or let the engine do so where that is its part."""
    channel = Channel(profile)
    is_ours = profile.sign_on is SignOn.PEER
    code = profile.code_of(NetworkFunction.SIGN_ON)
    if is_ours:
        request = transactions.network_message(profile, code, stan=1, at=datetime.now(UTC))
        sock.sendall(channel.write(request))
    while True:
        data = sock.recv(RECEIVE_BYTES)
        if not data:
            raise LoadError("the engine closed the link at sign-on")
        for heard in channel.receive(data):
            message = heard.message
            if message is None or heard.reject is not None:
                raise LoadError("the engine cannot be understood at sign-on")
            answer = transactions.answer(profile, message)
            if answer is not None:
                sock.sendall(channel.write(answer, heard))
                if not is_ours and transactions.function_of(profile, message) is NetworkFunction.SIGN_ON:
                    return
            elif is_ours:
                if not transactions.accepts(profile, message):
                    raise LoadError("the engine refused the sign-on")
                return


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
    parser.add_argument("--profile", default="card-1987", help="name of a link profile, or a file of one")
    parser.add_argument("--links", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=0, help="closed loop: requests under way on each link")
    parser.add_argument("--rate", type=float, default=0, help="open loop: requests a second over all links")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=0.0, help="seconds before the figures begin")
    parser.add_argument("--cards", help="file of PAN,YYMM lines")
    parser.add_argument("--mti", default="0100", choices=("0100", "0200"), help="in the version of the profile")
    parser.add_argument("--amount", type=int, default=100, help="minor units")
    parser.add_argument("--creditor", default="", help="IBAN that instant payments credit")
    parser.add_argument("--json", action="store_true", help="kept for clarity: the summary is always JSON")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.links <= LINKS_MAX:
        parser.error(f"--links is 1 to {LINKS_MAX}")
    links: list[Link] = []
    try:
        profile = profile_of(arguments.profile)
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
    gc.disable()  # nothing here makes a cycle; passes over ten thousand templates took a tenth of an open loop's time
    sys.exit(main())
