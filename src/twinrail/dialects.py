"""Dialects of the user's own: files from disk, beside those that are built in.

A file may build on a built-in dialect or on another file of the same folder; it never names a path.
"""

from collections.abc import Iterable
from pathlib import Path

from twinrail.codecs.dialect_file import FILE_BYTES_MAX, Reading, Resolve, load, read
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Dialect

SUFFIX = ".toml"


def read_dialect_files(paths: Iterable[Path]) -> dict[str, Dialect]:
    """Read dialects by name; SettingsError, a DialectError where a file is wrong, says which file and what.

    No two may have the same name, and none that of a dialect that is built in: a link's profile names its dialect.
    """
    found: dict[str, Dialect] = {}
    for path in paths:
        dialect = load(file_text(path), str(path), beside(path.parent))
        if dialect.name in DIALECTS or dialect.name in found:
            raise SettingsError(f"{path}: a dialect called {dialect.name} is there already")
        found[dialect.name] = dialect
    return found


def find_dialect(word: str) -> Dialect:
    """Give the dialect of a name that is built in, or of a file; SettingsError where there is none."""
    if word in DIALECTS:
        return DIALECTS[word]
    if not word.endswith(SUFFIX):
        raise SettingsError(f"there is no dialect {word}; a file ends in {SUFFIX}, and built in are {_known()}")
    path = Path(word)
    return load(file_text(path), word, beside(path.parent))


def judge_file(path: Path) -> Reading:
    """Read one file and say everything that is wrong with it; SettingsError only where it cannot be opened."""
    return read(file_text(path), beside(path.parent))


def beside(folder: Path) -> Resolve:
    """Give the meaning of a word behind `from` in a file of this folder."""

    def resolve(word: str) -> Dialect | str:
        if word in DIALECTS:
            return DIALECTS[word]
        if not word.endswith(SUFFIX) or Path(word).name != word:
            raise SettingsError(f"must be a {SUFFIX} file of the same folder, or one of {_known()}")
        return file_text(folder / word)

    return resolve


def file_text(path: Path, bytes_max: int = FILE_BYTES_MAX) -> str:
    """Read a text file of a bounded size; SettingsError says why it cannot be."""
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    return text_of(content, str(path), bytes_max)


def text_of(content: bytes, where: str, bytes_max: int) -> str:
    """Read bytes as UTF-8 of a bounded size; SettingsError says why they are not."""
    if len(content) > bytes_max:
        raise SettingsError(f"{where}: has more than {bytes_max} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: is not UTF-8 at byte {error.start}") from error


def _known() -> str:
    return ", ".join(DIALECTS)
