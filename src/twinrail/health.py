"""Health: the status file that an engine rewrites every second, and what it tells about being alive and ready.

Alive means that the process of the file runs and wrote it less than 5 s ago. Ready means that it said so itself and
that it still owns the epoch, as far as the database can be asked. A container or a load balancer asks by exit code.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

STALE_S = 5.0
STATUS_BYTES_MAX = 1 << 20
CERTIFICATE_WARN_DAYS = 30


class Health(NamedTuple):
    """What is known of an engine; `problems` says in words why it is not ready."""

    alive: bool
    ready: bool
    problems: tuple[str, ...]
    status: Mapping[str, Any]


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Replace the status file at once, readable by its owner only.

    Keys: pid, at (unix seconds), epoch, owner (bool), store ("ok" or "away"), ready (bool), version, links (by name:
    open, signed_on, and listening or else connect, state, since, attempts, last_error). A reader sees the old file or
    the new one, never a part. It is no record of anything, so it is not flushed to the disk.
    """
    descriptor, fresh = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(status, file)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def read_status(path: Path, *, now: float, stored_epoch: int | None = None) -> Health:
    """Judge the status file at the wall time `now` (unix seconds).

    `stored_epoch` is the epoch in the database, None where it could not be asked; then the engine's word counts.
    """
    try:
        with path.open("rb") as file:
            status = json.loads(file.read(STATUS_BYTES_MAX))
        pid, at, epoch = int(status["pid"]), float(status["at"]), int(status["epoch"])
    except FileNotFoundError:
        return Health(alive=False, ready=False, problems=(f"no engine has written {path}",), status={})
    except (OSError, ValueError, TypeError, KeyError):
        return Health(alive=False, ready=False, problems=(f"{path} cannot be read as a status",), status={})
    if not _runs(pid):
        return Health(alive=False, ready=False, problems=(f"process {pid} does not run any more",), status=status)
    if not -STALE_S < now - at < STALE_S:
        stale = f"process {pid} runs but last wrote its status {now - at:.0f} s ago"
        return Health(alive=False, ready=False, problems=(stale,), status=status)
    problems = tuple(_unready(status, epoch, stored_epoch))
    return Health(alive=True, ready=not problems, problems=problems, status=status)


def _unready(status: Mapping[str, Any], epoch: int, stored_epoch: int | None) -> list[str]:
    problems = []
    if status.get("owner") is not True:
        problems.append("the engine does not own its partition")
    if stored_epoch is not None and stored_epoch != epoch:
        problems.append(f"another engine owns the partition: epoch {stored_epoch}, ours {epoch}")
    if status.get("store") != "ok":
        problems.append("the store is away")
    links = status.get("links")
    for name, link in links.items() if isinstance(links, dict) else ():
        # A network that is dialled and not there is its own trouble: no other engine would do better.
        if not (isinstance(link, dict) and ("connect" in link or link.get("listening"))):
            problems.append(f"link {name} does not listen")
    if status.get("ready") is not True and not problems:
        problems.append("the engine says that it is not ready")
    return problems


def link_lines(health: Health) -> list[str]:
    """Say in a line each how the links are."""
    links = health.status.get("links")
    if not isinstance(links, dict):
        return []
    return [f"link {name}: {_link_in_words(link)}" for name, link in links.items() if isinstance(link, dict)]


def _link_in_words(link: Mapping[str, Any]) -> str:
    words = [f"{link.get('open', 0)} open, {link.get('signed_on', 0)} signed on"]
    if "connect" in link:
        since = link.get("since")
        moment = f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S} UTC" if isinstance(since, int | float) else ""
        words.insert(0, f"{link.get('state')} since {moment}")
        if link.get("attempts"):
            words.append(f"{link['attempts']} attempts")
        if link.get("last_error"):
            words.append(f"last error: {link['last_error']}")
    else:
        words.insert(0, f"listening on {link.get('host')}:{link.get('port')}" if link.get("listening") else "closed")
        if link.get("refused"):
            words.append(f"{link['refused']} refused, last: {link.get('last_refusal')}")
    days = link.get("certificate_days")
    if isinstance(days, int | float) and days <= CERTIFICATE_WARN_DAYS:
        words.append(f"certificate ends in {days} days" if days > 0 else "certificate has ended")
    return ", ".join(words)


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it runs as someone else
    except OverflowError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return True  # no Linux
    return state != b"Z"  # killed, and its parent has not asked after it: containers without an init leave such
