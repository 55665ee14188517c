"""The journal's own form: what is stored stays readable, version by version, and holds no card number."""

import json
import re
import typing
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from twinrail.engine.journal import decode_entry, encode_entry
from twinrail.engine.state import State
from twinrail.schemas import instructions
from twinrail.schemas.journal import (
    FLAG_CLEARED,
    FLAG_DECLINED,
    FLAG_DIRECT,
    FLAG_EXPIRED,
    FLAG_FORCE,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    FLAG_STANDIN,
    VERSION,
    Effect,
    Entry,
)

STORED = Path(__file__).resolve().parents[1] / "vectors" / "journal"
VERSIONS = sorted(STORED.glob("v*.jsonl"))


def _entries(file: Path) -> list[Entry]:
    return [decode_entry(line) for line in file.read_bytes().splitlines()]


def test_every_version_has_a_stored_journal() -> None:
    assert [file.stem for file in VERSIONS] == [f"v{version}" for version in range(1, VERSION + 1)]


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_a_stored_journal_folds_to_its_stored_rows(file: Path) -> None:
    state, entries = State(), _entries(file)
    for entry in entries:
        state.apply(entry.effects, entry.seq)
    rows = state.fold(entries)
    expected = json.loads(file.with_suffix(".rows.json").read_text(encoding="utf-8"))
    assert {table: [list(row) for row in rows.get(table, [])] for table in expected} == expected
    assert sum(account.posted for account in state.ledger.accounts.values()) == 0


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_a_stored_journal_holds_every_effect_in_order(file: Path) -> None:
    entries = _entries(file)
    assert {type(effect) for entry in entries for effect in entry.effects} == set(typing.get_args(Effect))
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert all(before.at < after.at for before, after in pairwise(entries))
    assert all(entry.version == int(file.stem[1:]) for entry in entries)


def test_what_is_written_today_is_what_is_stored_of_this_version() -> None:
    for line in (STORED / f"v{VERSION}.jsonl").read_bytes().splitlines():
        assert encode_entry(decode_entry(line)) == line


def test_tags_are_one_of_a_kind() -> None:
    tags = [str(kind.__struct_config__.tag) for kind in typing.get_args(Effect)]
    assert len(set(tags)) == len(tags)
    asked = [str(kind.__struct_config__.tag) for kind in typing.get_args(instructions.Instruction)]
    assert len(set(asked)) == len(asked)


def test_flags_are_bits_of_their_own() -> None:
    flags = [
        *(FLAG_OPEN, FLAG_CLEARED, FLAG_REVERSED, FLAG_EXPIRED, FLAG_DECLINED),
        *(FLAG_STANDIN, FLAG_FORCE, FLAG_LATE, FLAG_DIRECT),
    ]
    assert flags == [1 << number for number in range(len(flags))]


def test_an_entry_has_no_place_for_a_card_number_or_an_iban() -> None:
    names = {name for kind in (*typing.get_args(Effect), Entry) for name in kind.__struct_fields__}
    assert not {name for name in names if re.search(r"pan|track|pin|cvv", name)}
    with pytest.raises(msgspec.ValidationError):
        decode_entry(b'{"seq":1,"at":1,"kind":"x","effects":[{"type":"not_yet_known"}]}')
