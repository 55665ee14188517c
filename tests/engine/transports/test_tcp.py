"""Connections over real sockets: what a slow or broken peer costs itself, and nobody else."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace

import pytest
import uvloop
from tests.engine.transports.authority import Authority, accepting, dialling
from tests.engine.transports.line_rig import (
    CODEC,
    PAN,
    PATIENT,
    ask,
    connected,
    echo,
    listen,
    lives,
    running,
    said,
    sign_on,
)
from tests.scenarios.rig import Mode
from tests.scenarios.wire import LOOPBACK, PATIENCE_S, Peer, Wire, until

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message
from twinrail.engine.transports import tcp
from twinrail.engine.transports.tcp import KEEPALIVE, Link
from twinrail.engine.transports.tls import Channel, Security
from twinrail.schemas.iso8583.frames import BINARY2

Run = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with running() as wire:
        yield wire


async def test_a_link_has_its_options_set(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    await lives(await connected(wire, listener))
    (link,) = listener.connections
    assert link._transport is not None
    raw = link._transport.get_extra_info("socket")
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE[0]


# What comes in


async def test_many_frames_in_one_write_are_answered_in_order(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    peer = await connected(wire, listener)
    peer.writer.write(sign_on() + b"".join(ask(stan) for stan in range(1, 101)))
    assert await said(peer) == ("0810", 0, "00")
    assert [await said(peer) for _ in range(100)] == [("0110", stan, "00") for stan in range(1, 101)]


async def test_a_frame_byte_by_byte_is_one_frame(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    peer = await connected(wire, listener)
    for byte in echo(3):
        peer.writer.write(bytes([byte]))
        await peer.writer.drain()
        await asyncio.sleep(0)
    assert await said(peer) == ("0810", 3, "00")


async def test_an_oversize_length_ends_the_link_at_its_header_and_no_other(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    bad, good = await connected(wire, listener), await connected(wire, listener)
    await lives(good)
    bad.writer.write(echo(5) + struct.pack(">H", PATIENT.frame_bytes_max + 1))
    assert await said(bad) == ("0810", 5, "00")  # what came before it is answered first
    assert await bad.ended()
    await lives(good)
    assert wire.pump.switch.counters["framing_lost"] == 1


async def test_half_a_frame_times_out_and_no_other_link_with_it(wire: Wire) -> None:
    listener = await listen(wire, "main", replace(PATIENT, name="hasty", frame_timeout_s=0.0))
    other = await listen(wire, "other", PATIENT)
    bad, good = await connected(wire, listener), await connected(wire, other)
    await lives(good)
    bad.writer.write(echo()[:5])
    assert await bad.ended()
    await lives(good)


async def test_a_reset_link_is_forgotten(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    peer = await connected(wire, listener)
    await lives(peer)
    raw = peer.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()
    await until(lambda: not listener.connections)
    assert not wire.pump.switch.sessions
    await lives(await connected(wire, listener))


# What goes out


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Security, Security]:
    """Give what secures a listening link, and its network's side."""
    ca = Authority(tmp_path_factory.mktemp("tcp"))
    own, network = ca.issue("engine", "issuer.test"), ca.issue("network", "network.test")
    return accepting(ca, own, "network.test"), dialling(ca, network)


@pytest.mark.parametrize("is_secured", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_peer_that_does_not_read_is_stopped_and_then_aborted_and_no_other_link_notices(
    run: Run, secured: tuple[Security, Security], *, is_secured: bool
) -> None:
    async def test() -> None:
        async with running() as wire:
            await _does_not_read(wire, *(secured if is_secured else (None, None)))

    run(test())


async def _shaken(channel: Channel, peer: Peer) -> None:
    channel.start()
    while not channel.established:
        peer.writer.write(channel.pending())
        channel.receive(await peer.reader.read(65536))


async def _shake(channel: Channel, raw: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    channel.start()
    while not channel.established:
        await loop.sock_sendall(raw, channel.pending())
        channel.receive(await loop.sock_recv(raw, 65536))
    await loop.sock_sendall(raw, channel.pending())


async def _does_not_read(wire: Wire, ours: Security | None, theirs: Security | None) -> None:
    listener = await listen(wire, "main", security=ours)
    other = await listen(wire, "other")
    good = await connected(wire, other)
    await lives(good)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", listener.port))
    channel = None if theirs is None else Channel(theirs, server_name="issuer.test")
    if channel is not None:
        await _shake(channel, raw)
    flood = echo() * 64

    async def pour() -> None:
        while True:  # until nothing more is taken: then our side has stopped to read
            await loop.sock_sendall(raw, flood if channel is None else channel.encrypt(flood))

    pouring = asyncio.create_task(pour())
    try:
        await until(lambda: any(link._slow for link in listener.connections))
        for _ in range(20):
            await lives(good)
        (link,) = listener.connections
        assert link._transport is not None
        assert not link._transport.is_reading()
        assert link._transport.get_write_buffer_size() < 2 * PATIENT.outgoing_bytes_max  # and one turn's answers
        link.write(bytes(PATIENT.outgoing_bytes_max))  # answers under way still come, but not beyond the bound
        link.write(b"one more")
        await until(lambda: not listener.connections)
        assert link.why == "peer does not read"
        await lives(good)
    finally:
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        raw.close()


async def test_a_secured_link_that_is_shut_gets_what_was_queued_and_the_notice_of_the_end(
    wire: Wire, secured: tuple[Security, Security]
) -> None:
    listener = await listen(wire, "main", security=secured[0])
    peer = await connected(wire, listener)
    channel = Channel(secured[1], server_name="issuer.test")
    await _shaken(channel, peer)
    peer.writer.write(channel.pending() + channel.encrypt(sign_on()))
    assert channel.receive(await peer.reader.read(65536))
    (link,) = listener.connections
    link.write(b"last words")
    link.shut("test")
    link.write(b"too late")
    assert channel.receive(await peer.reader.read()) == b"last words"
    assert channel.ended


async def test_a_peer_that_takes_leave_and_does_not_hang_up_is_let_go(
    wire: Wire, secured: tuple[Security, Security]
) -> None:
    listener = await listen(wire, "main", security=secured[0])
    peer = await connected(wire, listener)
    channel = Channel(secured[1], server_name="issuer.test")
    await _shaken(channel, peer)
    peer.writer.write(channel.pending() + channel.farewell())
    channel.receive(await peer.reader.read())
    await until(lambda: not listener.connections)


async def test_a_secured_link_ends_at_a_record_that_was_changed_on_its_way(
    wire: Wire, secured: tuple[Security, Security]
) -> None:
    listener = await listen(wire, "main", security=secured[0])
    peer = await connected(wire, listener)
    channel = Channel(secured[1], server_name="issuer.test")
    await _shaken(channel, peer)
    record = channel.encrypt(echo())
    peer.writer.write(channel.pending() + record[:-1] + bytes([record[-1] ^ 1]))
    await until(lambda: listener.connections and all(link.why for link in listener.connections))
    (link,) = listener.connections
    assert link.why.startswith("tls: ")
    await until(lambda: not listener.connections)
    assert listener.refused == 0  # it had been taken: this is another kind of end
    assert wire.pump.switch.counters.get("echo", 0) == 0


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_shut_link_whose_peer_does_not_read_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CLOSE_S", 0.0)
    monkeypatch.setattr(tcp, "USER_TIMEOUT_MS", 600_000)  # the kernel would see to it as well, in time

    async def test() -> None:
        async with running() as wire:
            listener = await listen(wire, "main", replace(PATIENT, name="wide", outgoing_bytes_max=1 << 26))
            with socket.create_connection(("127.0.0.1", listener.port)) as peer:
                peer.sendall(echo())
                await until(lambda: any(link.is_open for link in listener.connections))
                (link,) = listener.connections
                link.write(bytes(1 << 25))  # more than the kernel takes for a peer that reads nothing
                link.shut("test")
                async with asyncio.timeout(PATIENCE_S):
                    await link.gone.wait()
            assert not listener.connections

    run(test())


async def test_a_link_that_met_itself_is_none(wire: Wire) -> None:
    """Dialling a port of this machine on which nobody listens may take that very port to dial from."""
    listener = await listen(wire, "main")
    listener.stop_listening()
    listener.allow = LOOPBACK
    loop = asyncio.get_running_loop()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    link = Link(listener, wire.pump)
    await loop.create_connection(lambda: link, "127.0.0.1", port, local_addr=("127.0.0.1", port))
    await link.gone.wait()
    assert (link.why, link.is_open, wire.pump._next_link) == ("connected to itself", False, 1)


async def test_a_peer_that_reads_again_is_read_again(wire: Wire) -> None:
    listener = await listen(wire, "main", replace(PATIENT, name="narrow", outgoing_bytes_max=64 * 1024))
    peer = await connected(wire, listener)
    await lives(peer)
    (link,) = listener.connections
    link.pause_writing()
    assert link._transport is not None
    assert not link._transport.is_reading()
    link.hold_reading(held=True)
    link.resume_writing()
    assert not link._transport.is_reading()  # the switch holds it still
    link.hold_reading(held=False)
    await lives(peer)


async def test_a_link_that_is_shut_gets_what_was_queued_first(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    peer = await connected(wire, listener)
    await lives(peer)
    (link,) = listener.connections
    link.write(frame(BINARY2, CODEC.encode(Message("0800", {7: "0101000000", 11: "000009", 70: "002"}))))
    link.shut("test")
    payload = await peer.hear()
    assert payload is not None
    assert CODEC.decode(payload).elements[70] == "002"
    assert await peer.ended()
    link.write(b"late")
    link.hold_reading(held=True)
    link.shut("again")  # all without effect on a link that is gone


async def test_reading_stops_on_every_link_while_too_much_is_unsettled(wire: Wire) -> None:
    listener = await listen(wire, "main", PATIENT)
    peer, other = await connected(wire, listener), await connected(wire, listener)
    peer.writer.write(sign_on())
    assert await said(peer) == ("0810", 0, "00")
    await lives(other)
    for stan in range(1, 3):
        peer.writer.write(ask(stan))
        assert await said(peer) == ("0110", stan, "00")
    wire.gate.set(Mode.HELD)
    reversals = []
    for stan in range(10, 700):
        elements = {2: PAN, 3: "000000", 4: f"{1:012d}", 7: "0101000000", 37: f"{1 + stan % 2:012d}", 49: "978"}
        message = Message("0420", {**elements, 11: f"{stan:06d}"})
        reversals.append(frame(BINARY2, CODEC.encode(message)))
    for reversal in reversals:
        peer.writer.write(reversal)
        await asyncio.sleep(0)
    await until(lambda: wire.pump.switch.full)
    await until(lambda: all(link._held for link in listener.connections))
    wire.gate.set(Mode.FINE)
    assert [await said(peer) for _ in reversals] == [("0430", stan, "00") for stan in range(10, 700)]
    await lives(other)
