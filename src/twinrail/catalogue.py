"""The catalogue: the dialects and link profiles that an engine knows, those of files beside those that are built in."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from twinrail.codecs.profile_file import FILE_BYTES_MAX, load
from twinrail.dialects import SUFFIX, file_text, read_dialect_files
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile


class Catalogue(NamedTuple):
    """Everything that a name in the settings can mean."""

    dialects: Mapping[str, Dialect]
    profiles: Mapping[str, LinkProfile]


BUILT_IN = Catalogue(DIALECTS, PROFILES)


def read_catalogue(dialects: Iterable[Path], profiles: Iterable[Path]) -> Catalogue:
    """Read files of dialects and of profiles, in their order; SettingsError names the file, the key and the fault.

    A profile may build on one of a file before it, and speak a dialect of a file.
    """
    known_dialects = {**DIALECTS, **read_dialect_files(dialects)}
    known = dict(PROFILES)
    for path in profiles:
        profile = load(file_text(path, FILE_BYTES_MAX), str(path), known, known_dialects)
        known[profile.name] = profile
    return Catalogue(known_dialects, known)


def find_profile(word: str, catalogue: Catalogue = BUILT_IN) -> LinkProfile:
    """Give the profile of a name, or of a file that speaks a built-in dialect; SettingsError where there is none."""
    if word in catalogue.profiles:
        return catalogue.profiles[word]
    if word.endswith(SUFFIX):
        return load(file_text(Path(word), FILE_BYTES_MAX), word, catalogue.profiles, catalogue.dialects)
    known = ", ".join(sorted(catalogue.profiles))
    raise SettingsError(f"there is no profile {word}; a file ends in {SUFFIX}, and known are {known}")
