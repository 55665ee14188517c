"""`diff`, `redact`, `convert` and `sample` as their users call them, one feeding the next."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from twinrail.cli import app
from twinrail.codecs.iso8583 import codec_for

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted((ROOT.parent / "shared" / "samples" / "iso8583").glob("*/*.hex"))
PAN = "4929000000003336"
TRACK = f"{PAN}=29121010000000000"
SHOP = "CANARY SHOP".ljust(25) + "TOWN".ljust(13) + "DE"


def twinrail(*arguments: str, piped: bytes = b"") -> Result:
    """Run a verb in this process: a new one takes most of a second."""
    ended = CliRunner().invoke(app, list(arguments), input=piped, prog_name="twinrail")
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended


@pytest.fixture(scope="module")
def request_hex() -> str:
    """Give a request with a card number, a track, a PIN block and a name, framed, as hex."""
    given = (f"2={PAN}", f"35={TRACK}", "52=0123456789abcdef", f"43={SHOP}")
    options = [word for one in given for word in ("--set", one)]
    ended = twinrail("sample", "0100", "--dialect", "iso1987-bcd", "--frame", "binary2", *options)
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout.strip()


def test_a_sample_is_ready_for_decode(request_hex: str) -> None:
    ended = twinrail("decode", request_hex)
    assert ended.exit_code == 0
    assert ended.stdout.startswith("iso1987-bcd, frame binary2")
    assert PAN not in ended.stdout + ended.stderr


def test_a_sample_is_ready_for_send(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from twinrail.cli_send import read_message

    ended = twinrail("sample", "0100", "--json", "--set", "52=0123456789abcdef")
    path = tmp_path / "message.json"
    path.write_text(ended.stdout, encoding="utf-8")
    codec = codec_for("iso1987-ascii")
    message = read_message(path, codec.dialect, now=datetime(2026, 11, 21, tzinfo=UTC))
    assert message.elements[52] == bytes.fromhex("0123456789abcdef")
    assert codec.encode(message)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sample", "1100"], "first digit 0"),
        (["sample", "0100", "--set", "4"], "as in 4=000000001000"),
        (["sample", "0100", "--set", "65=1"], "65: not an element of the dialect"),
        (["sample", "0100", "--set", "4=abc"], "4: "),
        (["sample", "0100", "--set", "4.x=1"], "4 is not made of parts"),
        (["sample", "0100", "--dialect", "nosuch"], "known are"),
        (["sample", "0100", "--frame", "nosuch"], "known are"),
        (["diff", "-", "-"], "standard input can be one of the two only"),
        (["diff", "-", "0800", "--ignore", "x"], "as in 7,11,37"),
        (["convert", "0800", "--to", "nosuch"], "known are"),
        (["redact", "--unsafe", "0800"], "--unsafe"),
    ],
)
def test_wrong_calls(arguments: list[str], said: str) -> None:
    ended = twinrail(*arguments)
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.split())


def test_a_message_does_not_differ_from_itself(request_hex: str) -> None:
    ended = twinrail("diff", "-", request_hex, piped=bytes.fromhex(request_hex))
    assert ended.exit_code == 0, ended.stdout
    assert "0 only in A, 0 only in B, 0 different" in ended.stdout


def test_a_difference_is_shown_masked_and_can_be_ignored(request_hex: str) -> None:
    other = twinrail("sample", "0100", "--dialect", "iso1987-ascii", "--set", f"43={SHOP}").stdout.strip()
    ended = twinrail("diff", request_hex, other)
    assert ended.exit_code == 1
    text = ended.stdout
    assert "A  iso1987-bcd, frame binary2" in text
    assert "492900******3336 -> 411111******1111" in text
    assert "\n- 52" in text
    assert PAN not in text
    assert twinrail("diff", request_hex, other, "--ignore", "2,7,12,13,35,37,52").exit_code == 0
    machine = json.loads(twinrail("diff", request_hex, other, "--json").stdout)
    assert machine["ok"] is False
    assert {one["path"] for one in machine["only_a"]} == {"35", "52"}


def test_what_is_redacted_decodes_in_the_same_frame_and_holds_nothing(request_hex: str) -> None:
    ended = twinrail("redact", request_hex)
    assert ended.exit_code == 0
    redacted = ended.stdout.strip()
    assert len(redacted) == len(request_hex)
    for canary in (PAN, PAN.encode().hex(), "0123456789abcdef", b"CANARY".hex()):
        assert canary not in redacted
        assert canary not in ended.stderr
    replaced = {line.split()[0] for line in ended.stderr.splitlines()[1:]}
    assert replaced == {"2", "35", "43", "52"}
    shown = twinrail("decode", redacted).stdout
    assert shown.startswith("iso1987-bcd, frame binary2")


def test_what_cannot_be_read_is_not_redacted(request_hex: str) -> None:
    ended = twinrail("redact", request_hex[:-2], "--dialect", "iso1987-bcd", "--frame", "none")
    assert ended.exit_code == 1
    assert not ended.stdout
    assert "not redacted" in ended.stderr
    assert PAN not in ended.stderr


def test_there_and_back_through_another_coding(request_hex: str) -> None:
    there = twinrail("convert", request_hex, "--to", "iso1987-ebcdic", "--strict")
    assert there.exit_code == 0, there.stderr
    back = twinrail("convert", there.stdout.strip(), "--to", "iso1987-bcd")
    assert bytes.fromhex(back.stdout) == bytes.fromhex(request_hex)[2:]


def test_what_cannot_be_carried_is_said_and_ends_a_strict_call_with_1(request_hex: str) -> None:
    loose = twinrail("convert", request_hex, "--to", "iso1993-ascii")
    assert loose.exit_code == 0
    assert "not carried: 22 entry_mode: iso1993-ascii has no element for it" in loose.stderr
    assert codec_for("iso1993-ascii").decode(bytes.fromhex(loose.stdout)).mti == "1100"
    assert PAN not in loose.stderr
    assert twinrail("convert", request_hex, "--to", "iso1993-ascii", "--strict").exit_code == 1
    assert twinrail("convert", "0800ff", "--to", "iso1993-ascii").exit_code == 1


@pytest.mark.skipif(not SAMPLES, reason="the folder of public samples is not beside this checkout")
def test_a_public_sample_goes_through_all_tools() -> None:
    path = next(str(path) for path in SAMPLES if path.stem == "0420-reversal-advice")
    assert twinrail("diff", path, path).exit_code == 0
    redacted = twinrail("redact", path)
    assert redacted.exit_code == 0
    assert b"4111111111111111".hex() not in redacted.stdout
    assert twinrail("diff", "-", path, piped=redacted.stdout.encode()).exit_code == 1
    for target in ("iso1987-bcd", "iso1993-bcd", "iso2003-ascii", "base1", "mds"):
        converted = twinrail("convert", path, "--to", target)
        assert converted.exit_code == 0
        codec_for(target).decode(bytes.fromhex(converted.stdout))
