"""The named statements of queries.sql, read once."""

import functools
import re
from pathlib import Path

_MARK = "-- name: "
_WORD = re.compile(r"(?<!:):([a-z_]+)")  # not the type after a double colon


@functools.cache
def _statements() -> dict[str, str]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in Path(__file__).with_name("queries.sql").read_text(encoding="utf-8").splitlines():
        if line.startswith(_MARK):
            name = line.removeprefix(_MARK).strip()
            found[name] = []
        elif name and line.strip() and not line.startswith("--"):
            found[name].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


@functools.lru_cache(maxsize=1024)
def statement(name: str, /, **words: str) -> str:
    """Give a statement by name with its :words filled in; KeyError where it or one of its words is unknown.

    >>> statement("partition.position")
    'SELECT epoch, last_seq FROM partition WHERE id = $1'
    """
    return _WORD.sub(lambda found: words[found[1]], _statements()[name])
