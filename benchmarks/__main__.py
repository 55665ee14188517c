"""`python -m benchmarks [--json] [NAME...]`: measure and print one table; a name may end in `*`.

Exit code 0 when every row asked for was measured, 2 for an unknown name.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from benchmarks.rows import HEADINGS, Row, cells

# Module -> the rows that it measures; a module is imported only when one of them is wanted.
MODULES: dict[str, tuple[str, ...]] = {
    "machine": ("machine.contention",),
    "codec": tuple(f"codec.{action}.{text}" for text in ("ascii", "bcd", "ebcdic") for action in ("decode", "encode")),
    "server": (
        "server.memory.throughput",
        "authorize.throughput",
        "authorize.latency.p50",
        "authorize.latency.p99",
        "authorize.latency.p999",
        "instant.latency.p99",
        "sepa.file.throughput",
        "sepa.file.rss",
        "restart.seconds",
    ),
    "sepa": ("sepa.intake.throughput", "sepa.intake.rss", "instant.codec"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; everything where nothing was named."""
    parser = argparse.ArgumentParser(prog="twinrail bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object a line")
    parser.add_argument("--list", action="store_true", dest="only_list", help="print the names and end")
    options = parser.parse_args(arguments)
    known = [name for names in MODULES.values() for name in names]
    if options.only_list:
        print("\n".join(known))
        return 0
    wanted = options.names or known
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in known):
            print(f"no benchmark is called {pattern}; known: {', '.join(known)}", file=sys.stderr)
            return 2
    rows = _measured([name for name in known if any(fnmatchcase(name, pattern) for pattern in wanted)])
    if options.as_json:
        for one in rows:
            print(json.dumps(one), flush=True)
    else:
        _table(rows)
    return 0


def _measured(chosen: Sequence[str]) -> Iterator[Row]:
    for place, names in MODULES.items():
        here = [name for name in names if name in chosen]
        if here:
            print(f"measuring {', '.join(here)}", file=sys.stderr, flush=True)
            yield from importlib.import_module(f"benchmarks.{place}").run(here)


def _table(rows: Iterator[Row]) -> None:
    lines: list[Sequence[str]] = [HEADINGS]
    try:
        lines.extend(cells(one) for one in rows)
    finally:
        _print(lines)  # also when a later row cannot be measured


def _print(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
