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

from twinrail.health import STALE_S, Health, link_lines, read_status, write_status

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


def test_a_network_that_is_dialled_and_not_there_leaves_the_engine_ready_and_is_shown(path: Path) -> None:
    dialled = {
        "connect": ["switch.example:8583"],
        "state": "dialling",
        "since": NOW - 60,
        "attempts": 7,
        "last_error": "ConnectionRefusedError",
        "open": 0,
        "signed_on": 0,
    }
    listening = {"listening": True, "host": "192.0.2.1", "port": 8583, "open": 2, "signed_on": 1}
    listening |= {"refused": 3, "last_refusal": "no place free", "certificate_days": 6.5}
    write_status(path, status(links={"visa": dialled, "card": listening, "idle": {"listening": True}}))
    health = read_status(path, now=NOW)
    assert health.ready
    visa, card, _ = link_lines(health)
    assert visa.startswith("link visa: dialling since 2027-01-15 07:59:00 UTC, 0 open, 0 signed on, 7 attempts, last ")
    assert visa.endswith("last error: ConnectionRefusedError")
    assert card.startswith(
        "link card: listening on 192.0.2.1:8583, 2 open, 1 signed on, 3 refused, last: no place free"
    )
    assert card.endswith("certificate ends in 6.5 days")


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.dictionaries(st.text(), st.none()))))
def test_whatever_stands_in_the_file_is_shown_without_failing(links: dict[str, Any]) -> None:
    shown = link_lines(Health(alive=True, ready=True, problems=(), status={"links": links}))
    assert len(shown) == sum(isinstance(link, dict) for link in links.values())
    assert link_lines(Health(alive=True, ready=True, problems=(), status={"links": []})) == []


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
