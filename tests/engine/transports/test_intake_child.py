"""The child that reads a file: what it may use, what it may know, and what it says."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.engine.transports.drop_rig import DEBTOR, KEY, TODAY, TOKENS, batch, order

from twinrail.engine.transports import intake_child
from twinrail.engine.transports.staging import CHILD, _environment
from twinrail.schemas.iso20022.profiles import SCT
from twinrail.schemas.iso20022.staged import Job, Limits, Summary
from twinrail.simulators.clearing_house import pain001

GOOD = pain001([batch(order(1), order(2))], message_id="M1")
# Runs the limits as the child does, then tries to break each one.
PROBE = """
import os, resource, socket, sys
import msgspec
from twinrail.engine.transports.intake_child import isolate, limit
from twinrail.schemas.iso20022.staged import Job
job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
network = isolate()
limit(job)
def tried(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
def write():
    with open(sys.argv[1], "wb", buffering=0) as stream:
        for _ in range(64):
            stream.write(bytes(1 << 20))
def reach():
    if network == "none":
        raise OSError
    with socket.socket() as link:
        link.settimeout(2)
        link.connect(("127.0.0.1", int(sys.argv[2])))
print(tried(lambda: bytearray(1 << 30)), tried(write), tried(reach), resource.getrlimit(resource.RLIMIT_CPU)[0])
"""


def job(size: int = len(GOOD), **changes: object) -> bytes:
    made = Job(key=KEY, profile=SCT, limits=Limits(), today=TODAY.isoformat(), file_size=size)
    return msgspec.json.encode(msgspec.structs.replace(made, **changes))


def run(folder: Path, data: bytes, given: bytes) -> tuple[subprocess.CompletedProcess[bytes], bytes]:
    (folder / "in.xml").write_bytes(data)
    with (folder / "in.xml").open("rb") as incoming, (folder / "spool").open("w+b") as outgoing:
        ends = (incoming.fileno(), outgoing.fileno())
        done = subprocess.run(
            [sys.executable, "-P", "-s", "-m", CHILD, *map(str, ends)],
            input=given,
            capture_output=True,
            pass_fds=ends,
            env=_environment(),
            check=False,
        )
    return done, (folder / "spool").read_bytes()


def test_a_file_becomes_rows_and_a_summary(tmp_path: Path) -> None:
    done, rows = run(tmp_path, GOOD, job())
    assert (done.returncode, done.stderr) == (0, b"")
    summary = msgspec.json.decode(done.stdout, type=Summary)
    assert (summary.message_id, summary.transactions, summary.control_sum) == ("M1", 2, 20_00)
    assert len(summary.sha256) == 64
    assert 10_000 < summary.peak_kib < 150_000
    assert len(rows.splitlines()) == 2
    assert TOKENS.iban(DEBTOR).encode() in rows
    assert DEBTOR.encode() not in rows + done.stdout


def test_an_unusable_file_is_a_finding_not_a_failure(tmp_path: Path) -> None:
    done, _ = run(tmp_path, GOOD[:-20], job())
    assert done.returncode == 0
    assert msgspec.json.decode(done.stdout, type=Summary).problem == "not well-formed XML"


INVALID = GOOD.replace(b"<CreDtTm>2026", b"<CreDtTm>x026")
TIMED = """
import io, sys
from twinrail.engine.transports.intake_child import explained
with io.FileIO(sys.argv[1]) as source:
    print(explained(source, 0.001), len(explained(source)))
"""


def test_what_the_schema_refuses_is_explained_without_its_values(tmp_path: Path) -> None:
    done, _ = run(tmp_path, INVALID, job(len(INVALID)))
    summary = msgspec.json.decode(done.stdout, type=Summary)
    assert summary.problem == "content not allowed by the schema"
    assert summary.explanation == ("Document/CstmrCdtTrfInitn/GrpHdr/CreDtTm: not of type dateTime",)
    assert summary.peak_kib < 150_000
    assert b"x026" not in done.stdout


def test_what_is_no_document_of_the_schema_is_not_explained(tmp_path: Path) -> None:
    for data in (GOOD[:-20], GOOD.replace(b"pain.001.001.09", b"pain.001.001.03"), b"no XML at all"):
        done, _ = run(tmp_path, data, job())
        summary = msgspec.json.decode(done.stdout, type=Summary)
        assert (bool(summary.problem), summary.explanation) == (True, ())


def test_an_explanation_has_a_bound_on_time(tmp_path: Path) -> None:
    path = tmp_path / "in.xml"
    path.write_bytes(INVALID)
    done = subprocess.run(
        [sys.executable, "-c", TIMED, str(path)], capture_output=True, env=_environment(), check=True, text=True
    )
    assert done.stdout == "[] 1\n"


def test_a_hit_limit_ends_the_child_without_a_word_of_the_file(tmp_path: Path) -> None:
    done, _ = run(tmp_path, GOOD, job(address_space_bytes=1 << 20))
    assert done.returncode != 0
    assert done.stdout == b""
    assert b"IBAN" not in done.stderr


def test_the_limits_hold(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(tmp_path / "big"), str(port)],
            input=job(size=1000),
            capture_output=True,
            env=_environment(),
            check=True,
        )
    memory, size, network, seconds = done.stdout.decode().split()
    assert memory == "MemoryError"
    assert size == "OSError"
    assert network in ("OSError", "ConnectionRefusedError", "TimeoutError")
    assert seconds == "60"


def test_the_environment_holds_nothing_but_where_the_modules_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINRAIL_DATABASE_URL", "postgres://secret")
    environment = _environment()
    assert set(environment) == {"PYTHONPATH"}
    assert all(Path(part).is_absolute() for part in environment["PYTHONPATH"].split(os.pathsep))


def test_processor_time_grows_with_the_file() -> None:
    assert intake_child.cpu_seconds(0) == 60
    assert intake_child.cpu_seconds(100_000_000) == 120


def test_the_key_is_not_shown() -> None:
    assert "kkk" not in repr(msgspec.json.decode(job(), type=Job))
