"""Keys of links: read from files that only their owner can read, named by their check value, never shown."""

import dataclasses
from pathlib import Path

import pytest

from twinrail.codecs.authentication import MacKey
from twinrail.errors import SettingsError
from twinrail.mac_keys import authenticator, read_mac_keys
from twinrail.schemas.iso8583.authentication import MacAlgorithm, MacRule
from twinrail.schemas.iso8583.profiles import PROFILES

RETAIL, CMAC = MacAlgorithm.RETAIL, MacAlgorithm.AES_CMAC
RETAIL_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
OTHER_RETAIL_KEY = bytes.fromhex("7CA110454A1A6E570131D9619DC1376E")


def write_key(path: Path, content: bytes, mode: int = 0o400) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_keys_are_read_from_their_files(tmp_path: Path) -> None:
    current = write_key(tmp_path / "current", b"0123456789ABCDEF FEDCBA9876543210\n")
    previous = write_key(tmp_path / "previous", OTHER_RETAIL_KEY.hex().encode())
    keys = read_mac_keys(RETAIL, current, previous, name="links.north")
    assert keys.previous is not None
    assert (keys.current.kcv, keys.previous.kcv) == ("08D7B4", MacKey(RETAIL, OTHER_RETAIL_KEY).kcv)
    assert read_mac_keys(CMAC, current, name="links.north").previous is None


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (b"0123456789ABCDEFFEDCBA9876543210", 0o444, "is open to others"),
        (b"0123456789ABCDEFFEDCBA987654321", 0o400, "must hold hex digits"),
        (bytes(range(128, 144)), 0o400, "must hold hex digits"),
        (b"0123456789ABCDEF", 0o400, "has 16 bytes"),
        (b"", 0o400, "is empty"),
    ],
)
def test_a_file_without_a_mac_key_is_named_and_not_shown(
    tmp_path: Path, content: bytes, mode: int, problem: str
) -> None:
    path = write_key(tmp_path / "key", content, mode)
    good = write_key(tmp_path / "good", RETAIL_KEY.hex().encode())
    with pytest.raises(SettingsError, match=rf"^links\.north\.mac_key_file: .*{problem}") as caught:
        read_mac_keys(RETAIL, path, name="links.north")
    assert "0123" not in str(caught.value)
    with pytest.raises(SettingsError, match=r"^links\.north\.mac_previous_key_file: "):
        read_mac_keys(RETAIL, good, path, name="links.north")


def test_a_missing_key_file_and_the_same_key_twice_are_refused(tmp_path: Path) -> None:
    good = write_key(tmp_path / "good", RETAIL_KEY.hex().encode())
    with pytest.raises(SettingsError, match="cannot be read"):
        read_mac_keys(RETAIL, tmp_path / "absent", name="links.north")
    with pytest.raises(SettingsError, match="the same key"):
        read_mac_keys(RETAIL, good, good, name="links.north")


def test_a_profile_with_a_mac_needs_a_key_and_one_without_has_none(tmp_path: Path) -> None:
    current = write_key(tmp_path / "current", b"0123456789ABCDEF FEDCBA9876543210")
    plain = PROFILES["card-1987"]
    rule = dataclasses.replace(plain, mac=MacRule(algorithm=RETAIL))
    made = authenticator(rule, current, name="links.north")
    assert made is not None
    assert made.key_check_values == "08D7B4"
    assert authenticator(plain, None, name="links.north") is None
    with pytest.raises(SettingsError, match=r"links\.north\.mac_key_file: is required"):
        authenticator(rule, None, name="links.north")
    with pytest.raises(SettingsError, match=r"links\.north\.mac_key_file: the profile card-1987 has no mac"):
        authenticator(plain, current, name="links.north")
