"""Dialect files on disk: found by name or path, bounded, and only within their own folder."""

from pathlib import Path

import pytest

from twinrail.codecs.dialect_check import DialectError
from twinrail.codecs.dialect_file import FILE_BYTES_MAX
from twinrail.dialects import beside, file_text, find_dialect, judge_file, read_dialect_files
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.dialects import DIALECTS


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_files_are_read_by_the_names_in_them(tmp_path: Path) -> None:
    one = written(tmp_path / "one.toml", 'name = "north"\nfrom = "iso1987-ascii"')
    two = written(tmp_path / "two.toml", '\ufeffname = "south"\nfrom = "one.toml"\nwithout = [60]')
    found = read_dialect_files([one, two])
    assert list(found) == ["north", "south"]
    assert {row.number for row in found["north"].elements} - {row.number for row in found["south"].elements} == {60}
    assert find_dialect(str(two)) == found["south"]
    assert find_dialect("iso1987-bcd") is DIALECTS["iso1987-bcd"]


@pytest.mark.parametrize("name", ["iso1987-bcd", "north"])
def test_a_name_that_is_there_already_is_refused(tmp_path: Path, name: str) -> None:
    one = written(tmp_path / "one.toml", 'name = "north"\nfrom = "iso1987-ascii"')
    two = written(tmp_path / "two.toml", f'name = "{name}"\nfrom = "iso1987-ascii"')
    with pytest.raises(SettingsError, match=f"two.toml: a dialect called {name} is there already"):
        read_dialect_files([one, two])


def test_a_bad_file_is_named_with_its_line(tmp_path: Path) -> None:
    bad = written(tmp_path / "bad.toml", 'name = "bad"\nfrom = "iso1987-ascii"\ncolour = "red"')
    with pytest.raises(DialectError, match=r"bad\.toml: line 3, colour: unknown"):
        read_dialect_files([bad])
    assert judge_file(bad).dialect is None


@pytest.mark.parametrize("word", ["../one.toml", "/etc/one.toml", "sub/one.toml", "one.json", "", ".", "nosuch"])
def test_a_file_reaches_no_other_folder(tmp_path: Path, word: str) -> None:
    written(tmp_path / "one.toml", 'name = "north"\nfrom = "iso1987-ascii"')
    (tmp_path / "sub").mkdir()
    written(tmp_path / "sub" / "one.toml", 'name = "north"\nfrom = "iso1987-ascii"')
    with pytest.raises(SettingsError, match="of the same folder, or one of iso1987-ascii"):
        beside(tmp_path / "sub")(word)


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nosuch\.toml: cannot be read: No such file"):
        file_text(tmp_path / "nosuch.toml")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        file_text(tmp_path)
    large = written(tmp_path / "large.toml", "#" * FILE_BYTES_MAX)
    assert len(file_text(large)) == FILE_BYTES_MAX
    with pytest.raises(SettingsError, match="more than"):
        file_text(large, FILE_BYTES_MAX - 1)
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(SettingsError, match="is not UTF-8 at byte 2"):
        file_text(tmp_path / "latin.toml")
    with pytest.raises(SettingsError, match=r"there is no dialect nosuch; a file ends in \.toml, and built in"):
        find_dialect("nosuch")
