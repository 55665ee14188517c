"""Link profiles as simulators are told them: by the name of one that is built in, or as a file."""

from pathlib import Path

from twinrail.codecs.profile_file import FILE_BYTES_MAX, load
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail

SUFFIX = ".toml"


def profile_of(word: str) -> LinkProfile:
    """Give the profile of a name, or of a file that speaks a built-in dialect; SettingsError where there is none."""
    if word in PROFILES:
        return PROFILES[word]
    if not word.endswith(SUFFIX):
        raise SettingsError(f"there is no profile {word}; a file ends in {SUFFIX}, and known are {', '.join(PROFILES)}")
    try:
        with Path(word).open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        return load(content.decode("utf-8-sig"), word, PROFILES)
    except OSError as error:
        raise SettingsError(f"{word}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{word}: is not UTF-8 at byte {error.start}") from error


def card_profile_of(word: str) -> LinkProfile:
    """Give the profile of a card link; SettingsError where it is none."""
    profile = profile_of(word)
    if profile.rail is not Rail.CARD:
        raise SettingsError(f"{profile.name} is not the profile of a card link")
    return profile
