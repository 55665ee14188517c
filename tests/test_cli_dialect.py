"""`twinrail dialect` as its users call it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import iso8583.specs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.cli_dialect import told
from twinrail.codecs.dialect_file import load
from twinrail.codecs.importers.foreign import Note
from twinrail.schemas.iso8583.dialects import DIALECTS

ROOT = Path(__file__).resolve().parents[1]


def twinrail(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINRAIL_")}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "twinrail", "dialect", *arguments],
        input=given,
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in ended.stderr, ended.stderr
    return ended


def test_every_dialect_that_is_built_in_is_listed() -> None:
    listed = twinrail("list")
    assert [line.split()[0] for line in listed.stdout.decode().splitlines()] == ["name", *DIALECTS]
    rows = [json.loads(line) for line in twinrail("list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == list(DIALECTS)


def test_what_is_shown_is_a_file_that_loads() -> None:
    shown = twinrail("show", "base1")
    assert shown.returncode == 0
    assert load(shown.stdout.decode(), "base1", lambda word: word) == DIALECTS["base1"]
    assert twinrail("show", "nosuch").returncode == 3


def test_check_names_every_problem(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('name = "good"\nfrom = "mds"\nthird = "contiguous"\n', encoding="utf-8")
    bad.write_text('name = "bad"\nfrom = "mds"\ncolour = 1\nsize = 2\n', encoding="utf-8")
    checked = twinrail("check", "mds", str(good), str(bad))
    assert checked.returncode == 1
    lines = checked.stdout.decode().splitlines()
    assert lines[0] == "mds: good"
    assert lines[1].startswith(f"{good}: warning: line 3, third: ")
    assert [line.partition(", ")[2].partition(":")[0] for line in lines[2:]] == ["colour", "size"]
    assert twinrail("check", str(good)).returncode == 0
    (one, two) = (json.loads(line) for line in twinrail("check", "--json", str(bad)).stdout.splitlines())
    assert (one["path"], one["line"], one["severity"]) == ("colour", 3, "error")
    assert two["dialect"] == str(bad)


def test_import_writes_the_dialect_and_says_what_it_guessed(tmp_path: Path) -> None:
    text = json.dumps(iso8583.specs.default).encode()
    piped = twinrail("import", "-", "--name", "bank", given=text)
    assert piped.returncode == 0
    assert load(piped.stdout.decode(), "bank", lambda word: word).name == "bank"
    assert "note: element 2: data class pan, as in 1987" in piped.stderr.decode().splitlines()
    source, output = tmp_path / "bank.json", tmp_path / "bank.toml"
    source.write_bytes(text)
    written = twinrail("import", str(source), "--name", "bank", "--format", "pyiso8583", "--output", str(output))
    assert (written.returncode, written.stdout) == (0, b"")
    assert output.read_bytes() == piped.stdout
    again = twinrail("import", str(source), "--name", "bank", "--output", str(output))
    assert again.returncode == 2
    assert b"is there already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "given", "code", "said"),
    [
        (["import", "-", "--name", "x"], b"<isopackager/>", 1, "cannot be imported as jpos:\n  elements.0: must be"),
        (["import", "-", "--name", "x", "--format", "moov"], b"<a/>", 1, "cannot be imported as moov:\n  not JSON"),
        (["import", "-", "--name", "x", "--format", "yaml"], b"", 2, "must be pyiso8583 or moov or jpos"),
        (["import", "-", "--name", "x"], b"\xff", 3, "standard input: is not UTF-8 at byte 0"),
        (["import", "/nosuch.json", "--name", "x"], b"", 3, "/nosuch.json: cannot be read"),
        (["import", "-"], b"", 2, "--name"),
        (["check", "nosuch"], b"", 2, "a file ends in .toml"),
        (["check", "/nosuch.toml"], b"", 3, "/nosuch.toml: cannot be read"),
        (["check"], b"", 2, "Missing argument"),
    ],
)
def test_exit_codes(arguments: list[str], given: bytes, code: int, said: str) -> None:
    ended = twinrail(*arguments, given=given)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr.decode()


def test_a_dialect_that_does_not_load_as_it_stands_is_written_with_its_errors() -> None:
    ended = twinrail("import", "-", "--name", "Bad Name", given=json.dumps(iso8583.specs.default).encode())
    assert ended.returncode == 1
    assert b'name = "Bad Name"' in ended.stdout
    assert b"error: name: must be lower-case" in ended.stderr


@given(st.sets(st.integers(2, 192), min_size=1))
def test_notes_about_many_elements_are_one_line(numbers: set[int]) -> None:
    (line,) = told([Note(f"elements.{number}", "so it is") for number in numbers])
    runs = line.removesuffix(": so it is").partition(" ")[2].split(", ")
    spelt = {
        number
        for run in runs
        for first, _, last in [run.partition("-")]
        for number in range(int(first), int(last or first) + 1)
    }
    assert spelt == numbers


def test_notes_about_parts_keep_their_paths() -> None:
    notes = [Note("elements.4", "a"), Note("elements.48.layout", "a"), Note("version", "b"), Note("elements.5", "a")]
    assert list(told(notes)) == ["elements 4-5, elements.48.layout: a", "version: b"]
