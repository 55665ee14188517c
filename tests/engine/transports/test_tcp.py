"""Links over real sockets: who may connect, what a slow or broken peer costs itself, and nobody else."""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace

import pytest
import uvloop
from tests.scenarios.rig import TOKENS, Mode
from tests.scenarios.wire import Peer, Wire, until

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.store.memory import MemoryStore
from twinrail.engine.switch import Bounds
from twinrail.engine.transports.tcp import KEEPALIVE, Listener, Places
from twinrail.schemas.instructions import OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.profiles import CARD_1987, Framing

PAN = "4111111111111111"
CODEC = codec_for("iso1987-ascii")
Run = Callable[[Coroutine[None, None, None]], None]
PATIENT = replace(CARD_1987, name="patient", deadline_s=60.0)


@contextlib.asynccontextmanager
async def _running() -> AsyncIterator[Wire]:
    wire = Wire(MemoryStore(), bounds=Bounds(unsettled=500, unsettled_hard=600))
    await wire.start()
    await wire.order(OpenAccount(command="1", account="A", currency="978"))
    await wire.order(Transfer(command="2", debit="suspense-EUR", credit="A", amount=10**9, currency="978"))
    await wire.order(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="9912", last4=PAN[-4:]))
    try:
        yield wire
    finally:
        await wire.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with _running() as wire:
        yield wire


def _echo(stan: int = 1) -> bytes:
    elements: dict[int, str | bytes] = {7: "0101000000", 11: f"{stan:06d}", 70: "301"}
    return frame(Framing.BINARY2, CODEC.encode(Message("0800", elements)))


def _sign_on() -> bytes:
    elements: dict[int, str | bytes] = {7: "0101000000", 11: "000000", 70: "001"}
    return frame(Framing.BINARY2, CODEC.encode(Message("0800", elements)))


def _ask(stan: int) -> bytes:
    elements: dict[int, str | bytes] = {
        2: PAN,
        3: "000000",
        4: f"{1:012d}",
        7: "0101000000",
        11: f"{stan:06d}",
        37: f"{stan:012d}",
        49: "978",
    }
    return frame(Framing.BINARY2, CODEC.encode(Message("0100", elements)))


async def _connected(wire: Wire, listener: Listener) -> Peer:
    peer = await Peer.connect(listener.port, listener.profile)
    wire.peers[str(len(wire.peers))] = peer
    return peer


async def _said(peer: Peer) -> tuple[str, int, str]:
    payload = await peer.hear()
    assert payload is not None
    message = CODEC.decode(payload)
    return message.mti, int(message.elements[11]), str(message.elements[39])


async def _lives(peer: Peer) -> None:
    peer.writer.write(_echo(7))
    assert await _said(peer) == ("0810", 7, "00")


# Who may connect


@pytest.mark.parametrize(
    ("allow", "address", "admitted"),
    [
        ([], "127.0.0.1", False),
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["10.0.0.0/8", "127.0.0.1/32"], "127.0.0.1", True),
        (["127.0.0.1/32"], "127.0.0.2", False),
        (["0.0.0.0/0"], "::1", False),
        (["::1/128"], "::1", True),
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
    listener = await wire.listen("closed", PATIENT, allow=())
    peer = await _connected(wire, listener)
    peer.writer.write(_echo())
    assert await peer.ended()
    assert (listener.refused, len(listener.connections), len(wire.pump.switch.sessions)) == (1, 0, 0)


async def test_beyond_the_bound_of_connections_the_new_one_goes_and_the_old_ones_stay(wire: Wire) -> None:
    listener = await wire.listen("narrow", PATIENT, connections_max=2)
    peers = [await _connected(wire, listener) for _ in range(2)]
    for peer in peers:
        await _lives(peer)
    extra = await _connected(wire, listener)
    assert await extra.ended()
    await peers[0].close()
    await until(lambda: len(listener.connections) == 1)
    await _lives(await _connected(wire, listener))
    await _lives(peers[1])


async def test_a_link_has_its_options_set(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    await _lives(await _connected(wire, listener))
    (link,) = listener.connections
    assert link._transport is not None
    raw = link._transport.get_extra_info("socket")
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE[0]


async def test_who_stops_listening_keeps_the_links_that_are_open(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    peer = await _connected(wire, listener)
    await _lives(peer)
    listener.stop_listening()
    with pytest.raises(ConnectionError):
        await Peer.connect(listener.port, PATIENT)
    await _lives(peer)


# What comes in


async def test_many_frames_in_one_write_are_answered_in_order(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    peer = await _connected(wire, listener)
    peer.writer.write(_sign_on() + b"".join(_ask(stan) for stan in range(1, 101)))
    assert await _said(peer) == ("0810", 0, "00")
    assert [await _said(peer) for _ in range(100)] == [("0110", stan, "00") for stan in range(1, 101)]


async def test_a_frame_byte_by_byte_is_one_frame(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    peer = await _connected(wire, listener)
    for byte in _echo(3):
        peer.writer.write(bytes([byte]))
        await peer.writer.drain()
        await asyncio.sleep(0)
    assert await _said(peer) == ("0810", 3, "00")


async def test_an_oversize_length_ends_the_link_at_its_header_and_no_other(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    bad, good = await _connected(wire, listener), await _connected(wire, listener)
    await _lives(good)
    bad.writer.write(_echo(5) + struct.pack(">H", PATIENT.frame_bytes_max + 1))
    assert await _said(bad) == ("0810", 5, "00")  # what came before it is answered first
    assert await bad.ended()
    await _lives(good)
    assert wire.pump.switch.counters["framing_lost"] == 1


async def test_half_a_frame_times_out_and_no_other_link_with_it(wire: Wire) -> None:
    listener = await wire.listen("main", replace(PATIENT, name="hasty", frame_timeout_s=0.0))
    other = await wire.listen("other", PATIENT)
    bad, good = await _connected(wire, listener), await _connected(wire, other)
    await _lives(good)
    bad.writer.write(_echo()[:5])
    assert await bad.ended()
    await _lives(good)


async def test_a_reset_link_is_forgotten(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    peer = await _connected(wire, listener)
    await _lives(peer)
    raw = peer.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()
    await until(lambda: not listener.connections)
    assert not wire.pump.switch.sessions
    await _lives(await _connected(wire, listener))


# What goes out


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_peer_that_does_not_read_is_stopped_and_then_aborted_and_no_other_link_notices(run: Run) -> None:
    async def test() -> None:
        async with _running() as wire:
            await _does_not_read(wire)

    run(test())


async def _does_not_read(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    other = await wire.listen("other", PATIENT)
    good = await _connected(wire, other)
    await _lives(good)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", listener.port))
    flood = _echo() * 64

    async def pour() -> None:
        while True:  # until nothing more is taken: then our side has stopped to read
            await loop.sock_sendall(raw, flood)

    pouring = asyncio.create_task(pour())
    try:
        await until(lambda: any(link._slow for link in listener.connections))
        for _ in range(20):
            await _lives(good)
        (link,) = listener.connections
        assert link._transport is not None
        assert not link._transport.is_reading()
        link.write(bytes(PATIENT.outgoing_bytes_max))  # answers under way still come, but not beyond the bound
        link.write(b"one more")
        await until(lambda: not listener.connections)
        await _lives(good)
    finally:
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        raw.close()


async def test_a_peer_that_reads_again_is_read_again(wire: Wire) -> None:
    listener = await wire.listen("main", replace(PATIENT, name="narrow", outgoing_bytes_max=64 * 1024))
    peer = await _connected(wire, listener)
    await _lives(peer)
    (link,) = listener.connections
    link.pause_writing()
    assert link._transport is not None
    assert not link._transport.is_reading()
    link.hold_reading(held=True)
    link.resume_writing()
    assert not link._transport.is_reading()  # the switch holds it still
    link.hold_reading(held=False)
    await _lives(peer)


async def test_a_link_that_is_shut_gets_what_was_queued_first(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    peer = await _connected(wire, listener)
    await _lives(peer)
    (link,) = listener.connections
    link.write(frame(Framing.BINARY2, CODEC.encode(Message("0800", {7: "0101000000", 11: "000009", 70: "002"}))))
    link.shut("test")
    payload = await peer.hear()
    assert payload is not None
    assert CODEC.decode(payload).elements[70] == "002"
    assert await peer.ended()
    link.write(b"late")
    link.hold_reading(held=True)
    link.shut("again")  # all without effect on a link that is gone


async def test_reading_stops_on_every_link_while_too_much_is_unsettled(wire: Wire) -> None:
    listener = await wire.listen("main", PATIENT)
    peer, other = await _connected(wire, listener), await _connected(wire, listener)
    peer.writer.write(_sign_on())
    assert await _said(peer) == ("0810", 0, "00")
    await _lives(other)
    for stan in range(1, 3):
        peer.writer.write(_ask(stan))
        assert await _said(peer) == ("0110", stan, "00")
    wire.gate.set(Mode.HELD)
    reversals = []
    for stan in range(10, 700):
        elements = {2: PAN, 3: "000000", 4: f"{1:012d}", 7: "0101000000", 37: f"{1 + stan % 2:012d}", 49: "978"}
        message = Message("0420", {**elements, 11: f"{stan:06d}"})
        reversals.append(frame(Framing.BINARY2, CODEC.encode(message)))
    for reversal in reversals:
        peer.writer.write(reversal)
        await asyncio.sleep(0)
    await until(lambda: wire.pump.switch.full)
    await until(lambda: all(link._held for link in listener.connections))
    wire.gate.set(Mode.FINE)
    assert [await _said(peer) for _ in reversals] == [("0430", stan, "00") for stan in range(10, 700)]
    await _lives(other)


async def test_listeners_share_their_places_and_a_link_that_goes_gives_its_own_back(wire: Wire) -> None:
    one, other = await wire.listen("one", PATIENT), await wire.listen("other", PATIENT)
    one.places = other.places = Places(1)
    first = await _connected(wire, one)
    await _lives(first)
    assert await (await _connected(wire, other)).ended()
    await first.close()
    await until(lambda: one.places.free == 1)
    await _lives(await _connected(wire, other))
