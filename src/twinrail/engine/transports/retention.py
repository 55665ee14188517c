"""Retention: what is kept of payment files is kept for a stated time and then removed.

Originals hold IBANs in the clear, so none stays for ever. Age counts from the change of the inode, which is the rename
into the folder: the time stamp of the writer says nothing about it. Journal and table `payment` are not touched; a
report that is gone is written again from them when its file is handed in once more.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

NAMES_AT_ONCE = 500  # names looked at in one sweep
EVERY_NS = 3600 * 1_000_000_000  # pause between two passes over the folders
_DAY_NS = 86_400 * 1_000_000_000


class Retention:
    """The folders whose files have an age limit of `keep_days`; `clock` gives ns since 1970."""

    def __init__(self, folders: Sequence[Path], *, keep_days: int, clock: Callable[[], int]) -> None:
        self.removed = 0
        self._folders = tuple(folders)
        self._keep_ns = keep_days * _DAY_NS
        self._clock = clock
        self._pass: Iterator[os.DirEntry[str]] | None = None
        self._next = 0

    def sweep(self) -> int:
        """Go on with the pass under way, or begin one when it is time; give how many files were removed."""
        now = self._clock()
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
