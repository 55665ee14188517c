"""Retention: what is kept of payment files is kept for a stated time and then removed.

Originals hold IBANs in the clear, so none stays for ever. Age counts from the change of the inode, which is the rename
into the folder: the time stamp of the writer says nothing about it. Journal and table `payment` are not touched; a
report that is gone is written again from them when its file is handed in once more.

A clock that is far ahead would make everything look old. So nothing is removed until wall time has run along with the
steady clock for an hour, since the start and since its last jump: whoever sets a wrong clock right has that long.
"""

import contextlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

NAMES_AT_ONCE = 500  # names looked at in one sweep
EVERY_NS = 3600 * 1_000_000_000  # pause between two passes over the folders
JUMP_NS = 60 * 1_000_000_000  # by how much wall and steady time may drift apart before the clock counts as set
_DAY_NS = 86_400 * 1_000_000_000
_LOG = logging.getLogger(__name__)


class Retention:
    """The folders whose files have an age limit of `keep_days`; `clock` gives ns since 1970, `steady` monotonic ns."""

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        keep_days: int,
        clock: Callable[[], int],
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.removed = 0
        self._folders = tuple(folders)
        self._keep_ns = keep_days * _DAY_NS
        self._clock = clock
        self._steady = steady
        self._trusted_from = steady() + EVERY_NS
        self._offset = clock() - steady()
        self._pass: Iterator[os.DirEntry[str]] | None = None
        self._next = 0

    def sweep(self) -> int:
        """Go on with the pass under way, or begin one when it is time; give how many files were removed."""
        now = self._clock()
        if not self._trusts(now):
            self._pass = None
            return 0
        if self._pass is None:
            if 0 < self._next - now <= EVERY_NS:  # a clock that was set back does not put the pass off for long
                return 0
            self._next = now + EVERY_NS
            self._pass = self._entries()
        entries = list(islice(self._pass, NAMES_AT_ONCE))
        if len(entries) < NAMES_AT_ONCE:
            self._pass = None
        removed = sum(self._removed(entry, now - self._keep_ns) for entry in entries)
        self.removed += removed
        return removed

    def _trusts(self, now: int) -> bool:
        """Say whether the clock has gone on as it should for long enough."""
        steady = self._steady()
        offset = now - steady
        if abs(offset - self._offset) > JUMP_NS:
            self._trusted_from = steady + EVERY_NS
            _LOG.warning(
                "clock was set, kept payment files stay for now", extra={"by_s": (offset - self._offset) // 10**9}
            )
        self._offset = offset
        return steady >= self._trusted_from

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        for folder in self._folders:
            with os.scandir(folder) as entries:
                yield from entries

    def _removed(self, entry: os.DirEntry[str], before: int) -> bool:
        """Remove one file if it was put away before a time; folders are not ours, links are not followed."""
        with contextlib.suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode) and status.st_ctime_ns < before:
                Path(entry.path).unlink()
                return True
        return False
