"""`twinrail serve` as a process: a second one started by mistake leaves the first alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twinrail.health import read_status

pytestmark = pytest.mark.process
STARTS_S = 60


def config(folder: Path, state: str, port: int) -> Path:
    """Write the settings of an engine with one card link."""
    path = folder / f"{state}.toml"
    path.write_text(
        f'state_dir = "{folder / state}"\n[log]\nlevel = "warning"\n'
        f'[[links]]\nname = "card"\nprofile = "card-1987"\nport = {port}\n'
    )
    return path


def serve(path: Path, database: str) -> subprocess.Popen[str]:
    """Start an engine."""
    return subprocess.Popen(
        [sys.executable, "-m", "twinrail", "serve", "--config", str(path)],
        env=os.environ | {"TWINRAIL_DATABASE_URL": database, "TWINRAIL_STORE__ALLOW_UNSAFE": "true"},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def engine(tmp_path: Path, database: str) -> Iterator[subprocess.Popen[str]]:
    """Run an engine until the end of the test."""
    process = serve(config(tmp_path, "first", 0), database)
    ends = time.monotonic() + STARTS_S
    while not read_status(tmp_path / "first" / "status.json", now=time.time()).ready:
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.05)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def test_a_second_engine_leaves_the_first_alone(engine: subprocess.Popen[str], tmp_path: Path, database: str) -> None:
    first = read_status(tmp_path / "first" / "status.json", now=time.time()).status
    same = serve(tmp_path / "first.toml", database)
    _, text = same.communicate(timeout=STARTS_S)
    assert same.returncode == 3
    assert "an engine runs with this state folder" in text
    other = serve(config(tmp_path, "second", int(first["links"]["card"]["port"])), database)
    _, text = other.communicate(timeout=STARTS_S)
    assert other.returncode == 3
    assert "link card: cannot listen" in text
    assert engine.poll() is None
    health = read_status(tmp_path / "first" / "status.json", now=time.time())
    assert health.ready
    assert health.status["epoch"] == first["epoch"]
