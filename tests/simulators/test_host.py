"""The network that an engine dials: everything a script can do to it, and a day over such a link."""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.engine.transports.line_rig import PAN, running
from tests.scenarios.wire import PATIENCE_S, Wire, until

from twinrail.engine.transports.dial import Dialler, Endpoint, Redial
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import BASE1_LIKE, CARD_2003, MDS_LIKE, LinkProfile, NetworkFunction, Repeats
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel
from twinrail.simulators.host import Host, hosting, main
from twinrail.simulators.script import Act, read_rules
from twinrail.simulators.transactions import Purchase, approves

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Everything that waits does so for a moment: what a test is about comes at once.
SOON = Repeats(first_s=0.05, factor=1.0, wait_max_s=0.05)


def hasty(profile: LinkProfile) -> LinkProfile:
    return replace(profile, deadline_s=60.0, sign_on_retry_s=0.05, answer_within_s=0.1, repeats=SOON)


@contextlib.asynccontextmanager
async def dialled(profile: LinkProfile, *rules: str) -> AsyncIterator[tuple[Wire, Host]]:
    """Run a scripted network, and an engine that dials it."""
    async with hosting(profile, read_rules(rules)) as host, running() as wire:
        dialler = Dialler(
            name="card", profile=profile, endpoints=[Endpoint("127.0.0.1", host.port)], redial=Redial(), draw=float
        )
        dialling = asyncio.create_task(dialler.run(wire.pump))
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def tick() -> None:
            """Let links look after themselves a hundred times as often as an engine does: a second is long here."""
            nonlocal timer
            wire.pump.switch.links.wake(time.monotonic_ns(), held=False)
            wire.pump.touch()
            timer = loop.call_later(0.01, tick)

        timer = loop.call_later(0.01, tick)
        try:
            yield wire, host
        finally:
            timer.cancel()
            dialling.cancel()
            await asyncio.gather(dialling, return_exceptions=True)
            for link in list(dialler.connections):
                link.shut("the end of the test")
            await until(lambda: not dialler.connections)


@pytest.mark.parametrize("profile", [BASE1_LIKE, MDS_LIKE], ids=lambda profile: profile.name)
async def test_an_engine_signs_on_until_it_is_accepted_and_serves(profile: LinkProfile) -> None:
    profile = hasty(profile)
    async with dialled(profile, "sign_on=refuse:91,silent,garbage,accept") as (_, host):
        link = await host.next(timeout_s=PATIENCE_S)
        assert await link.sign_on(timeout_s=PATIENCE_S)
        assert [asked.what for asked in link.asked] == ["sign_on"] * 4
        purchase = Purchase(pan=PAN, amount=5_00, stan=1, at=datetime.now(UTC), rrn="000000000001")
        asked = transactions.request(profile, "100", purchase)
        assert approves(profile, (await link.exchange(asked, timeout_s=PATIENCE_S)).reply)
        assert await link.echo(timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    ("profile", "word"),
    [
        (BASE1_LIKE, "silent"),
        (BASE1_LIKE, "wrong-stan"),
        (BASE1_LIKE, "garbage"),
        (BASE1_LIKE, "reject:42"),
        (MDS_LIKE, "late:0.2"),
        (MDS_LIKE, "twice"),
    ],
    ids=lambda each: getattr(each, "name", each),
)
async def test_what_an_engine_owes_outlives_every_bad_answer(profile: LinkProfile, word: str) -> None:
    profile = hasty(profile)
    async with dialled(profile, f"0620={word},{word},accept") as (wire, host):
        link = await host.next(timeout_s=PATIENCE_S)
        assert await link.sign_on(timeout_s=PATIENCE_S)
        switch = wire.pump.switch
        switch.forward(profile, "0620", {37: "REF000000001"}, time.monotonic_ns())
        wire.pump.touch()
        async with asyncio.timeout(PATIENCE_S):
            await link.until_asked(2)
        await until(lambda: not switch.state.obligations.by_id)
        told = [asked for asked in link.asked if asked.what == "0620"]
        assert told[0].message.mti == "0620"
        assert {asked.message.mti for asked in told[1:]} <= {"0621"}
        assert {str(asked.message.elements[37]) for asked in told} == {"REF000000001"}


async def test_an_idle_engine_asks_for_echoes_and_leaves_a_network_that_gives_none() -> None:
    profile = replace(hasty(BASE1_LIKE), echo_idle_s=0.2, answer_within_s=0.1, echo_misses_max=2)
    async with dialled(profile, "echo=accept,silent") as (_, host):
        link = await host.next(timeout_s=PATIENCE_S)
        assert await link.sign_on(timeout_s=PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await link.lost
        first, *others = (asked.step.act for asked in link.asked if asked.what == "echo")
        assert first is Act.ACCEPT
        assert len(others) >= 2
        assert set(others) == {Act.SILENT}


async def test_a_network_may_hang_up_and_be_dialled_again() -> None:
    profile = hasty(CARD_2003)
    profile = replace(profile, sign_on=BASE1_LIKE.sign_on)
    async with dialled(profile, "sign_on=close,accept") as (_, host):
        first = await host.next(timeout_s=PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            await first.lost
        second = await host.next(timeout_s=PATIENCE_S)
        assert await second.sign_on(timeout_s=PATIENCE_S)


async def test_rules_that_no_link_of_the_profile_can_keep_are_refused() -> None:
    with pytest.raises(SettingsError, match="cannot refuse"):
        async with hosting(MDS_LIKE, read_rules(["0620=reject:1"])):
            raise AssertionError


@contextlib.asynccontextmanager
async def ended(child: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Leave no process behind, whatever becomes of the test."""
    try:
        yield
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_the_command_listens_answers_and_prints_what_it_was_asked() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "twinrail.simulators.host", "--profile", "base1-like", "--on", "echo=refuse:91"),
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    async with asyncio.timeout(PATIENCE_S), ended(child):
        port = int((await child.stderr.readline()).rpartition(b":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        channel = Channel(BASE1_LIKE)
        code = BASE1_LIKE.code_of(NetworkFunction.ECHO)
        writer.write(channel.write(transactions.network_message(BASE1_LIKE, code, stan=1, at=datetime.now(UTC))))
        line = json.loads(await child.stdout.readline())
        (heard,) = channel.receive(await reader.read(4096))
        child.send_signal(signal.SIGINT)
        await child.wait()
        writer.close()
    assert line | {"seconds": 0} == {"seconds": 0, "asked": "echo", "mti": "0800", "act": "refuse"}
    assert heard.message is not None
    assert heard.message.elements[39] == "91"
    assert child.returncode == 0


def test_a_wrong_call_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--profile", "nobody"], "no profile nobody"),
        (["--profile", "sct-inst"], "not the profile of a card link"),
        (["--on", "echo=dance"], "dance is none of"),
    ):
        assert main(words) == 1
        assert said in capsys.readouterr().err
