"""Secrets: read from files that only their owner can read, made on first use in development, never printed.

A secret never comes from the command line, where every process of the machine could read it.
"""

import os
import secrets
import stat
from pathlib import Path

from twinrail.errors import SettingsError
from twinrail.settings import Settings

KEY_BYTES = 32
SECRET_BYTES_MAX = 64 * 1024
# Container engines mount secrets here, readable by all users of that container and by nobody outside of it.
_PRIVATE_MOUNT = Path("/run/secrets")


def read_secret(path: Path, *, name: str) -> bytes:
    """Read a secret's file without its trailing line end.

    `name` is the setting to blame. SettingsError where the file is missing, empty, larger than 64 KiB, or open to
    others than its owner and group.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read ({error.strerror})") from None
    others = stat.S_IWOTH | stat.S_IWGRP | (0 if path.is_relative_to(_PRIVATE_MOUNT) else stat.S_IROTH)
    if mode & others:
        raise SettingsError(f"{name}: {path} is open to others: chmod 0400 (or 0440) it")
    if not content.strip() or len(content) > SECRET_BYTES_MAX:
        raise SettingsError(f"{name}: {path} is empty or too large")
    return content


def read_key(path: Path, *, name: str) -> bytes:
    """Read a key of 32 bytes, stored as such or as 64 hex digits; SettingsError where it is neither."""
    content = read_secret(path, name=name)
    if len(content) == KEY_BYTES:
        return content
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{name}: {path} must hold 32 bytes or 64 hex digits")
    return key


def token_key(settings: Settings) -> bytes:
    """Give the key of card and IBAN tokens; in development one is made under the state folder when there is none."""
    if settings.token_key_file is not None:
        return read_key(settings.token_key_file, name="token_key_file")
    path = settings.state_dir / "token.key"
    if not path.exists():
        _create(path, secrets.token_hex(KEY_BYTES).encode())
    return read_key(path, name="token_key_file")


def database_url(settings: Settings) -> str | None:
    """Give the database URL, out of its file where it has one; None for the embedded database."""
    if settings.database_url_file is None:
        return settings.database_url
    url = read_secret(settings.database_url_file, name="database_url_file").decode("utf-8", "replace").strip()
    if not url.startswith(("postgres://", "postgresql://")):
        raise SettingsError(f"database_url_file: {settings.database_url_file} holds no postgresql:// URL")
    return url


def _create(path: Path, content: bytes) -> None:
    """Write a new file for its owner only, whole or not at all; a file that another process made first is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
