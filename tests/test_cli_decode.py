"""`decode` and `diagnose` as their users call them: what is found, why, and that nothing masked is ever shown."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from twinrail import cli_decode
from twinrail.cli import app
from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.codecs.recognise import losers, recognise, whole
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.frames import BINARY2

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted((ROOT.parent / "shared" / "samples" / "iso8583").glob("*/*.hex"))
PAN = "4111111111111111"
ELEMENTS: dict[int, str | bytes] = {
    2: PAN,
    3: "000000",
    4: "000000001000",
    7: "1121143000",
    11: "000001",
    14: "2912",
    35: PAN + "=2912101",
    49: "978",
}
REQUEST = Message("0100", ELEMENTS)
WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex(" ").encode(),
    "base64": base64.b64encode,
    "plain bytes": lambda data: data,
}


def twinrail(*arguments: str, piped: bytes = b"") -> Result:
    """Run a verb in this process: a new one takes most of a second."""
    ended = CliRunner().invoke(app, list(arguments), input=piped, prog_name="twinrail")
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended


def of(name: str) -> tuple[bytes, Message]:
    """Give the request, in the words of the dialect's version."""
    version = DIALECTS[name].version
    elements = dict(ELEMENTS)
    if version == "2003":
        elements |= {4: "9782000000001000", 11: "000000000001"}
        del elements[49]
    message = Message({"1987": "0", "1993": "1", "2003": "2"}[version] + "100", elements)
    return codec_for(name).encode(message), message


@settings(max_examples=40)  # each tries everything that is known
@given(st.sampled_from(sorted(DIALECTS)), st.integers(0, 200), st.integers(0, 255), st.sampled_from(sorted(WRAPPINGS)))
def test_no_damage_makes_a_card_number_visible(name: str, where: int, byte: int, wrapping: str) -> None:
    data = bytearray(of(name)[0])
    where = 1 + where % (len(data) - 1)
    data[where] = byte
    for content in (WRAPPINGS[wrapping](bytes(data)), WRAPPINGS[wrapping](bytes(data[:where]))):
        found = recognise(content)
        beaten = losers(found, found[0])
        shown = "\n".join(cli_decode.to_text(found[0], found, beaten))
        assert PAN not in shown
        assert PAN.encode().hex() not in shown.replace(" ", "")


def test_decode_says_what_it_assumed_why_and_what_each_element_means(tmp_path: Path) -> None:
    path = tmp_path / "message.bin"
    path.write_bytes(frame(BINARY2, codec_for("iso1987-bcd").encode(REQUEST)))
    ended = twinrail("decode", str(path))
    assert ended.exit_code == 0
    text = ended.stdout
    assert text.startswith("iso1987-bcd, plain bytes, frame binary2, ")
    assert "bytes read; the card number passes its check digit" in text
    assert "the same in pos: nothing in this message tells them apart" in text
    assert "\nNot " in text
    assert "10.00 EUR" in text
    assert "411111******1111" in text
    piped = json.loads(twinrail("decode", "-", "--json", piped=path.read_bytes().hex().encode()).stdout)
    assert (piped["message"]["mti"], piped["framing"], piped["header"]) == ("0100", "binary2", None)
    assert piped["also"] == ["pos"]


def test_a_broken_message_is_shown_up_to_its_error_with_a_caret_and_a_cause() -> None:
    data = codec_for("iso1987-ascii").encode(REQUEST)
    ended = twinrail("decode", "-", piped=data[:-1])
    assert ended.exit_code == 1
    text = ended.stdout
    assert "49: message ends within the element" in text
    assert "^^ byte " in text
    assert "49 currency" in text
    assert "likely cause: the message is cut short" in text
    assert "10.00" in text or "000000001000" in text, "what could be read is shown"
    assert PAN not in text


def test_a_belief_can_be_stated() -> None:
    data = frame(BINARY2, codec_for("iso1987-bcd").encode(REQUEST)).hex()
    good = twinrail("decode", data, "--dialect", "pos", "--frame", "binary2", "--header", "none")
    assert good.exit_code == 0
    assert good.stdout.startswith("pos, frame binary2")
    assert "Not " not in good.stdout, "who says which dialect it is wants no other ones"
    for option in ("--frame", "--header"):
        ended = twinrail("decode", data, option, "nosuch")
        assert ended.exit_code == 2
        assert "known are none, " in ended.stderr
    nothing = twinrail("decode", data, "--frame", "crlf")
    assert nothing.exit_code == 2
    assert "twinrail diagnose says why" in nothing.stderr


def test_a_dialect_file_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('name = "ours"\nfrom = "iso1987-bcd"\ntext = "cp500"\n', encoding="utf-8")
    data = codec_for("iso1987-bcd").encode(REQUEST).hex()
    ended = twinrail("decode", data, "--dialect", str(path))
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("ours, ")
    with pytest.raises(SettingsError, match=r"nosuch\.toml: cannot be read"):
        app(["decode", data, "--dialect", str(tmp_path / "nosuch.toml")])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["diagnose", "--dialect", "iso1987-bcd"], 0, "It reads: iso1987-bcd, no frame"),
        (["diagnose", "--dialect", "iso1987-ascii"], 1, "- the message type is 2 bytes of packed digits"),
        (["diagnose", "--frame", "ascii4"], 1, "- not in a frame ascii4: length is not digits"),
        (["diagnose", "--dialect", "iso1987-ascii"], 1, "It reads as iso1987-bcd, no frame"),
    ],
)
def test_diagnose_says_why_and_what_would_read_it(arguments: list[str], code: int, said: str) -> None:
    ended = twinrail(*arguments, codec_for("iso1987-bcd").encode(REQUEST).hex())
    assert ended.exit_code == code, ended.stderr
    assert said in ended.stdout
    assert PAN not in ended.stdout
    machine = twinrail(*arguments, "--json", codec_for("iso1987-bcd").encode(REQUEST).hex())
    assert json.loads(machine.stdout)["ok"] is (code == 0)


def test_hex_that_lost_a_digit_is_a_wrong_call_that_says_so() -> None:
    ended = twinrail("decode", codec_for("iso1987-bcd").encode(REQUEST).hex()[:-1])
    assert ended.exit_code == 2
    assert "one is missing" in " ".join(ended.stderr.split())


@pytest.mark.skipif(not SAMPLES, reason="the folder of public samples is not beside this checkout")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_public_sample_is_shown_whole(path: Path) -> None:
    found = recognise(path.read_bytes())
    text = "\n".join(cli_decode.to_text(found[0], whole(found[1:]), losers(found, found[0])))
    expected = json.loads(path.with_suffix(".json").read_text())
    assert expected["mti"] in text
    lines = {line.split(" ", 1)[0] for line in text.splitlines()}
    assert {*expected["fields"], *expected.get("binary_fields", {})} <= lines
    assert expected["fields"].get("2", PAN) not in text


def test_the_page_on_reading_a_message_shows_what_is_said() -> None:
    page = (ROOT / "docs" / "how-to" / "read-a-message.md").read_text(encoding="utf-8")
    for block in page.split("```console\n")[1:]:
        command, *shown = block.partition("\n```")[0].splitlines()
        arguments = command.removeprefix("$ ./twinrail ").split()
        if arguments[0] == "sample":
            arguments, shown = shown[0].removeprefix("$ ./twinrail ").split(), shown[1:]
            made = twinrail("sample", "0100", "--dialect", "iso1987-bcd", "--frame", "binary2").stdout
            arguments[1] = made.strip()
        said = twinrail(*arguments).stdout
        for line in shown:
            assert line.partition("...")[0] in said
