"""`twinrail profile`: list, show and check link profiles, those that are built in and those of files."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from twinrail.catalogue import BUILT_IN, find_profile, read_catalogue
from twinrail.codecs.profile_file import problems_of, write
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import PROFILES

_COLUMNS = ("name", "rail", "dialect", "frame", "header", "deadline_s")


def show_all(*, as_json: bool) -> int:
    """List the profiles that are built in."""
    rows = [
        (each.name, str(each.rail), each.dialect_name, each.frame.name, each.header.name, f"{each.deadline_s:g}")
        for each in PROFILES.values()
    ]
    if as_json:
        for row in rows:
            print(json.dumps(dict(zip(_COLUMNS, row, strict=True))))
        return 0
    widths = [max(len(row[column]) for row in (_COLUMNS, *rows)) for column in range(len(_COLUMNS))]
    for row in (_COLUMNS, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def show(word: str, dialects: Sequence[Path]) -> int:
    """Print a profile as a file, whole: what it builds on is worked in."""
    profile = find_profile(word, read_catalogue(dialects, ()) if dialects else BUILT_IN)
    print(write(profile, profile.name if word in PROFILES else "card-1987"), end="")
    return 0


def check(words: Sequence[str], dialects: Sequence[Path]) -> int:
    """Say of each profile whether it is good, and what is wrong with it; 1 where one is not."""
    catalogue = read_catalogue(dialects, ())
    failed = False
    for word in words:
        try:
            profile = find_profile(word, catalogue)
        except SettingsError as error:
            if word not in PROFILES and not Path(word).is_file():
                raise typer.BadParameter(str(error), param_hint="PROFILE") from None
            print(error)
            failed = True
            continue
        found = list(problems_of(profile))
        print(f"{word}: {'; '.join(found) or 'good'}")
        failed = failed or bool(found)
    return 1 if failed else 0
