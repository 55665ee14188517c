"""`twinrail send` and `replay` over links with headers, of other versions, and of profiles of files."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from twinrail import cli_send
from twinrail.catalogue import read_catalogue
from twinrail.codecs.framing import Framer
from twinrail.codecs.iso8583 import Message, dialect_of
from twinrail.schemas.iso8583.profiles import BASE1_LIKE, CARD_1993, CARD_2003, MDS_LIKE, POS_TPDU, LinkProfile
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel
from twinrail.simulators.recording import Recorder
from twinrail.simulators.responder import responding
from twinrail.simulators.transactions import Purchase

AT = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
PAN = "4111111111111111"


def message_file(folder: Path, profile: LinkProfile) -> Path:
    purchase = Purchase(pan=PAN, amount=10_00, stan=1, at=AT, rrn="000000000001")
    asked = transactions.request(profile, "100", purchase)
    automatic = {str(number): "auto" for number in (7, 11, 12, 37) if number in asked.elements}
    path = folder / "message.json"
    elements = {str(number): value for number, value in asked.elements.items()} | automatic
    path.write_text(json.dumps({"mti": asked.mti, "elements": elements}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "profile", [CARD_1993, CARD_2003, BASE1_LIKE, MDS_LIKE, POS_TPDU], ids=lambda profile: profile.name
)
async def test_a_message_of_any_version_is_sent_and_answered(
    profile: LinkProfile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = message_file(tmp_path, profile)

    def send(port: int) -> int:
        return cli_send.run(
            f"127.0.0.1:{port}",
            path,
            expect=[f"39={min(profile.granted)}"],
            profile=profile.name,
            timeout_s=10,
            as_json=False,
        )

    async with responding(profile=profile) as issuer:
        code = await asyncio.to_thread(send, issuer.port)
    output = capsys.readouterr().out
    assert code == 0, output
    assert PAN not in output
    (asked,) = (message for message in issuer.heard if message.mti[1] == "1")
    assert len(str(asked.elements[profile.places.stan])) == profile.places.stan_length


async def test_a_message_that_comes_back_refused_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    channel = Channel(BASE1_LIKE)

    def refuse(message: Message) -> Sequence[Message | bytes]:
        if message.mti != "0100":
            return ()
        (heard,) = Channel(BASE1_LIKE).receive(channel.write(message))
        (payload,) = Framer(BASE1_LIKE.frame, 4096).receive(channel.refuse(heard, "42"))
        return (payload,)

    path = message_file(tmp_path, BASE1_LIKE)

    def send(port: int) -> int:
        address = f"127.0.0.1:{port}"
        return cli_send.run(address, path, expect=[], profile="base1-like", timeout_s=60, as_json=False)

    async with responding(refuse, BASE1_LIKE) as issuer:
        assert await asyncio.to_thread(send, issuer.port) == 1
    assert "refuses it, code 0042" in capsys.readouterr().out


async def test_a_recording_of_a_profile_of_a_file_is_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.toml"
    file.write_text('from = "base1-like"\nname = "own"\nanswer_within_s = 5.0\n', encoding="utf-8")
    own = read_catalogue((), (file,)).profiles["own"]
    asked = transactions.request(own, "100", Purchase(pan=PAN, amount=1, stan=1, at=AT, rrn="000000000001"))
    channel, framer = Channel(own), Framer(own.frame, 4096)
    (payload,) = framer.receive(channel.write(asked))
    answer = transactions.answer(own, asked)
    assert answer is not None
    (answered,) = framer.receive(channel.write(answer, channel.open(payload)))
    tap = Recorder(
        tmp_path / "day.jsonl", b"a key of the operator's own", profile="own", profiles={"own": own}, start_ns=0
    )
    tap.opened(1, "own", 0)
    tap.frame(1, "in", payload, 1)
    tap.frame(1, "out", answered, 2)
    tap.close()

    def play(port: int) -> int:
        address = f"127.0.0.1:{port}"
        recording = tmp_path / "day.jsonl"
        return cli_send.replay(recording, address, speed=100, report=None, as_json=True, profiles=[file])

    async with responding(profile=own) as issuer:
        assert await asyncio.to_thread(play, issuer.port) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"]["equal"] == 1


@pytest.mark.parametrize(("profile", "lengths"), [(CARD_1993, (6, 12)), (CARD_2003, (12, 14))])
def test_automatic_values_have_the_lengths_of_their_version(
    tmp_path: Path, profile: LinkProfile, lengths: tuple[int, int]
) -> None:
    path = tmp_path / "message.json"
    path.write_text('{"mti": "1804", "elements": {"11": "auto", "12": "auto"}}', encoding="utf-8")
    message = cli_send.read_message(path, dialect_of(profile.dialect), now=AT)
    assert (len(message.elements[11]), len(message.elements[12])) == lengths
    path.write_text('{"mti": "2804", "elements": {"13": "auto"}}', encoding="utf-8")
    if profile is CARD_2003:
        with pytest.raises(typer.BadParameter, match='element 13 has no "auto"'):
            cli_send.read_message(path, dialect_of(profile.dialect), now=AT)
