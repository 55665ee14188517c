"""The inbox of a file drop: which files are whole, and how one is claimed.

Writers rename a file in, or write it in place: then it is taken once its size stands still and it ends with the closing
tag. A claim is a rename into the work folder, so of two watchers only one wins; the name a file had is never a path.
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from twinrail.engine.transports.staging import Claim

NAMES_MAX = 10_000  # names looked at in one sweep
CLAIMED = ".xml"  # how every claimed file ends, so that none can pass for a spool or a summary
_UNFINISHED = (".", "~")  # how writers begin the names of files that they are still writing
_UNFINISHED_ENDS = (".tmp", ".part", ".partial", ".filepart")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_CLOSING = re.compile(rb"</(?:[A-Za-z_][A-Za-z0-9_.-]*:)?Document[ \t\r\n]*>[ \t\r\n]*\Z")
_TAIL_BYTES = 256
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a file in the inbox looked like, and since when (ns, wall)."""

    identity: tuple[int, int, int]
    since: int


class Inbox:
    """One watched folder; `clock` gives ns since 1970.

    A file that has not changed for `settle_s`, or was seen twice unchanged, stands still. One that stays without its
    closing tag for `incomplete_s` is given out as well, so that it can be put into quarantine.
    """

    def __init__(
        self, folder: Path, work: Path, *, settle_s: float, incomplete_s: float, clock: Callable[[], int]
    ) -> None:
        self._folder = folder
        self._work = work
        self._settle_ns = settle_s * _NS
        self._incomplete_ns = incomplete_s * _NS
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def whole(self) -> Iterator[Path]:
        """Give the files that may be claimed, oldest first; remember what the others look like."""
        found: list[tuple[int, str]] = []
        now = self._clock()
        seen: dict[str, _Seen] = {}
        with os.scandir(self._folder) as names:
            for _, entry in zip(range(NAMES_MAX), names, strict=False):
                if entry.name.startswith(_UNFINISHED) or entry.name.endswith(_UNFINISHED_ENDS):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        continue
                    last = self._seen.get(entry.name)
                    identity = (status.st_ino, status.st_size, status.st_mtime_ns)
                    same = last is not None and last.identity == identity
                    seen[entry.name] = last if same and last is not None else _Seen(identity, now)
                    if self._ready(Path(entry.path), status, seen[entry.name], now, same=same):
                        found.append((status.st_mtime_ns, entry.name))
        self._seen = seen
        for _, name in sorted(found):
            self._seen.pop(name, None)
            yield self._folder / name

    def _ready(self, path: Path, status: os.stat_result, seen: _Seen, now: int, *, same: bool) -> bool:
        if not stat.S_ISREG(status.st_mode):
            return True  # a link or a pipe: claimed so that it is quarantined
        still = same or now - status.st_mtime_ns >= self._settle_ns
        if not still:
            return False
        if _ends(path, status.st_size):
            return True
        since = min(seen.since, status.st_mtime_ns)
        return now - since >= self._incomplete_ns

    def claim(self, path: Path) -> Claim | None:
        """Take a file out of the inbox, readable from now on by us alone; None where another one was faster."""
        safe = _UNSAFE.sub("_", path.name.removesuffix(CLAIMED)).strip(".")[-80:] or "file"
        target = self._work / f"{secrets.token_hex(8)}.{safe}{CLAIMED}"
        try:
            path.rename(target)
        except FileNotFoundError:
            return None
        if not target.is_symlink():
            with contextlib.suppress(PermissionError):  # its writer owns it: then the folder's mode has to do
                target.chmod(0o600)
        return Claim(target)


def _ends(path: Path, size: int) -> bool:
    """Say whether a file ends with the closing tag of a document; never follows a link."""
    if not size:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _CLOSING.search(os.pread(handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))) is not None
    finally:
        os.close(handle)
