"""A launcher of the PostgreSQL that comes in a wheel: real server programs, started and stopped by us alone.

One state folder is one cluster: `data` (or where `place` points), `password`, `server.log` and `lock`. Whoever holds
the lock owns the server; a second starter of the same folder uses the running server and leaves it running. A server
whose owner was killed stops by itself (see `become`); one found running without an owner is stopped by its pid.
The server listens on the loopback address only, asks for a password, and its log shows no values of rows.
"""

import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from twinrail.engine.store import server_home
from twinrail.errors import StoreError

USER = "twinrail"
_START_TIMEOUT_S = 120.0  # crash recovery of a large cluster is part of it
_STOP_TIMEOUT_S = 60.0
_POLL_S = 0.005
_PORT_ATTEMPTS = 5
_LOG_BYTES_MAX = 16 * 2**20  # a larger log is put aside, once, when the server starts
_SOCKET_PATH_BYTES_MAX = 107  # struct sockaddr_un
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

# Why: see docs/architecture.md. Parameters and details of errors hold values of rows, so the log has neither.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "50",
    "shared_buffers": "256MB",
    "wal_buffers": "16MB",
    "wal_level": "replica",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    # A new segment is not written full of zeros first: less to wait for under load (one noisy comparison, no proof).
    "wal_init_zero": "off",
    "checkpoint_timeout": "15min",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "logging_collector": "off",
}
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class EmbeddedPostgres:
    """A PostgreSQL server of our own on a state folder; usable as a context manager.

    `durable=False` gives up safety for speed and is for tests only; the store refuses such a server unless told
    otherwise. `port=0` takes a free one. The server's life ends with this process, however that ends.
    """

    def __init__(self, folder: Path, *, durable: bool = True, port: int = 0) -> None:
        self.folder = folder.absolute()
        self._durable = durable
        self._wanted_port = port
        self._port = 0
        self._pid = 0
        self._lock: BinaryIO | None = None
        self._waiter: threading.Thread | None = None
        self._home: Path | None = None
        self._binaries: server_home.Binaries | None = None
        self._password = ""

    @property
    def pid(self) -> int:
        """Give the process id of the server; 0 while it is not started."""
        return self._pid

    @property
    def port(self) -> int:
        """Give the TCP port of the server; 0 while it is not started."""
        return self._port

    @property
    def owned(self) -> bool:
        """Say whether we started the server; False where another process owns it and we only use it."""
        return self._lock is not None

    @property
    def home(self) -> Path:
        """Give the folder that holds the data: the state folder, or a place that the server's user can reach."""
        if self._home is None:
            self._home = server_home.home_of(self.folder, lasting=self._durable)
        return self._home

    @property
    def data(self) -> Path:
        """Give the data folder."""
        return self.home / "data"

    def start(self) -> None:
        """Start the server, making the cluster where there is none; returns when it accepts connections.

        StoreError where it cannot: wrong version of the data, wrong user, port taken; with the end of its log.
        """
        if self._pid:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_or_attach()
        if self._lock is None:
            return
        try:
            self._start_owned()
        except BaseException:
            self._release()
            raise

    def stop(self) -> None:
        """Stop the server: connections are ended, work under way is rolled back, everything else is on disk.

        A server that another process owns is left running.
        """
        if self._lock is not None and self._pid:
            self._end((signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
        self._release()

    def kill(self) -> None:
        """Kill the server and all its processes at once, as a power failure would; for tests of recovery."""
        if self._lock is None or not self._pid:
            return
        os.kill(self._pid, signal.SIGSTOP)  # so that it starts no new ones
        children = list(_children_of(self._pid))
        for pid in (*children, self._pid):
            _signal(pid, signal.SIGKILL)
        self._join(_STOP_TIMEOUT_S)
        _wait(lambda: not any(_alive(pid) for pid in children), _STOP_TIMEOUT_S)  # they hold the shared memory
        self._release()

    def dsn(self, database: str = USER) -> str:
        """Give the address of a database of the server; it holds the password, so it is never shown."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` where one is given; StoreError where the server refuses."""
        wanted = f" TEMPLATE {_checked(template)}" if template else ""
        self._sql(f"CREATE DATABASE {_checked(name)}{wanted} STRATEGY file_copy")

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, ending the connections to it."""
        self._sql(f"DROP DATABASE IF EXISTS {_checked(name)} WITH (FORCE)")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Who owns the folder

    def _take_or_attach(self) -> BinaryIO | None:
        """Take the folder's lock; None where its owner lives and its server was found to be ready."""
        lock = (self.folder / "lock").open("ab")
        until = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if self._attach():
                    lock.close()
                    return None
            else:
                return lock
            if time.monotonic() > until:
                lock.close()
                raise StoreError(f"another process holds {self.folder / 'lock'} and its server does not get ready")
            time.sleep(_POLL_S)

    def _attach(self) -> bool:
        self._home = None  # the owner may just have chosen it
        pid, port, ready = _postmaster(self.data)
        if not (ready and _alive(pid)):
            return False
        self._pid, self._port, self._password = pid, port, self._read_password()
        return True

    def _release(self) -> None:
        self._pid = self._port = 0
        self._waiter = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # Starting

    def _start_owned(self) -> None:
        identity = server_home.identity_for(self.data)
        self._binaries = server_home.binaries_for(self.home, identity)
        self._stop_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster(identity)
        major = int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        if major != self._binaries.major:
            raise StoreError(
                f"{self.data} is of PostgreSQL {major}, the installed one is {self._binaries.version}: "
                "convert the data with pg_upgrade or by dump and restore, or install the older package"
            )
        self._password = self._read_password()
        for attempt in range(_PORT_ATTEMPTS):
            self._port = self._wanted_port or _free_port()
            if self._launch(identity):
                return
            taken = "Address already in use" in self._log_tail()
            if not taken or self._wanted_port or attempt == _PORT_ATTEMPTS - 1:
                break
        hint = f": port {self._port} is taken" if taken else ""
        raise StoreError(f"PostgreSQL did not start{hint}; the end of {self._log}:\n{self._log_tail()}")

    def _stop_leftover(self) -> None:
        """Stop a server of this data folder that lost its owner; by its pid, and only if it is that server."""
        pid, _, _ = _postmaster(self.data)
        if pid and _serves(pid, self.data):
            self._pid = pid
            self._end((signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
            self._pid = 0

    def _make_cluster(self, identity: server_home.Identity) -> None:
        """Run initdb in a fresh folder that gets its name only when complete, so that half a cluster is never used."""
        if self.data.exists():
            raise StoreError(f"{self.data} exists but is no cluster: move it away")
        fresh = Path(tempfile.mkdtemp(prefix="data.", dir=self.home))
        server_home.give_to(identity, fresh)
        password = secrets.token_urlsafe(24)
        handed = fresh / "password"
        _write_private(handed, password)
        server_home.give_to(identity, handed)
        secret = self.home / f"{fresh.name}.password"  # initdb wants an empty folder
        handed.rename(secret)
        try:
            self._initdb(identity, fresh, secret)
        except BaseException:
            shutil.rmtree(fresh)
            raise
        finally:
            secret.unlink()
        _write_private(self.folder / "password", password)
        fresh.rename(self.data)

    def _initdb(self, identity: server_home.Identity, folder: Path, secret: Path) -> None:
        command = [
            str(self.program("initdb")),
            f"--pgdata={folder}",
            f"--username={USER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # sorted alike on every machine, and fastest
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
        ]
        if not self._durable:
            command.append("--no-sync")
        done = subprocess.run(  # noqa: S603 - our own binaries, no shell
            _become(identity, folder, command), capture_output=True, text=True, check=False, timeout=_START_TIMEOUT_S
        )
        if done.returncode:
            raise StoreError(f"initdb failed: {done.stderr.strip()[-1000:]}")
        command = [str(self.program("postgres")), "--single", "-D", str(folder), "postgres"]
        done = subprocess.run(  # noqa: S603 - our own binaries, no shell
            _become(identity, folder, command),
            input=f"CREATE DATABASE {USER};\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_TIMEOUT_S,
        )
        if done.returncode or "ERROR" in done.stderr:
            raise StoreError(f"the first database could not be made: {done.stderr.strip()[-1000:]}")

    def _launch(self, identity: server_home.Identity) -> bool:
        """Start the server and wait for it; False where it ended instead."""
        settings = _SETTINGS | {"port": str(self._port), "unix_socket_directories": self._socket_folder()}
        if not self._durable:
            settings |= _UNSAFE
        command = [str(self.program("postgres")), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        started = threading.Event()
        # The death signal is bound to the thread that forks: this one lives as long as the server or the process,
        # and reaps the server the moment it ends.
        self._waiter = threading.Thread(
            target=self._run, args=(_become(identity, self.data, command), started), name="postgres", daemon=True
        )
        self._waiter.start()
        started.wait()
        waiter = self._waiter
        if _wait(lambda: not waiter.is_alive() or self._is_ready(), _START_TIMEOUT_S) and waiter.is_alive():
            return True
        if waiter.is_alive():
            self._end((signal.SIGQUIT, signal.SIGKILL))
        self._pid = 0
        return False

    def _run(self, command: list[str], started: threading.Event) -> None:
        try:
            with self._open_log() as log:
                # A session of its own, so that Ctrl-C on our terminal does not stop it before we have drained.
                process = subprocess.Popen(  # noqa: S603 - our own binaries, no shell
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            self._pid = process.pid
        finally:
            started.set()
        process.wait()

    def _is_ready(self) -> bool:
        pid, _, ready = _postmaster(self.data)
        return ready and pid == self._pid

    def _socket_folder(self) -> str:
        longest = os.fsencode(self.data / f".s.PGSQL.{self._port}.lock")
        return str(self.data) if len(longest) <= _SOCKET_PATH_BYTES_MAX else ""

    # Ending

    def _end(self, signals: tuple[signal.Signals, ...]) -> None:
        """Send one signal after the other until the server has ended; StoreError where none ends it."""
        for number in signals:
            _signal(self._pid, number)
            if self._join(_STOP_TIMEOUT_S):
                return
        raise StoreError(f"PostgreSQL (process {self._pid}) does not end")

    def _join(self, timeout_s: float) -> bool:
        waiter, pid = self._waiter, self._pid
        if waiter is None:  # a leftover: not our child
            return _wait(lambda: not _alive(pid), timeout_s)
        waiter.join(timeout_s)
        return not waiter.is_alive()

    # Files and programs

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _open_log(self) -> BinaryIO:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.1"))
        return self._log.open("ab")

    def _log_tail(self) -> str:
        if not self._log.exists():
            return ""
        return b"\n".join(self._log.read_bytes()[-4000:].splitlines()[-12:]).decode(errors="replace")

    def _read_password(self) -> str:
        path = self.folder / "password"
        try:
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise StoreError(f"{path} is missing: put it back, or move {self.data} away to start anew") from None
        except PermissionError:
            raise StoreError(f"{path} belongs to another user: run as that user or as root") from None

    def program(self, name: str) -> Path:
        """Give the path of one of the server's programs, as in "psql" or "pgbench"; it is not run."""
        if self._binaries is None:
            self._binaries = server_home.binaries_for(self.home, server_home.identity_for(self.data))
        return self._binaries.folder / name

    def _sql(self, statement: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own binaries, no shell
            [str(self.program("psql")), "--no-psqlrc", "--quiet", "--command", statement],
            env={
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self._port),
                "PGUSER": USER,
                "PGPASSWORD": self._password,
                "PGDATABASE": "postgres",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_TIMEOUT_S,
        )
        if done.returncode:
            raise StoreError(f"the embedded PostgreSQL refused: {done.stderr.strip()[-300:]}")


def _become(identity: server_home.Identity, folder: Path, command: list[str]) -> list[str]:
    script = str(Path(__file__).with_name("become.py"))
    who = [str(os.getpid()), str(identity.uid), str(identity.gid), str(folder)]
    return [sys.executable, "-I", "-S", script, *who, *command]


def _postmaster(data: Path) -> tuple[int, int, bool]:
    """Read the server's own pid file: its pid, its port, and whether it accepts connections; zeros where none."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
        pid = int(lines[0])
        port = int(lines[3]) if len(lines) > 3 else 0
    except (OSError, IndexError, ValueError):
        return 0, 0, False
    return pid, port, len(lines) > 7 and lines[7].strip() == "ready"


def _serves(pid: int, data: Path) -> bool:
    """Say whether a process is the server of the data folder: a stale pid file may name a stranger."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve() and _alive(pid)
    except OSError:
        return False


def _alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children_of(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(entry.name)
        except OSError:  # it ended while we looked
            continue


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 - the mode must hold from the first byte
        file.write(text)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise StoreError("a database name is a letter and up to 62 more lower-case letters, digits or underscores")
    return name
