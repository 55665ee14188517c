"""Dialled links: networks that come later, go, come back, have several addresses, or are not who they should be."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.transports.authority import NOW, Authority, Issued, accepting, dialling
from tests.engine.transports.line_rig import PATIENT, Network, listen, lives, running
from tests.scenarios.wire import PATIENCE_S, Wire, until

from twinrail.engine.transports.dial import BackOff, Dialler, Endpoint, Redial
from twinrail.engine.transports.tcp import BY_PEER
from twinrail.engine.transports.tls import Security

Run = Callable[[Coroutine[None, None, None]], None]
NEVER = Redial(lasted_s=float("inf"))  # no connection lasts for long enough to begin the pauses anew


class Pauses:
    """Pauses that end when the test says so; `asked` is how long they should have been."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._go = asyncio.Semaphore(0)
        self._more = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._more.set()
        await self._go.acquire()

    def end(self, count: int = 1) -> None:
        """End so many pauses, now or when they begin."""
        for _ in range(count):
            self._go.release()

    async def until(self, count: int) -> None:
        """Wait until so many pauses have begun."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.asked) < count:
                self._more.clear()
                await self._more.wait()


class Rig:
    """An engine that dials networks of this process."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.pauses = Pauses()
        self.dialler: Dialler
        self._networks: list[Network] = []
        self._dialling: asyncio.Task[None] | None = None

    def network(self, **changes: Any) -> Network:
        """Make a network that does not listen yet."""
        self._networks.append(Network(**changes))
        return self._networks[-1]

    def dial(self, *ports: int, host: str = "127.0.0.1", redial: Redial = NEVER, **changes: Any) -> Dialler:
        """Begin to dial."""
        self.dialler = Dialler(
            name="card",
            profile=PATIENT,
            endpoints=[Endpoint(host, port) for port in ports],
            redial=redial,
            draw=lambda: 0.0,
            pause=self.pauses,
            **changes,
        )
        self._dialling = asyncio.create_task(self.dialler.run(self.wire.pump))
        return self.dialler

    async def stop(self) -> None:
        """Dial no more."""
        if self._dialling is not None:
            self._dialling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._dialling

    async def close(self) -> None:
        """Leave nothing open."""
        await self.stop()
        for link in list(self.dialler.connections):
            link.shut("the end of the test")
        for network in self._networks:
            await network.close()
        await until(lambda: not self.dialler.connections)


@contextlib.asynccontextmanager
async def _rig() -> AsyncIterator[Rig]:
    async with running() as wire:
        rig = Rig(wire)
        try:
            yield rig
        finally:
            await rig.close()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with _rig() as rig:
        yield rig


@pytest.fixture
def dead_port() -> int:
    """Give a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Pauses


@given(
    first=st.floats(0.001, 10),
    longest=st.floats(0.001, 100),
    draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40),
)
def test_pauses_double_up_to_a_bound_and_jitter_takes_at_most_half(
    first: float, longest: float, draws: list[float]
) -> None:
    remaining = iter(draws)
    back_off = BackOff(Redial(first_s=first, max_s=longest), lambda: next(remaining))
    for turn, draw in enumerate(draws):
        whole = min(first * 2**turn, longest)
        assert back_off.pause_s() == pytest.approx(whole * (1 - draw / 2))
    back_off.reset()
    remaining = iter([0.0])
    assert back_off.pause_s() == min(first, longest)


# Coming and going


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_network_may_come_later_go_and_come_back(run: Run, dead_port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def test() -> None:
        async with _rig() as rig:
            dialler, pauses, network = rig.dial(dead_port), rig.pauses, rig.network()
            pauses.end(3)
            await pauses.until(4)
            assert pauses.asked == [0.1, 0.2, 0.4, 0.8]
            status = dialler.status()
            assert (status["state"], status["attempts"], status["open"]) == ("dialling", 4, 0)
            assert status["last_error"] == "ConnectionRefusedError"
            await network.listen(dead_port)
            pauses.end()
            peer = await network.next()
            await lives(peer)
            status = dialler.status()
            assert (status["state"], status["attempts"], status["open"]) == ("connected", 0, 1)
            await peer.close()
            await pauses.until(5)
            assert (dialler.state, dialler.last_error) == ("dialling", BY_PEER)
            pauses.end()
            await lives(await network.next())
            assert dialler.state == "connected"

    run(test())
    said = [record.message for record in caplog.records if record.name == "twinrail.dial"]
    assert said == ["dialling", "link not connected, trying on", "link connected", "link lost", "link connected"]


@pytest.mark.parametrize(("lasted_s", "pauses"), [(float("inf"), [0.1, 0.2, 0.4]), (0.0, [0.1, 0.1, 0.1])])
async def test_only_a_connection_that_lasted_begins_the_pauses_anew(
    rig: Rig, lasted_s: float, pauses: list[float]
) -> None:
    network = rig.network()
    await network.listen()
    rig.dial(network.port, redial=Redial(lasted_s=lasted_s))
    for turn in range(3):
        peer = await network.next()
        await lives(peer)
        await peer.close()
        await rig.pauses.until(turn + 1)
        rig.pauses.end()
    assert rig.pauses.asked[:3] == pauses


async def test_several_connections_are_kept_up_each_for_itself(rig: Rig) -> None:
    network = rig.network()
    await network.listen()
    dialler = rig.dial(network.port, wanted=3)
    peers = [await network.next() for _ in range(3)]
    for peer in peers:
        await lives(peer)
    assert (dialler.state, dialler.status()["open"]) == ("connected", 3)
    await peers[1].close()
    await rig.pauses.until(1)
    assert (dialler.state, dialler.status()["open"]) == ("dialling", 2)
    await lives(peers[0])
    await lives(peers[2])
    rig.pauses.end()
    await lives(await network.next())
    await until(lambda: dialler.state == "connected")


async def test_addresses_are_tried_in_order(rig: Rig, dead_port: int) -> None:
    second, third = rig.network(), rig.network()
    await second.listen()
    await third.listen()
    rig.pauses.end(2)
    rig.dial(dead_port, second.port, third.port)
    await (await second.next()).close()  # did not last: on to the third
    await lives(await third.next())
    assert third.accepted.empty()
    assert second.accepted.empty()


async def test_after_a_connection_that_lasted_the_first_address_is_tried_again(
    rig: Rig, dead_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    second = rig.network()
    await second.listen()
    rig.pauses.end(3)
    rig.dial(dead_port, second.port, redial=Redial(lasted_s=0.0))
    peer = await second.next()
    await lives(peer)
    await peer.close()
    await lives(await second.next())
    failures = [record for record in caplog.records if record.message == "link not connected, trying on"]
    assert [record.__dict__["to"] for record in failures] == [f"127.0.0.1:{dead_port}"] * 2


async def test_who_stops_dialling_keeps_the_connections_that_are_open(rig: Rig) -> None:
    network = rig.network()
    await network.listen()
    dialler = rig.dial(network.port)
    peer = await network.next()
    await lives(peer)
    await rig.stop()
    await lives(peer)
    (link,) = dialler.connections
    link.shut("drained")
    assert await peer.ended()
    await until(lambda: not dialler.connections)
    assert network.accepted.empty()


@pytest.mark.parametrize(
    ("host", "errors"),
    [
        ("nobody.invalid", {"gaierror"}),
        ("nobody..invalid", {"UnicodeError", "UnicodeEncodeError"}),
    ],  # the latter in 3.13
)
async def test_a_name_that_nobody_has_is_no_end_of_dialling(rig: Rig, host: str, errors: set[str]) -> None:
    dialler = rig.dial(1, host=host)
    await rig.pauses.until(1)
    assert dialler.last_error in errors
    rig.pauses.end()
    await rig.pauses.until(2)


async def test_a_flood_of_failures_is_one_line(rig: Rig, dead_port: int, caplog: pytest.LogCaptureFixture) -> None:
    rig.pauses.end(50)
    rig.dial(dead_port)
    await rig.pauses.until(51)
    assert caplog.messages.count("link not connected, trying on") == 1
    assert max(rig.pauses.asked) == NEVER.max_s


@pytest.mark.parametrize("port", [1, 8583])
def test_an_address_is_written_as_it_is_in_the_settings(port: int) -> None:
    assert str(Endpoint("switch.example", port)) == f"switch.example:{port}"
    assert str(Endpoint("::1", port)) == f"[::1]:{port}"


# Who is dialled


class World:
    """A CA, our certificate, and what networks show."""

    def __init__(self, folder: Path) -> None:
        self.ca = Authority(folder)
        self.own = self.ca.issue("engine", "issuer.test")
        self.network = self.ca.issue("network", "127.0.0.1", "switch.test")
        (folder / "other").mkdir()
        self.other = Authority(folder / "other")
        self.security = dialling(self.ca, self.own)

    def server(self, issued: Issued, **changes: Any) -> ssl.SSLContext:
        """Give the network's side, as the standard library does it: it asks for our certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        context.load_verify_locations(self.ca.file)
        context.verify_mode = ssl.CERT_REQUIRED
        for name, value in changes.items():
            setattr(context, name, value)
        return context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("dial"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_network_that_shows_its_name_is_served_and_sees_ours(run: Run, world: World, version: ssl.TLSVersion) -> None:
    async def test() -> None:
        async with _rig() as rig:
            network = rig.network(ssl=world.server(world.network, maximum_version=version))
            await network.listen()
            dialler = rig.dial(network.port, security=world.security)
            peer = await network.next()
            await lives(peer)
            assert dialler.state == "connected"
            ((_, seen), *_) = peer.writer.get_extra_info("peercert")["subjectAltName"]
            assert seen == "issuer.test"

    run(test())


async def test_a_network_may_be_called_something_else_than_what_is_dialled(rig: Rig, world: World) -> None:
    network = rig.network(ssl=world.server(world.ca.issue("named", "switch.test")))
    await network.listen()
    rig.dial(network.port, security=dialling(world.ca, world.own, names=("switch.test",)))
    await lives(await network.next())


BAD: dict[str, tuple[Callable[[World], Issued], str]] = {
    "expired": (
        lambda world: world.ca.issue("expired", "127.0.0.1", ends=NOW - timedelta(seconds=1)),
        "tls: certificate verify failed (certificate has expired)",
    ),
    "wrong CA": (lambda world: world.other.issue("wrong-ca", "127.0.0.1"), "tls: certificate verify failed"),
    "wrong name": (lambda world: world.ca.issue("wrong-name", "127.0.0.2"), "tls: certificate verify failed"),
    "common name only": (
        lambda world: world.ca.issue("cn", common_name="127.0.0.1"),
        "tls: certificate verify failed",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_network_that_is_somebody_else_gets_no_link(rig: Rig, world: World, case: str) -> None:
    make, why = BAD[case]
    network = rig.network(ssl=world.server(make(world)))
    await network.listen()
    dialler = rig.dial(network.port, security=world.security)
    await rig.pauses.until(1)
    assert dialler.last_error.startswith(why)
    assert rig.wire.pump._next_link == 1
    await until(lambda: not dialler.connections)


def _refused_by(security: Security, hello: bytes) -> Callable[[Rig, World], Coroutine[None, None, None]]:
    async def test(rig: Rig, _world: World) -> None:
        network = rig.network()
        await network.listen()
        dialler = rig.dial(network.port, security=security)
        peer = await network.next()
        await peer.reader.read(1)
        peer.writer.write(hello)
        await rig.pauses.until(1)
        assert dialler.last_error.startswith("tls: ")
        assert rig.wire.pump._next_link == 1

    return test


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" + bytes(32) + b"\0\0\x2f\0",  # ServerHello of TLS 1.1
        b"\x00\x2e0800" + bytes(42),  # a network that speaks in clear
    ],
    ids=["tls 1.1", "in clear"],
)
async def test_a_network_without_tls_or_with_an_old_one_gets_no_link(rig: Rig, world: World, answer: bytes) -> None:
    await _refused_by(world.security, answer)(rig, world)


async def test_who_stops_dialling_in_the_middle_of_a_handshake_hangs_up(rig: Rig, world: World) -> None:
    network = rig.network()
    await network.listen()
    dialler = rig.dial(network.port, security=world.security)
    await network.next()
    (link,) = dialler.connections
    await rig.stop()
    await until(lambda: not dialler.connections)
    assert link.why == "dialling no more"


async def test_a_network_that_refuses_our_certificate_is_dialled_on(rig: Rig, world: World) -> None:
    """In TLS 1.3 we hear of it only after our side is done, so the back-off must not begin anew."""
    stranger = world.other.issue("stranger", "issuer.test")
    network = await listen(rig.wire, "network", security=accepting(world.ca, world.network, "issuer.test"))
    dialler = rig.dial(network.port, security=dialling(world.ca, stranger))
    rig.pauses.end(2)
    await rig.pauses.until(3)
    assert rig.pauses.asked == [0.1, 0.2, 0.4]
    assert dialler.last_error.startswith("tls: ")
    assert dialler.state == "dialling"
