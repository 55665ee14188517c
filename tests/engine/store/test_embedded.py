"""The embedded PostgreSQL: made, started, found, killed and left behind in every way that happens."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from twinrail.engine.store import embedded, server_home
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.errors import StoreError

pytestmark = pytest.mark.process
SOURCES = Path(embedded.__file__).parents[3]
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user can pass through, as pytest's own cannot."""
    made = Path(tempfile.mkdtemp(prefix="twinrail-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def initial() -> Iterator[Path]:
    """A cluster that was started once; copied by tests that only need any cluster."""
    made = Path(tempfile.mkdtemp(prefix="twinrail-test-"))
    made.chmod(0o711)
    with EmbeddedPostgres(made / "pg", durable=False):
        pass
    yield made / "pg"
    shutil.rmtree(made)


@pytest.fixture
def state(initial: Path, folder: Path) -> Path:
    subprocess.run(["cp", "-a", str(initial), str(folder / "pg")], check=True)  # noqa: S607 - it keeps the owners
    return folder / "pg"


def answer(server: EmbeddedPostgres, question: str, database: str = "twinrail") -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(server.dsn(database))
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


def until(condition: Callable[[], object]) -> None:
    """Look again and again, for at most twenty seconds, until it is so."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        os.sched_yield()


def started_elsewhere(state: Path, *, user: int | None = None, python: str = sys.executable) -> "subprocess.Popen[str]":
    """Start the server in a process of its own, which says its pid and port and then waits."""
    script = (
        "import sys, pathlib; from twinrail.engine.store.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), durable=False); server.start()\n"
        "print(server.pid, server.port, flush=True); sys.stdin.read(); server.stop()"
    )
    return subprocess.Popen(
        [python, "-c", script, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(map(str, (SOURCES, server_home._package().parent)))},
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )


def said(child: "subprocess.Popen[str]") -> tuple[int, int]:
    assert child.stdout is not None
    pid, port = child.stdout.readline().split()
    return int(pid), int(port)


def test_a_new_cluster_is_real_durable_and_private(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "deep" / "pg")
    with server:
        assert server.owned
        assert answer(server, "SELECT current_user") == "twinrail"
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert answer(server, f"SHOW {name}") == "on"
        assert answer(server, "SHOW listen_addresses") == "127.0.0.1"
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asyncpg.connect(server.dsn().replace(f":{server._password}@", ":wrong@")))
        assert (server.folder / "password").stat().st_mode & 0o077 == 0
        assert server.data.stat().st_mode & 0o077 == 0
        pid = server.pid
    assert server.pid == 0
    assert not embedded._alive(pid)


def test_databases_are_created_copied_and_dropped(state: Path) -> None:
    with EmbeddedPostgres(state, durable=False) as server:
        server.create_database("one")
        answer(server, "CREATE TABLE here (id integer)", "one")
        server.create_database("two", "one")
        assert answer(server, "SELECT count(*) FROM here", "two") == 0
        server.drop_database("two")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            answer(server, "SELECT 1", "two")
        with pytest.raises(StoreError, match="already exists"):
            server.create_database("one")
        with pytest.raises(StoreError, match="a database name"):
            server.create_database('one"; --')


def test_data_outlive_a_stop_and_a_kill(state: Path) -> None:
    server = EmbeddedPostgres(state)
    for end in (server.stop, server.kill, server.kill):
        server.start()
        answer(server, "CREATE TABLE IF NOT EXISTS here (id integer)")
        answer(server, "INSERT INTO here VALUES (1)")
        pid = server.pid
        children = list(embedded._children_of(pid))
        assert children
        end()
        assert not any(map(embedded._alive, [pid, *children]))
    with server:
        assert answer(server, "SELECT count(*) FROM here") == 3


def test_a_second_starter_uses_the_running_server_and_leaves_it_running(state: Path) -> None:
    with EmbeddedPostgres(state, durable=False) as first:
        with EmbeddedPostgres(state, durable=False) as second:
            assert not second.owned
            assert (second.pid, second.port) == (first.pid, first.port)
            assert answer(second, "SELECT 1") == 1
        assert answer(first, "SELECT 1") == 1


def test_a_server_ends_with_the_process_that_started_it(state: Path) -> None:
    child = started_elsewhere(state)
    pid, _ = said(child)
    child.kill()
    child.communicate()
    until(lambda: not embedded._alive(pid))


def test_after_its_owner_was_killed_the_next_starter_owns_it(state: Path) -> None:
    child = started_elsewhere(state)
    said(child)
    child.kill()
    child.communicate()
    with EmbeddedPostgres(state, durable=False) as server:
        assert server.owned
        assert answer(server, "SELECT 1") == 1


def test_a_server_without_an_owner_is_stopped_and_started_anew(state: Path) -> None:
    first = EmbeddedPostgres(state, durable=False)
    first.start()
    left = first.pid
    assert first._lock is not None
    first._lock.close()  # as if its owner had died and the server had not noticed
    with EmbeddedPostgres(state, durable=False) as server:
        assert server.owned
        assert server.pid != left
        assert not embedded._alive(left)
        assert answer(server, "SELECT 1") == 1


def test_a_pid_file_that_names_a_stranger_is_not_believed(state: Path) -> None:
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        (state / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n{state / 'data'}\n0\n1\n\n\n\nready\n")
        with contextlib.suppress(StoreError), EmbeddedPostgres(state, durable=False):
            pass  # PostgreSQL itself may refuse to start beside a live process of that pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_named(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedPostgres(state, durable=False, port=port)
        with pytest.raises(StoreError, match=f"port {port} is taken"):
            server.start()
    assert server.pid == 0
    server.start()
    assert server.port == port
    server.stop()


def test_data_of_another_version_are_named_and_left_alone(state: Path) -> None:
    version = state / "data" / "PG_VERSION"
    version.write_text("13\n", encoding="ascii")
    with pytest.raises(StoreError, match=r"is of PostgreSQL 13.*pg_upgrade"):
        EmbeddedPostgres(state, durable=False).start()
    assert version.read_text(encoding="ascii") == "13\n"


def test_a_lost_password_is_named(state: Path) -> None:
    (state / "password").unlink()
    with pytest.raises(StoreError, match="password is missing"):
        EmbeddedPostgres(state, durable=False).start()


def test_a_server_that_does_not_start_shows_the_end_of_its_log(state: Path) -> None:
    (state / "data" / "global" / "pg_control").unlink()
    with pytest.raises(StoreError, match=r"did not start(.|\n)*pg_control"):
        EmbeddedPostgres(state, durable=False).start()


@as_root
def test_as_root_an_unreachable_folder_moves_the_home_and_remembers_it(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "checkout" / "pg", durable=False)
    try:
        with server:
            assert server.home != server.folder
            assert server.data.stat().st_uid == NOBODY
            answer(server, "CREATE TABLE here (id integer)")
        with EmbeddedPostgres(server.folder, durable=False) as again:
            assert again.home == server.home
            assert answer(again, "SELECT count(*) FROM here") == 0
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(server.home)
    with pytest.raises(StoreError, match="gone or not ours"):
        EmbeddedPostgres(server.folder, durable=False).start()


@as_root
def test_as_root_unreachable_binaries_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = server_home._package()
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, closed / source.name)
    monkeypatch.syspath_prepend(str(closed))
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        assert server.program("postgres").is_relative_to(server.home)
        assert answer(server, "SELECT 1") == 1


def interpreter_of_all() -> str:
    """Find a Python that another user can run, new enough for us, with packages within its reach, or skip."""
    package = server_home._package()
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            reach = f"import os, sys; sys.exit(sys.version_info < (3, 11) or not os.access({str(package)!r}, os.R_OK))"
            asked = [python, "-c", reach]
            if not subprocess.run(asked, user=NOBODY, extra_groups=[], cwd="/", check=False).returncode:
                return python
    pytest.skip("another user can reach no interpreter that is new enough")


@as_root
def test_an_ordinary_user_runs_its_own_server_and_root_keeps_its_owner(folder: Path) -> None:
    shutil.chown(folder, NOBODY)
    python = interpreter_of_all()
    child = started_elsewhere(folder / "pg", user=NOBODY, python=python)
    child.communicate("", timeout=60)
    assert child.returncode == 0
    assert (folder / "pg" / "data").stat().st_uid == NOBODY
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        assert answer(server, "SELECT 1") == 1
    child = started_elsewhere(folder / "pg", user=NOBODY, python=python)
    child.communicate("", timeout=60)
    assert child.returncode == 0


def test_the_terminal_does_not_signal_the_server(state: Path) -> None:
    with EmbeddedPostgres(state, durable=False) as server:
        assert os.getsid(server.pid) != os.getsid(0)
