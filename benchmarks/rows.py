"""A row of the benchmark table, and how the table is printed.

Every module of this folder that measures has `run(names)`, which measures the rows asked for; `benchmarks.__main__`
knows which rows are whose. Ours and the peer are measured in the same run on the same machine; a value is the median
of several runs.
"""

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypedDict


class Row(TypedDict):
    """One measurement; `ratio` is above 1 where ours is better than the peer, whichever way `better` points."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    peer: str | None
    peer_value: float | None
    ratio: float | None
    conditions: str


class Benchmark(Protocol):
    """What a module of benchmarks offers."""

    def run(self, names: Sequence[str]) -> Iterable[Row]:
        """Measure the rows of these names, each as soon as it is known."""


def row(
    name: str,
    values: Sequence[float],
    *,
    unit: str,
    better: Literal["lower", "higher"],
    conditions: str,
    peer: str | None = None,
    peer_values: Sequence[float] = (),
) -> Row:
    """Make a row out of the values of several runs (at least one)."""
    value = statistics.median(values)
    peer_value = statistics.median(peer_values) if peer_values else None
    ratio = None
    if peer_value and value:
        ratio = value / peer_value if better == "higher" else peer_value / value
    return Row(
        name=name,
        value=value,
        unit=unit,
        better=better,
        peer=peer,
        peer_value=peer_value,
        ratio=ratio,
        conditions=f"median of {len(values)}; {conditions}",
    )


HEADINGS = ("name", "value", "unit", "better", "peer", "peer value", "ratio", "conditions")


def cells(measured: Row) -> tuple[str, ...]:
    """Give a row as the cells of a table, in the order of HEADINGS."""
    return (
        measured["name"],
        figure(measured["value"]),
        measured["unit"],
        measured["better"],
        measured["peer"] or "-",
        figure(measured["peer_value"]),
        "-" if measured["ratio"] is None else f"{measured['ratio']:.2f}x",
        measured["conditions"],
    )


def figure(value: float | None) -> str:
    """Write a number for people: thousands grouped, three digits below a hundred.

    >>> figure(42123.4), figure(3.14159), figure(None)
    ('42,123', '3.14', '-')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
