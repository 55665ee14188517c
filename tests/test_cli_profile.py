"""`twinrail profile`: what it prints can be edited and used, and what is wrong with a file is said."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinrail.cli import app
from twinrail.schemas.iso8583.profiles import PROFILES

RUN = CliRunner().invoke


def test_list_names_every_profile() -> None:
    listed = RUN(app, ["profile", "list", "--json"])
    assert [json.loads(line)["name"] for line in listed.output.splitlines()] == list(PROFILES)
    table = RUN(app, ["profile", "list"]).output.splitlines()
    assert [line.split()[0] for line in table[1:]] == list(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_what_show_prints_is_a_good_file(name: str, tmp_path: Path) -> None:
    shown = RUN(app, ["profile", "show", name])
    assert shown.exit_code == 0
    file = tmp_path / "copy.toml"
    file.write_text(shown.output.replace(f'name = "{name}"', 'name = "copy"'), encoding="utf-8")
    checked = RUN(app, ["profile", "check", str(file), name])
    assert (checked.exit_code, checked.output) == (0, f"{file}: good\n{name}: good\n")
    again = RUN(app, ["profile", "show", str(file)]).output.splitlines()
    assert again[2:] == [line.replace(f'name = "{name}"', 'name = "copy"') for line in shown.output.splitlines()[2:]]


def test_a_profile_with_a_dialect_of_a_file_is_checked_with_it(tmp_path: Path) -> None:
    dialect = tmp_path / "north.toml"
    dialect.write_text('from = "iso1987-bcd"\nname = "north"', encoding="utf-8")
    profile = tmp_path / "link.toml"
    profile.write_text('from = "card-1987"\nname = "link"\ndialect = "north"', encoding="utf-8")
    assert RUN(app, ["profile", "check", str(profile)]).exit_code == 1
    assert RUN(app, ["profile", "check", str(profile), "--dialect-file", str(dialect)]).exit_code == 0
    assert 'dialect = "north"' in RUN(app, ["profile", "show", str(profile), "--dialect-file", str(dialect)]).output


def test_what_is_wrong_is_said_and_a_wrong_name_is_a_wrong_call(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('from = "card-1987"\nname = "bad"\ndeadline_s = 9', encoding="utf-8")
    checked = RUN(app, ["profile", "check", str(file)])
    assert checked.exit_code == 1
    assert "deadline_s: is above 0 and at most 4.5" in checked.output
    assert RUN(app, ["profile", "check", "nowhere"]).exit_code == 2
    assert RUN(app, ["profile", "check", "nowhere.toml"]).exit_code == 2
