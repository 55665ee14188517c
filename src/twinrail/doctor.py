"""`twinrail doctor`: what the engine needs of its machine, each with ok, warn or fail, a measurement and a remedy."""

import asyncio
import importlib
import json
import os
import platform
import resource
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from twinrail.certificates import days_left, load_security
from twinrail.database import database
from twinrail.errors import TwinrailError
from twinrail.health import CERTIFICATE_WARN_DAYS, read_status
from twinrail.keys import token_key
from twinrail.settings import LinkSettings, Settings

if TYPE_CHECKING:
    import asyncpg  # a server without a driver is a finding of this module, not its end

WHEELS = ("asyncpg", "lxml.etree", "msgspec", "pydantic", "rich", "stdnum", "typer", "xmlschema")
FSYNC_RUNS = 50
COMMIT_RUNS = 50
FSYNC_WARN_S = 0.005  # a commit waits for about one of these
DESCRIPTORS_SPARE = 200  # besides one for each connection
DISK_WARN_BYTES, DISK_FAIL_BYTES = 5 << 30, 512 << 20
CLOCK_WARN_S = 2.0
DIAL_S = 2.0
SERVER_MIN = 150_000  # PostgreSQL 15
SAFE_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


@unique
class Grade(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One check: what was looked at, how it is, and what to do where it is not well."""

    name: str
    grade: Grade
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Finding:
    """Make a finding that is well."""
    return Finding(name, Grade.OK, text)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run all checks, each as soon as the one before is done; nothing raises."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _interpreter,
        _wheels,
        _loop,
        _key,
        _descriptors,
        _disk,
        _links,
        _certificates,
        _folders,
        _postgres,
    )
    for check in checks:
        yield from check(settings)


def run(settings: Settings, *, as_json: bool) -> int:
    """Examine and print; 3 where a check failed, else 0."""
    return report(examine(settings), as_json=as_json)


def report(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Print findings as they come; 3 where one failed, else 0."""
    worst = 0
    for finding in findings:
        if finding.grade is Grade.FAIL:
            worst = 3
        if as_json:
            print(json.dumps(finding._asdict()), flush=True)
        else:
            print(f"{finding.grade:<5} {finding.name:<18} {finding.text}", flush=True)
            if finding.remedy:
                print(f"{'':5} {'':18} -> {finding.remedy}", flush=True)
    return worst


def _interpreter(_settings: Settings) -> Iterator[Finding]:
    import pyexpat  # noqa: PLC0415 - an interpreter without it is rare, and then this check says so

    version = platform.python_version()
    # CVE-2024-12254 (transport.writelines without back-pressure) and CVE-2023-52425 (expat); our own write cap and
    # the disposable child cover both, so this is a warning.
    weak = sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)
    if weak:
        yield Finding("python", Grade.WARN, version, "3.12.9, 3.13.2 or newer close known weaknesses of asyncio")
    else:
        yield ok("python", version)
    if pyexpat.version_info < (2, 6, 0):
        text = ".".join(map(str, pyexpat.version_info))
        yield Finding("expat", Grade.WARN, text, "2.6 or newer; comes with a newer Python")
    else:
        yield ok("expat", ".".join(map(str, pyexpat.version_info)))


def _wheels(_settings: Settings) -> Iterator[Finding]:
    broken = []
    for name in WHEELS:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a broken extension module may raise anything
            broken.append(f"{name} ({type(error).__name__})")
    if broken:
        remedy = "remove the .venv folder and run ./twinrail again"
        yield Finding("packages", Grade.FAIL, f"cannot be imported: {', '.join(broken)}", remedy)
    else:
        yield ok("packages", f"{len(WHEELS)} import")


def _loop(settings: Settings) -> Iterator[Finding]:
    if settings.loop == "asyncio":
        yield Finding("event loop", Grade.WARN, "asyncio", 'loop = "uvloop" answers half as many messages again')
        return
    try:
        importlib.import_module("uvloop")
    except ImportError:
        yield Finding("event loop", Grade.FAIL, "uvloop cannot be imported", 'set loop = "asyncio"')
    else:
        yield ok("event loop", "uvloop")


def _key(settings: Settings) -> Iterator[Finding]:
    if settings.token_key_file is None and not settings.state_dir.exists():
        yield ok("token key", f"will be made under {settings.state_dir}")
        return
    try:
        token_key(settings)
    except (TwinrailError, OSError) as error:
        yield Finding("token key", Grade.FAIL, str(error), "see docs/how-to/run-against-your-postgresql.md")
    else:
        yield ok("token key", "readable, 32 bytes")


def _descriptors(settings: Settings) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.limits.connections_max + DESCRIPTORS_SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        remedy = f"ulimit -n {needed} (hard limit {hard}), or LimitNOFILE= of the unit"
        yield Finding("file descriptors", Grade.FAIL, f"{soft} allowed, {needed} needed", remedy)
    else:
        yield ok("file descriptors", f"{soft} allowed, {needed} needed")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = _existing(settings.state_dir)
    free = shutil.disk_usage(folder).free
    grade = Grade.FAIL if free < DISK_FAIL_BYTES else Grade.WARN if free < DISK_WARN_BYTES else Grade.OK
    remedy = "" if grade is Grade.OK else f"make room below {folder}: a full disk stops every decision"
    yield Finding("disk", grade, f"{free / (1 << 30):.1f} GiB free below {folder}", remedy)
    try:
        seconds = _fsync_s(folder)
    except OSError as error:
        yield Finding("fsync", Grade.FAIL, f"{folder} cannot be written ({error.strerror})", "choose another state_dir")
        return
    slow = seconds > FSYNC_WARN_S
    remedy = "a slow disk bounds the latency of every commit; use an SSD with power-loss protection" if slow else ""
    yield Finding("fsync", Grade.WARN if slow else Grade.OK, f"{seconds * 1e6:.0f} µs median of {FSYNC_RUNS}", remedy)


def _fsync_s(folder: Path) -> float:
    """Measure the median time of a small write with fdatasync in the folder, in seconds."""
    path = folder / f".fsync-{os.getpid()}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        times = []
        for _ in range(FSYNC_RUNS):
            start = time.perf_counter()
            os.write(descriptor, b"\0" * 512)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - start)
        return statistics.median(times)
    finally:
        os.close(descriptor)
        path.unlink()


def _links(settings: Settings) -> Iterator[Finding]:
    if not settings.links:
        yield Finding("links", Grade.WARN, "none is set", "add a [[links]] table; see twinrail.toml.example")
    running = read_status(settings.status_file, now=time.time())
    for link in settings.links:
        if running.alive and link.name in running.status.get("links", {}):
            where = ", ".join(link.connect) or f"{link.host}:{link.port}"
            yield ok(f"link {link.name}", f"{where}, held by the running engine")
        elif link.connect:
            yield _dialled(link)
        else:
            yield _listening(link)


def _listening(link: LinkSettings) -> Finding:
    name = f"link {link.name}"
    try:
        family = socket.getaddrinfo(link.host, link.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((link.host, link.port))
    except OSError as error:
        text = f"{link.host}:{link.port} cannot be bound ({error.strerror})"
        return Finding(name, Grade.FAIL, text, "stop what listens there (a running engine?) or change the port")
    if link.allow:
        return ok(name, f"{link.host}:{link.port} is free")
    return Finding(name, Grade.WARN, "its allow list is empty", "name the peer's networks in allow")


def _dialled(link: LinkSettings) -> Finding:
    """Connect to each address and hang up; a network that is not there yet is no error."""
    away = []
    for address, text in zip(link.endpoints(), link.connect, strict=True):
        try:
            socket.create_connection(address, timeout=DIAL_S).close()
        except OSError as error:
            away.append(f"{text} ({error.strerror or type(error).__name__})")
    if not away:
        return ok(f"link {link.name}", f"{', '.join(link.connect)} can be reached")
    text = f"cannot be reached: {', '.join(away)}"
    return Finding(f"link {link.name}", Grade.WARN, text, "is it up, and do the firewalls on the way let us through?")


def _certificates(settings: Settings) -> Iterator[Finding]:
    for link in settings.links:
        name = f"tls {link.name}"
        try:
            security = load_security(link)
        except (TwinrailError, ImportError) as error:
            yield Finding(name, Grade.FAIL, str(error), "see docs/how-to/connect-a-network.md")
            continue
        if security is None:
            continue
        days = days_left(security, time.time())
        text = f"good for {days:.0f} days" if days > 0 else "a certificate has ended"
        if days > CERTIFICATE_WARN_DAYS:
            yield ok(name, text)
        else:
            grade = Grade.WARN if days > 0 else Grade.FAIL
            yield Finding(name, grade, text, "put the new files in place; a running engine reads them at SIGHUP")


def _folders(settings: Settings) -> Iterator[Finding]:
    if settings.files is None:
        return
    folders = (settings.files.inbox, settings.files.outbox, settings.files.work, settings.files.quarantine)
    places = [_existing(folder) for folder in folders]
    refused = [str(place) for place in places if not os.access(place, os.W_OK | os.X_OK)]
    if refused:
        yield Finding("file folders", Grade.FAIL, f"cannot write: {', '.join(refused)}", "chown them to this user")
    elif len({place.stat().st_dev for place in places}) > 1:
        text = "inbox, outbox, work and quarantine lie on different file systems"
        yield Finding("file folders", Grade.FAIL, text, "put them on one: files are claimed by rename")
    else:
        yield ok("file folders", str(settings.files.inbox.parent))


def _postgres(settings: Settings) -> Iterator[Finding]:
    try:
        with database(settings) as dsn:
            yield from asyncio.run(_ask_postgres(dsn, settings))
    except (TwinrailError, ImportError) as error:
        yield Finding("postgresql", Grade.FAIL, str(error), "see docs/how-to/run-against-your-postgresql.md")
    except OSError as error:
        text = f"the embedded one cannot start ({error.strerror or type(error).__name__})"
        yield Finding("postgresql", Grade.FAIL, text, "choose another state_dir, or set database_url")


async def _ask_postgres(dsn: str, settings: Settings) -> list[Finding]:
    import asyncpg  # noqa: PLC0415 - see the top of the module

    timeout_s = settings.store.connect_timeout_s
    try:
        connection = await asyncpg.connect(dsn, timeout=timeout_s, command_timeout=timeout_s)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The type only: the text of an error may repeat the address with its password.
        text = f"no connection ({type(error).__name__})"
        return [Finding("postgresql", Grade.FAIL, text, "is it running, and is database_url right?")]
    try:
        return await _inspect(connection, settings)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return [Finding("postgresql", Grade.FAIL, f"it failed while asked ({type(error).__name__})", "see its log")]
    finally:
        await connection.close(timeout=timeout_s)


async def _inspect(connection: "asyncpg.Connection[asyncpg.Record]", settings: Settings) -> list[Finding]:
    findings = []
    number = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
    version = str(await connection.fetchval("SELECT current_setting('server_version')"))
    if number < SERVER_MIN:
        findings.append(Finding("postgresql", Grade.FAIL, version, "PostgreSQL 15 or newer is needed"))
    else:
        findings.append(ok("postgresql", version))
    off = [
        name
        for name in SAFE_SETTINGS
        if await connection.fetchval("SELECT current_setting($1)", name) in {"off", "local"}
    ]
    if off:
        grade = Grade.WARN if settings.store.allow_unsafe else Grade.FAIL
        text = f"weakened for our role: {', '.join(off)}"
        findings.append(Finding("durability", grade, text, "switch them on: without them acknowledged money is lost"))
    else:
        findings.append(ok("durability", "fsync, full_page_writes and synchronous_commit are on"))
    findings.append(await _commit_latency(connection))
    skew = abs(float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())")) - time.time())
    if skew > CLOCK_WARN_S:
        findings.append(Finding("clock", Grade.WARN, f"{skew:.1f} s away from the database's", "run NTP on both"))
    else:
        findings.append(ok("clock", "agrees with the database's"))
    return findings


async def _commit_latency(connection: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    """Measure durable commits without leaving anything behind: pg_logical_emit_message writes to the log only."""
    times = []
    for _ in range(COMMIT_RUNS):
        start = time.perf_counter()
        await connection.execute("SELECT pg_logical_emit_message(true, 'twinrail', 'doctor')")
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    text = f"{seconds * 1e6:.0f} µs median of {COMMIT_RUNS}, {max(times) * 1e6:.0f} µs worst"
    if seconds > FSYNC_WARN_S:
        return Finding("commit", Grade.WARN, text, "the database's disk or network is slow; answers wait for it")
    return ok("commit", text)


def _existing(path: Path) -> Path:
    """Give the nearest folder at or above the path that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
