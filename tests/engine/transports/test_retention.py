"""What is kept goes when its time is over, a bounded number at a time, and nothing else goes."""

import os
from pathlib import Path

import pytest

from twinrail.engine.transports.retention import EVERY_NS, JUMP_NS, NAMES_AT_ONCE, Retention

DAY_NS = 86_400 * 10**9
DAYS = 30


class Clock:
    """Wall and steady time; age counts from the inode's own time, so a test starts there."""

    def __init__(self, folder: Path) -> None:
        self.wall = folder.stat().st_ctime_ns
        self.steady = 0

    def advance(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.wall += nanoseconds
        self.steady += nanoseconds


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    for name in ("done", "reports"):
        (tmp_path / name).mkdir()
    return Clock(tmp_path)


def retention(root: Path, clock: Clock, *, trusted: bool = True) -> Retention:
    """Give one that has run for a while, so that it trusts the clock."""
    folders = (root / "done", root / "reports")
    kept = Retention(folders, keep_days=DAYS, clock=lambda: clock.wall, steady=lambda: clock.steady)
    if trusted:
        clock.steady += EVERY_NS
        clock.wall += EVERY_NS
    return kept


def filled(root: Path, count: int = 1) -> None:
    for name in ("done", "reports"):
        for number in range(count):
            (root / name / f"{number}.xml").write_bytes(b"x")


def left(root: Path) -> int:
    return sum(len(list((root / name).iterdir())) for name in ("done", "reports"))


def test_files_go_when_their_time_is_over_and_not_before(tmp_path: Path, clock: Clock) -> None:
    filled(tmp_path)
    kept = retention(tmp_path, clock)
    newest = max(path.stat().st_ctime_ns for path in tmp_path.glob("*/*"))
    clock.advance(newest + DAYS * DAY_NS - EVERY_NS - clock.wall)
    assert (kept.sweep(), left(tmp_path)) == (0, 2)
    clock.advance(EVERY_NS + 1)
    assert (kept.sweep(), left(tmp_path)) == (2, 0)
    assert kept.removed == 2


def test_the_writers_time_stamp_says_nothing(tmp_path: Path, clock: Clock) -> None:
    filled(tmp_path)
    for path in tmp_path.glob("*/*"):
        os.utime(path, ns=(0, 0))
    assert retention(tmp_path, clock).sweep() == 0
    assert left(tmp_path) == 2


def test_a_sweep_looks_at_a_bounded_number_and_the_next_goes_on(tmp_path: Path, clock: Clock) -> None:
    filled(tmp_path, NAMES_AT_ONCE)
    clock.advance(2 * DAYS * DAY_NS)
    kept = retention(tmp_path, clock)
    assert [kept.sweep() for _ in range(4)] == [NAMES_AT_ONCE, NAMES_AT_ONCE, 0, 0]
    assert left(tmp_path) == 0


def test_a_pass_begins_once_an_hour_also_after_the_clock_was_set_back(tmp_path: Path, clock: Clock) -> None:
    clock.advance(2 * DAYS * DAY_NS)
    kept = retention(tmp_path, clock)
    assert kept.sweep() == 0
    filled(tmp_path)
    assert kept.sweep() == 0
    clock.advance(EVERY_NS)
    assert kept.sweep() == 2
    filled(tmp_path)
    clock.wall -= DAYS * DAY_NS // 2
    assert kept.sweep() == 0  # for an hour nothing is removed at all
    clock.advance(EVERY_NS)
    assert kept.sweep() == 2


def test_a_clock_that_is_ahead_at_the_start_or_jumps_removes_nothing_for_an_hour(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    right = clock.wall
    clock.wall += 10 * 365 * DAY_NS
    kept = retention(tmp_path, clock, trusted=False)
    for _ in range(4):
        assert kept.sweep() == 0
        clock.advance(EVERY_NS // 4 - 1)
    clock.wall = right  # set right in time
    assert kept.sweep() == 0
    clock.advance(2 * EVERY_NS)
    assert kept.sweep() == 0  # young, now that the clock is right
    clock.wall += 10 * 365 * DAY_NS  # and ahead again, in between two passes
    clock.advance(EVERY_NS)
    for _ in range(4):
        assert kept.sweep() == 0
        clock.advance(EVERY_NS // 4 - 1)
    assert left(tmp_path) == 2
    assert caplog.messages == ["clock was set, kept payment files stay for now"] * 2
    clock.advance(EVERY_NS)
    assert kept.sweep() == 2  # whoever leaves it so means it


def test_a_clock_that_is_corrected_bit_by_bit_is_trusted(tmp_path: Path, clock: Clock) -> None:
    filled(tmp_path)
    clock.advance(2 * DAYS * DAY_NS)
    kept = retention(tmp_path, clock)
    clock.wall += JUMP_NS
    assert kept.sweep() == 2


def test_folders_and_the_targets_of_links_stay(tmp_path: Path, clock: Clock) -> None:
    target = tmp_path / "target.xml"
    target.write_bytes(b"x")
    (tmp_path / "done" / "link.xml").symlink_to(target)
    (tmp_path / "done" / "folder").mkdir()
    clock.advance(2 * DAYS * DAY_NS)
    assert retention(tmp_path, clock).sweep() == 1
    assert target.exists()
    assert left(tmp_path) == 1
