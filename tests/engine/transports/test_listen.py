"""Who may connect: by address, by number, and with TLS by certificate, before any byte reaches the switch."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.transports.authority import NOW, Authority, Issued, accepting
from tests.engine.transports.line_rig import CODEC, PATIENT, connected, echo, listen, lives, running
from tests.scenarios.wire import PATIENCE_S, Peer, Wire, until

from twinrail.codecs.framing import Framer
from twinrail.engine.transports.listen import Listener, Rate
from twinrail.engine.transports.tcp import BY_PEER, NOTED_EVERY_S, Places
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import CARD_1987

LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
Run = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with running() as wire:
        yield wire


def untouched(wire: Wire) -> bool:
    """Say whether the switch has never had a connection."""
    return wire.pump._next_link == 1 and not wire.pump.switch.sessions


# By address and number


@pytest.mark.parametrize(
    ("allow", "address", "admitted"),
    [
        ([], "127.0.0.1", False),
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["10.0.0.0/8", "127.0.0.1/32"], "127.0.0.1", True),
        (["127.0.0.1/32"], "127.0.0.2", False),
        (["0.0.0.0/0"], "::1", False),
        (["::1/128"], "::1", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.7", True),
        (["::/0"], "::ffff:192.0.2.7", False),
        (["0.0.0.0/0", "::/0"], "not an address", False),
    ],
)
def test_an_address_has_to_be_on_the_list_and_an_empty_list_admits_nobody(
    allow: list[str],
    address: str,
    admitted: bool,  # noqa: FBT001 - a table's column
) -> None:
    networks = [ipaddress.ip_network(text) for text in allow]
    assert Listener("l", CARD_1987, "127.0.0.1", 0, networks, 1).admits(address) is admitted


async def test_who_is_not_admitted_is_cut_off_before_anything_is_read(wire: Wire) -> None:
    listener = await listen(wire, "closed", allow=())
    peer = await connected(wire, listener)
    peer.writer.write(echo())
    assert await peer.ended()
    assert (listener.refused, len(listener.connections)) == (1, 0)
    assert untouched(wire)


async def test_beyond_the_bound_of_connections_the_new_one_goes_and_the_old_ones_stay(wire: Wire) -> None:
    listener = await listen(wire, "narrow", connections_max=2)
    peers = [await connected(wire, listener) for _ in range(2)]
    for peer in peers:
        await lives(peer)
    extra = await connected(wire, listener)
    assert await extra.ended()
    assert listener.last_refusal == "no place free"
    await peers[0].close()
    await until(lambda: len(listener.connections) == 1)
    await lives(await connected(wire, listener))
    await lives(peers[1])


async def test_one_address_has_a_bound_of_its_own(wire: Wire) -> None:
    listener = await listen(wire, "main", per_address_max=1)

    async def from_address(address: str) -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, local_addr=(address, 0))
        wire.peers[str(len(wire.peers))] = peer = Peer(reader, writer, PATIENT)
        return peer

    first = await from_address("127.0.0.1")
    await lives(first)
    assert await (await from_address("127.0.0.1")).ended()
    assert listener.last_refusal == "too many connections from one address"
    await lives(await from_address("127.0.0.2"))
    await first.close()
    await until(lambda: len(listener.connections) == 1)
    await lives(await from_address("127.0.0.1"))


async def test_listeners_share_their_places_and_a_link_that_goes_gives_its_own_back(wire: Wire) -> None:
    places = Places(1)
    one, other = await listen(wire, "one", places=places), await listen(wire, "other", places=places)
    first = await connected(wire, one)
    await lives(first)
    assert await (await connected(wire, other)).ended()
    await first.close()
    await until(lambda: places.free == 1)
    await lives(await connected(wire, other))


async def test_a_flood_of_refusals_is_counted_and_does_not_fill_the_log(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    listener = await listen(wire, "closed", allow=())
    for _ in range(20):
        assert await (await connected(wire, listener)).ended()
    assert listener.refused == 20
    assert caplog.messages.count("connection refused") == 1
    listener._note_at -= NOTED_EVERY_S
    assert await (await connected(wire, listener)).ended()
    (last,) = (record for record in caplog.records[-1:] if record.message == "connection refused")
    assert last.__dict__["refused"] == 21


async def test_who_stops_listening_keeps_the_links_that_are_open(wire: Wire) -> None:
    listener = await listen(wire, "main")
    peer = await connected(wire, listener)
    await lives(peer)
    assert listener.status()["listening"]
    listener.stop_listening()
    assert not listener.status()["listening"]
    with pytest.raises(ConnectionError):
        await Peer.connect(listener.port, PATIENT)
    await lives(peer)


def test_a_port_is_taken_once_and_given_back_unused() -> None:
    first, second = (Listener("l", CARD_1987, "127.0.0.1", 0, (), 1) for _ in range(2))
    first.bind().listen()
    second.port = first.port
    with pytest.raises(SettingsError, match="link l: cannot listen on port"):
        second.bind()
    first.stop_listening()
    second.bind()
    second.stop_listening()


@given(st.floats(1, 100), st.lists(st.floats(0, 10), max_size=50))
def test_no_more_pass_than_the_rate_allows_and_after_a_rest_one_always_does(per_s: float, steps: list[float]) -> None:
    rate, now, passed = Rate(per_s), 0.0, 0
    for step in steps:
        now += step
        passed += rate.take(now)
    assert passed <= per_s + now * per_s + 1e-6
    assert rate.take(now + 1 / per_s + 1e-6)


# By certificate


class World:
    """A CA, our certificate, and a card network's."""

    def __init__(self, folder: Path) -> None:
        self.ca = Authority(folder)
        self.own = self.ca.issue("engine", "issuer.test")
        self.network = self.ca.issue("network", "network.test")
        (folder / "other").mkdir()
        self.other = Authority(folder / "other")
        self.security = accepting(self.ca, self.own, "network.test", "backup.test")

    def client(self, issued: Issued | None, **changes: Any) -> ssl.SSLContext:
        """Give the network's side, as the standard library does it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca.file)
        if issued is not None:
            context.load_cert_chain(issued.certificate, issued.key)
        for name, value in changes.items():
            setattr(context, name, value)
        return context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("listen"))


def converse(port: int, context: ssl.SSLContext | None, first: bytes = b"") -> bytes:
    """Connect, send `first` in clear, then an echo over TLS; gives what is heard, nothing where it is refused."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as raw:
            raw.sendall(first)
            if context is None:
                while raw.recv(65536):  # an alert perhaps
                    pass
                return b""
            with context.wrap_socket(raw, server_hostname="issuer.test") as secured:
                secured.sendall(echo(9))
                return secured.recv(65536)
    except (ssl.SSLError, ConnectionError):
        return b""


def heard_echo(data: bytes) -> bool:
    (payload,) = Framer(BINARY2, 4096).receive(data)
    return CODEC.decode(payload).mti == "0810"


@LOOPS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_a_network_with_its_certificate_is_served(world: World, run: Run, version: ssl.TLSVersion) -> None:
    async def test() -> None:
        async with running() as wire:
            listener = await listen(wire, "main", security=world.security)
            context = world.client(world.network, minimum_version=version, maximum_version=version)
            assert heard_echo(await asyncio.to_thread(converse, listener.port, context))
            await until(lambda: not listener.connections)
            assert listener.refused == 0

    run(test())


def hello_of_tls_1_1() -> bytes:
    """Give the first flight of a peer that knows nothing newer (RFC 4346, 7.4.1.2)."""
    body = b"\x03\x02" + bytes(32) + b"\0" + b"\0\2\0\x2f" + b"\1\0"
    message = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


REFUSED: dict[str, tuple[Callable[[World], ssl.SSLContext | None], bytes, str]] = {
    "version below 1.2": (lambda _: None, hello_of_tls_1_1(), "unsupported protocol"),
    "no certificate": (lambda world: world.client(None), b"", "peer did not return a certificate"),
    "expired": (
        lambda world: world.client(world.ca.issue("expired", "network.test", ends=NOW - timedelta(seconds=1))),
        b"",
        "certificate has expired",
    ),
    "not valid yet": (
        lambda world: world.client(world.ca.issue("early", "network.test", begins=NOW + timedelta(days=1))),
        b"",
        "certificate is not yet valid",
    ),
    "wrong CA": (
        lambda world: world.client(world.other.issue("wrong-ca", "network.test")),
        b"",
        "certificate verify failed",
    ),
    "wrong SAN": (
        lambda world: world.client(world.ca.issue("wrong-san", "other.test", common_name="network.test")),
        b"",
        "bears no name of this link",
    ),
    "wrong CN": (
        lambda world: world.client(world.ca.issue("wrong-cn", common_name="other.test")),
        b"",
        "bears no name of this link",
    ),
    "in clear": (lambda _: None, echo(), "tls: "),
    "in clear before the handshake": (lambda world: world.client(world.network), echo(), "tls: "),
}


@LOOPS
@pytest.mark.parametrize("case", REFUSED)
def test_who_cannot_show_who_he_is_gets_no_byte_to_the_switch(world: World, run: Run, case: str) -> None:
    make, first, why = REFUSED[case]

    async def test() -> None:
        async with running() as wire:
            listener = await listen(wire, "main", security=world.security)
            assert await asyncio.to_thread(converse, listener.port, make(world), first) == b""
            await until(lambda: not listener.connections)
            assert (listener.refused, why in listener.last_refusal) == (1, True), listener.last_refusal
            assert untouched(wire)
            assert heard_echo(await asyncio.to_thread(converse, listener.port, world.client(world.network)))

    run(test())


async def test_a_common_name_counts_where_there_is_no_other(wire: Wire, world: World) -> None:
    listener = await listen(wire, "main", security=world.security)
    context = world.client(world.ca.issue("cn", common_name="Network.test"))
    assert heard_echo(await asyncio.to_thread(converse, listener.port, context))


async def test_tls_1_2_can_be_switched_off(wire: Wire, world: World) -> None:
    security = accepting(world.ca, world.own, "network.test", version_min="1.3")
    listener = await listen(wire, "main", security=security)
    old = world.client(world.network, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert await asyncio.to_thread(converse, listener.port, old) == b""
    assert untouched(wire)
    assert heard_echo(await asyncio.to_thread(converse, listener.port, world.client(world.network)))


async def test_certificates_of_two_authorities_overlap(wire: Wire, world: World) -> None:
    security = accepting(world.ca, world.own, "network.test", ca=(world.ca.file, world.other.file))
    listener = await listen(wire, "main", security=security)
    for issued in (world.network, world.other.issue("next", "network.test")):
        assert heard_echo(await asyncio.to_thread(converse, listener.port, world.client(issued)))


async def test_the_address_is_looked_at_before_the_handshake(wire: Wire, world: World) -> None:
    listener = await listen(wire, "main", security=world.security, allow=())
    assert await asyncio.to_thread(converse, listener.port, world.client(world.network)) == b""
    assert listener.last_refusal == "address not on the allow-list"
    assert listener.handshakes._left == 20.0


async def test_a_handshake_that_is_not_finished_times_out_and_gives_its_place_back(wire: Wire, world: World) -> None:
    listener = await listen(wire, "main", security=replace(world.security, handshake_s=0.0), connections_max=1)
    peer = await connected(wire, listener)
    assert await peer.ended()
    await until(lambda: not listener.connections)
    assert listener.last_refusal == "tls: handshake not finished in time"
    assert untouched(wire)
    listener.security = world.security  # as after a reload
    assert heard_echo(await asyncio.to_thread(converse, listener.port, world.client(world.network)))


async def test_a_peer_that_goes_in_the_middle_of_a_handshake_is_forgotten(wire: Wire, world: World) -> None:
    listener = await listen(wire, "main", security=world.security)
    peer = await connected(wire, listener)
    peer.writer.write(b"\x16\x03\x01")
    await peer.close()
    await until(lambda: listener.refused == 1)
    assert (listener.last_refusal, len(listener.connections)) == (BY_PEER, 0)


async def test_handshakes_have_a_rate(wire: Wire, world: World) -> None:
    listener = await listen(wire, "main", security=world.security, handshakes=Rate(0.0))
    assert await asyncio.to_thread(converse, listener.port, world.client(world.network)) == b""
    assert listener.last_refusal == "too many handshakes"
    clear = await listen(wire, "clear", handshakes=Rate(0.0))
    await lives(await connected(wire, clear))
