"""Keys of message authentication: read from files, and made into what verifies and signs the messages of a link.

A module of its own, since reading one loads the cryptography that only links with a MAC need.
"""

from pathlib import Path

from twinrail.codecs.authentication import Authenticator, MacKey, MacKeys
from twinrail.codecs.iso8583 import codec_for
from twinrail.errors import SettingsError
from twinrail.keys import read_secret
from twinrail.schemas.iso8583.authentication import MacAlgorithm
from twinrail.schemas.iso8583.profiles import LinkProfile


def authenticator(
    profile: LinkProfile, current: Path | None, previous: Path | None = None, *, name: str
) -> Authenticator | None:
    """Make what authenticates the messages of a link, None for a profile without a MAC.

    `name` is the link to blame. SettingsError where a profile with a MAC has no key or one without has some, and as in
    `read_mac_keys`.
    """
    if profile.mac is None:
        if current is not None or previous is not None:
            raise SettingsError(f"{name}.mac_key_file: the profile {profile.name} has no mac")
        return None
    if current is None:
        raise SettingsError(f"{name}.mac_key_file: is required, since the profile {profile.name} has a mac")
    keys = read_mac_keys(profile.mac.algorithm, current, previous, name=name)
    return Authenticator(profile.mac, keys, codec_for(profile.dialect))


def read_mac_keys(algorithm: MacAlgorithm, current: Path, previous: Path | None = None, *, name: str) -> MacKeys:
    """Read the MAC keys of a link: the one that signs, and the one that is accepted beside it during a key change.

    `name` is the link to blame. SettingsError as in `read_secret`, and where a file holds no key of the algorithm or
    both hold the same.
    """
    first = f"{name}.mac_key_file"
    secret = _read_hex(current, name=first)
    if previous is None:
        return MacKeys(_mac_key(algorithm, secret, current, name=first))
    second = f"{name}.mac_previous_key_file"
    other = _read_hex(previous, name=second)
    if other == secret:
        raise SettingsError(f"{second}: {previous} holds the same key as mac_key_file")
    return MacKeys(_mac_key(algorithm, secret, current, name=first), _mac_key(algorithm, other, previous, name=second))


def _read_hex(path: Path, *, name: str) -> bytes:
    """Read a key that is written as hex digits only, in groups or not: 32 bytes could be a key of 16 or of 32."""
    try:
        return bytes.fromhex(read_secret(path, name=name).decode("ascii"))
    except ValueError:
        raise SettingsError(f"{name}: {path} must hold hex digits") from None


def _mac_key(algorithm: MacAlgorithm, secret: bytes, path: Path, *, name: str) -> MacKey:
    try:
        return MacKey(algorithm, secret)
    except SettingsError as error:
        raise SettingsError(f"{name}: {path}: {error}") from None
