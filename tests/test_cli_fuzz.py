"""`twinrail fuzz frames`: what it counts, what it says, and what it keeps of a frame that breaks a promise."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinrail import cli_fuzz
from twinrail.cli import app
from twinrail.cli_fuzz import CHUNK, Chunk, Failure, chunks, keep, work
from twinrail.codecs.iso8583 import DIALECTS, Codec, Message
from twinrail.errors import DecodeError, SettingsError


class Crashing(Codec):
    """A decoder that does not expect a bitmap to be cut short."""

    def decode(self, data: bytes) -> Message:
        try:
            return super().decode(data)
        except DecodeError as error:
            if error.path == "bitmap":
                raise IndexError from error
            raise


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["fuzz", "frames", *arguments])
    return result.exit_code, result.output


def test_the_dialects_take_turns_and_the_counts_add_up(tmp_path: Path) -> None:
    code, output = run("--frames", "3", "--json", "--corpus", str(tmp_path))
    told = json.loads(output)
    assert code == 0
    assert told["frames"] == 3 == told["decoded"] + told["not canonical"] + told["refused"]
    assert told["dialects"] == 3
    assert told["slowest"]["taken"] > 0
    assert told["largest"]["taken"] > 0
    assert told["broken"] is None
    assert not list(tmp_path.iterdir())


def test_one_dialect_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nfrom = "pos"\n', encoding="utf-8")
    for word in ("base1", str(file)):
        code, output = run("--frames", "20", "--dialect", word, "--corpus", str(tmp_path))
        assert code == 0
        assert output.startswith("20 frames of 1 dialects, seed 1, ")
        assert "of what it may" in output


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    assert run("--frames", "0")[0] == 2
    assert run("--frames", "1", "--corpus", str(tmp_path / "none"))[0] == 2
    assert run("--frames", "1", "--dialect", "none")[0] != 0


def test_processes_that_share_the_work_find_the_same(tmp_path: Path) -> None:
    told = []
    for jobs in ("1", "2"):
        code, output = run("--frames", "60", "--json", "--jobs", jobs, "--corpus", str(tmp_path), "--dialect", "mds")
        assert code == 0
        told.append({key: json.loads(output)[key] for key in ("frames", "decoded", "not canonical", "refused")})
    assert told[0] == told[1]


def test_the_work_is_shared_out_and_every_piece_has_its_own_frames() -> None:
    pieces = chunks(["a", "b"], 2 * CHUNK + 3, 1)
    assert pieces == [Chunk("a", 1, 0, CHUNK), Chunk("b", 1, 0, CHUNK), Chunk("a", 1, 1, 2), Chunk("b", 1, 1, 1)]
    assert sum(piece.frames for piece in chunks(list(DIALECTS), 1, 1)) == 1
    assert work(Chunk("pos", 1, 0, 50)).outcomes != work(Chunk("pos", 1, 1, 50)).outcomes


def test_a_frame_that_breaks_a_promise_is_kept_and_goes_into_the_corpus_as_it_is(tmp_path: Path) -> None:
    figures = work(Chunk("iso1987-ascii", 1, 0, 5_000), make=Crashing)
    failure = figures.failure
    assert failure is not None
    assert failure.promise == "D1"
    assert failure.how == "D1: decoding raises IndexError"
    assert figures.outcomes.total() < 5_000
    kept = json.loads(keep(failure, 1, tmp_path).read_text())
    assert kept["dialect"] == "iso1987-ascii"
    with pytest.raises(IndexError):
        Crashing(DIALECTS[kept["dialect"]]).decode(bytes.fromhex(kept["wire"]))


def test_a_broken_promise_is_the_exit_code_and_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = work(Chunk("iso1987-ascii", 1, 0, 5_000), make=Crashing)
    monkeypatch.setattr(cli_fuzz, "_worked", lambda _pieces, _jobs: iter([figures]))
    for as_json in (True, False):
        code = cli_fuzz.frames(dialect=None, count=99, seed=1, jobs=1, corpus=tmp_path, as_json=as_json)
        assert code == 1
        told = capsys.readouterr().out
        assert "D1: decoding raises IndexError" in told
        assert str(next(tmp_path.glob("iso1987-ascii-D1-*.json"))) in told


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        keep(Failure("pos", "D1", "D1: how", b"\0"), 1, tmp_path / "none")
