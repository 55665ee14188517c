"""The load generator over real sockets: everything sent is counted, answered or said to be missing."""

import asyncio
import json
import pathlib
import socket
import time
from collections.abc import Sequence

import pytest

from twinrail.codecs.framing import Framer
from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.profiles import CARD_1987, PROFILES, LinkProfile, Rail
from twinrail.simulators import load
from twinrail.simulators.cuts import LoadError
from twinrail.simulators.load import Link, Run, main, open_link
from twinrail.simulators.responder import Decide, approve, approving, responding
from twinrail.simulators.traffic import Card, CardTraffic

CARDS = (Card("4111111111111111", "4912"), Card("5555555555554444", "4912"))


def some_declines(request: Message) -> Sequence[Message | bytes]:
    reply = approve(request)[0]
    assert isinstance(reply, Message)
    is_declined = request.mti == "0100" and str(request.elements[11]).endswith("7")
    return [Message(reply.mti, {**reply.elements, 39: "51" if is_declined else "00"})]


async def applied(
    decide: Decide,
    profile: LinkProfile = CARD_1987,
    *,
    links: int = 2,
    rate: float = 0,
    in_flight: int = 0,
    seconds: float = 0.2,
) -> load.Result:
    def work(port: int) -> load.Result:
        traffic = CardTraffic(profile, CARDS, terminal="LOADTERM")
        opened = [open_link("127.0.0.1", port, profile) for _ in range(links)]
        try:
            return Run(traffic, opened, rate=rate, in_flight=in_flight).run(seconds, warmup_s=seconds / 4)
        finally:
            for link in opened:
                link.sock.close()

    async with responding(decide, profile) as issuer:
        return await asyncio.to_thread(work, issuer.port)


CARD_LINKS = [profile for profile in PROFILES.values() if profile.rail is Rail.CARD]


@pytest.mark.parametrize("profile", CARD_LINKS, ids=lambda profile: profile.name)
async def test_every_card_profile_can_be_loaded(profile: LinkProfile) -> None:
    result = await applied(approving(profile), profile, links=1, in_flight=5, seconds=0.05)
    assert result.answered > 5
    assert result.unanswered == result.unmatched == 0
    figures = result.to_dict(approved={min(profile.granted).encode()}, is_open_loop=False)
    assert figures["approved"] == result.answered


async def test_closed_loop_keeps_its_number_in_flight_and_counts_codes() -> None:
    result = await applied(some_declines, in_flight=10)
    assert result.answered >= result.in_window > 100
    assert result.unanswered == result.unmatched == 0
    assert set(result.codes) == {b"00", b"51"}
    assert sum(result.codes.values()) == result.answered == result.service.total
    figures = result.to_dict(approved={b"00"}, is_open_loop=False)
    assert "response" not in figures
    assert figures["approved"] == result.codes[b"00"]


async def test_open_loop_sends_at_its_rate_whatever_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(request: Message) -> Sequence[Message | bytes]:
        return approve(request) if request.mti == "0800" or request.elements[11] != "000050" else ()

    monkeypatch.setattr(load, "_GIVE_UP_S", 0.2)
    result = await applied(silent, rate=400)
    assert 75 <= result.sent <= 81
    assert result.unanswered == 1
    assert result.response.total == result.answered
    assert result.response.percentile(50) >= result.service.percentile(50)  # from the intended send, never less


def test_what_falls_due_together_goes_out_on_one_link_and_what_is_overdue_on_all() -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    for near, _ in pairs:
        near.setblocking(False)
    run = Run(CardTraffic(CARD_1987, CARDS, terminal="LOADTERM"), [Link(near) for near, _ in pairs], rate=10_000)
    framers = [Framer(CARD_1987.frame, CARD_1987.frame_bytes_max) for _ in pairs]

    def sent(ms: int) -> list[int]:
        before = run.result.sent
        next_due = run._send_due(0, ms * 1_000_000)  # the schedule without a clock
        assert next_due == (ms * 10 + 1) * 100_000
        heard = []
        for (_, far), framer in zip(pairs, framers, strict=True):
            far.setblocking(False)
            try:
                heard.append(len(framer.receive(far.recv(1 << 20))))
            except BlockingIOError:
                heard.append(0)
        assert sum(heard) == run.result.sent - before
        return heard

    try:
        assert sent(0) == [1, 0, 0, 0]
        assert sent(1) == [0, 10, 0, 0]
        assert sent(2) == [0, 0, 10, 0]
        assert sent(2) == [0, 0, 0, 0]
        assert sent(12) == [20, 20, 20, 40]  # a hundred overdue, in portions of two ticks' worth
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


def test_a_stall_at_the_end_leaves_no_request_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000]
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock[0])
    near, far = socket.socketpair()
    near.setblocking(False)
    run = Run(CardTraffic(CARD_1987, CARDS, terminal="LOADTERM"), [Link(near)], rate=100)

    def stall(_seconds: float) -> None:
        clock[0] += 10_000_000_000  # the client was stopped from its first wait to after the end

    monkeypatch.setattr(run, "_wait", stall)
    with near, far:
        result = run.run(0.5)
    assert (result.sent, result.unanswered) == (51, 51)  # from 0 to 500 ms, one each 10 ms


async def test_answers_to_nothing_are_unmatched_and_bring_no_further_request() -> None:
    def twice(request: Message) -> Sequence[Message | bytes]:
        return [*approve(request)] * (2 if request.mti == "0100" else 1)

    result = await applied(twice, in_flight=3)
    assert result.unmatched > 0
    assert result.unanswered == 0
    assert sum(result.codes.values()) == result.answered == result.service.total


async def test_a_link_that_the_engine_closes_is_an_error() -> None:
    def close(request: Message) -> Sequence[Message | bytes]:
        if request.mti == "0800":
            return approve(request)
        raise ConnectionResetError

    with pytest.raises((LoadError, OSError)):
        await applied(close, in_flight=1)


async def test_a_refused_sign_on_is_an_error() -> None:
    with pytest.raises(LoadError, match="sign-on"):
        await applied(lambda request: [Message("0810", {11: request.elements[11], 39: "91"})], in_flight=1)


def test_a_rate_or_a_number_in_flight_but_not_both() -> None:
    with pytest.raises(LoadError, match="either"):
        Run(CardTraffic(CARD_1987, CARDS, terminal="T"), [], rate=1, in_flight=1)


async def test_the_command_prints_one_json_object(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    cards = tmp_path / "cards"
    cards.write_text("".join(f"{card.pan},{card.expiry}\n" for card in CARDS))
    async with responding() as issuer:
        words = ["--port", str(issuer.port), "--links", "2", "--rate", "200", "--seconds", "0.1", "--cards", str(cards)]
        assert await asyncio.to_thread(main, words) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["mode"] == "open"
    assert figures["sent"] == figures["answered"] == figures["approved"]
    assert {"p50_us", "p99_us", "p999_us", "max_us"} <= figures["response"].keys()
    assert main(["--port", "1", "--in-flight", "1"]) == 1
    assert "no cards" in capsys.readouterr().err


def test_a_file_of_other_lines_is_refused_without_quoting_it(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = tmp_path / "cards"
    cards.write_text("4111111111111111\n")
    assert main(["--port", "1", "--in-flight", "1", "--cards", str(cards)]) == 1
    assert "4111" not in capsys.readouterr().err
