"""The status file: written whole, judged by age, process and owner."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.health import STALE_S, read_status, write_status

NOW = 1_800_000_000.0


def status(**changes: Any) -> dict[str, Any]:
    link = {"listening": True, "open": 1, "signed_on": 1}
    well = {"pid": os.getpid(), "at": NOW, "epoch": 7, "owner": True, "store": "ok", "ready": True, "version": "0"}
    return well | {"links": {"card": link}} | changes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


def test_what_is_written_is_read(path: Path) -> None:
    write_status(path, status())
    write_status(path, status(epoch=8))
    health = read_status(path, now=NOW + 1, stored_epoch=8)
    assert (health.alive, health.ready, health.problems) == (True, True, ())
    assert health.status["epoch"] == 8
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["status.json"]


@pytest.mark.parametrize(
    ("changes", "stored_epoch", "problem"),
    [
        ({"owner": False}, None, "does not own"),
        ({}, 8, "epoch 8, ours 7"),
        ({"store": "away"}, None, "the store is away"),
        ({"links": {"card": {"listening": False}}}, None, "link card does not listen"),
        ({"ready": False}, None, "says that it is not ready"),
    ],
)
def test_alive_but_not_ready(path: Path, changes: dict[str, Any], stored_epoch: int | None, problem: str) -> None:
    write_status(path, status(**changes))
    health = read_status(path, now=NOW, stored_epoch=stored_epoch)
    assert health.alive
    assert not health.ready
    assert problem in health.problems[0]


def test_a_process_that_is_gone_is_not_alive(path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_status(path, status(pid=gone.pid))
    assert "does not run" in read_status(path, now=NOW).problems[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says that a process is a zombie")
def test_a_process_that_nobody_waited_for_is_not_alive(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        write_status(path, status(pid=gone.pid))
        assert "does not run" in read_status(path, now=NOW).problems[0]


@given(st.floats(min_value=STALE_S, max_value=1e9), st.booleans())
def test_an_old_status_and_one_from_the_future_are_not_alive(age: float, future: bool) -> None:  # noqa: FBT001 - drawn
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "status.json"
        write_status(path, status())
        assert not read_status(path, now=NOW - age if future else NOW + age).alive


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(["pid", "at", "epoch"]), st.none() | st.text()).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_what_is_no_status_is_not_alive_and_raises_nothing(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "status.json"
        path.write_bytes(content)
        health = read_status(path, now=NOW)
    assert not health.alive
    assert health.problems


def test_no_file_is_said(path: Path) -> None:
    assert read_status(path, now=NOW).problems == (f"no engine has written {path}",)
