"""Rows of the benchmark table: the ratio says who is better, whichever way better points."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import MODULES
from benchmarks.rows import HEADINGS, cells, figure, row
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
positive = st.floats(min_value=1e-3, max_value=1e9)


@given(positive, positive)
def test_a_ratio_above_one_means_ours_is_better(ours: float, theirs: float) -> None:
    higher = row("x", [ours], unit="1/s", better="higher", conditions="", peer="p", peer_values=[theirs])
    lower = row("x", [ours], unit="s", better="lower", conditions="", peer="p", peer_values=[theirs])
    assert higher["ratio"] is not None
    assert lower["ratio"] is not None
    assert (higher["ratio"] >= 1) == (ours >= theirs)
    assert (lower["ratio"] >= 1) == (ours <= theirs)


@given(st.lists(positive, min_size=1, max_size=9))
def test_a_value_is_the_median_and_says_of_how_many(values: list[float]) -> None:
    made = row("x", values, unit="s", better="lower", conditions="here")
    assert sorted(values)[(len(values) - 1) // 2] <= made["value"] <= sorted(values)[len(values) // 2]
    assert made["conditions"] == f"median of {len(values)}; here"
    assert len(cells(made)) == len(HEADINGS)
    assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0123456, "0.0123"), (42123.4, "42,123"), (999.6, "1,000"), (99.96, "100")]
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_an_unknown_name_ends_with_2_and_the_known_ones() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nosuch"],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "no benchmark is called nosuch; known: machine.contention, codec.decode.ascii" in ended.stderr


def test_every_row_of_the_table_has_one_place() -> None:
    names = [name for here in MODULES.values() for name in here]
    assert len(names) == len(set(names)) > 10
