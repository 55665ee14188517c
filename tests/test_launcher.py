"""The launcher for real, in a copy of its folder with lock files that ask for nothing: no network is needed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[1]
PYTHON = str(Path(sys.base_prefix) / "bin" / "python3")  # the one behind the virtual environment of this run
NOBODY = 65_534
PROGRAM = """import os, sys
print(sys.argv[1:], os.getcwd(), "EMPTY" if "" in sys.path else "SAFE")
sys.exit(7 if "seven" in sys.argv else 0)
"""


class Checkout:
    """A copy of the launcher with a program of two lines; runs are made as the owner of the folder."""

    def __init__(self, folder: Path, *, python: str = PYTHON, user: int | None = None) -> None:
        self.folder = folder
        self.python = python
        self.user = user
        package = folder / "src" / "twinrail"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        for name in ("requirements.txt", "requirements-dev.txt"):
            (folder / name).write_text("# nothing\n", encoding="utf-8")
        shutil.copy(ROOT / "twinrail", folder / "twinrail")
        if user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, user)

    def command(self, *arguments: str, launcher: Path | None = None) -> list[str]:
        return [str(launcher or self.folder / "twinrail"), *arguments]

    def environment(self, **changes: str) -> Mapping[str, str]:
        return {"PATH": os.defpath, "TWINRAIL_PYTHON": self.python, "PIP_NO_INDEX": "1", **changes}

    def run(
        self, *arguments: str, launcher: Path | None = None, cwd: Path | None = None, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, launcher=launcher),
            cwd=cwd or self.folder,
            env=self.environment(**changes),
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that other users may enter; its name holds a space."""
    with tempfile.TemporaryDirectory(prefix="twinrail launcher ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def checkout(place: Path) -> Checkout:
    return Checkout(place / "checkout")


def test_first_run_installs_and_the_next_does_not(checkout: Checkout, place: Path) -> None:
    first = checkout.run("decode", "a b", "*", "")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("['decode', 'a b', '*', '']")
    assert first.stdout.rstrip().endswith("SAFE")
    assert "making" in first.stderr
    assert "installing 0 packages from requirements.txt" in first.stderr

    link = place / "link"
    link.symlink_to("checkout/twinrail")
    again = checkout.run("seven", launcher=link, cwd=place)
    assert again.returncode == 7
    assert again.stderr == ""
    assert str(place) in again.stdout, "the working directory is the caller's"

    # What tests need comes on top; afterwards serving needs nothing new.
    tested = checkout.run("test")
    assert "requirements-dev.txt" in tested.stderr
    assert "making" not in tested.stderr
    assert checkout.run("serve").stderr == ""

    (checkout.folder / "requirements.txt").write_text("# another\n", encoding="utf-8")
    changed = checkout.run()
    assert "making" in changed.stderr
    assert changed.returncode == 0


def test_another_python_on_the_path_leaves_the_installed_one_alone(checkout: Checkout, place: Path) -> None:
    assert checkout.run().returncode == 0
    tools = place / "bin"
    tools.mkdir()
    newer = tools / "python3"
    newer.write_text(
        f'#!/bin/sh\ncase "$*" in *version_info*) echo 3.99 /x ;; *) exec {PYTHON} "$@" ;; esac\n', "utf-8"
    )
    newer.chmod(0o755)
    path = f"{tools}:{os.defpath}"
    assert checkout.run(PATH=path, TWINRAIL_PYTHON="").stderr == "", "an engine may be running out of .venv"
    (checkout.folder / "requirements.txt").write_text("# another\n", encoding="utf-8")
    changed = checkout.run("seven", PATH=path, TWINRAIL_PYTHON="")
    assert changed.returncode == 7, changed.stderr
    assert "3.99" not in changed.stderr
    assert "making" in checkout.run(TWINRAIL_PYTHON=str(newer)).stderr, "who names one gets it"


def test_an_interrupted_installation_is_done_again(checkout: Checkout) -> None:
    (checkout.folder / "requirements.txt").write_text(
        "twinrail-has-no-such-package==1 --hash=sha256:" + 64 * "0" + "\n", encoding="utf-8"
    )
    failed = checkout.run()
    assert failed.returncode == 3
    assert "the packages could not be installed" in failed.stderr
    assert not (checkout.folder / ".venv" / "installed").exists()
    assert "making" in checkout.run().stderr


def test_two_at_once_install_once(checkout: Checkout) -> None:
    environment = checkout.environment()
    both = [
        subprocess.Popen(
            checkout.command("seven"),
            cwd=checkout.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [7, 7], errors
    assert sum("making" in text for text in errors) == 1
    assert sum("installing 0 packages" in text for text in errors) == 1


def test_a_folder_of_someone_else_is_left_alone(checkout: Checkout) -> None:
    foreign = checkout.folder / ".venv"
    foreign.mkdir()
    (foreign / "precious").touch()
    refused = checkout.run()
    assert refused.returncode == 3
    assert "was not made by this launcher" in refused.stderr
    assert (foreign / "precious").exists()


@pytest.mark.parametrize(
    ("script", "remedy"),
    [
        ("exit 1", "is no Python 3.11 or newer"),
        (f'case "$*" in *ensurepip*) exit 1 ;; esac; exec {PYTHON} "$@"', "apt install python3-venv"),
    ],
)
def test_the_remedy_is_named(checkout: Checkout, script: str, remedy: str) -> None:
    interpreter = checkout.folder / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    interpreter.chmod(0o755)
    refused = checkout.run(TWINRAIL_PYTHON=str(interpreter))
    assert refused.returncode == 3
    assert remedy in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_no_python_at_all_is_said(checkout: Checkout, place: Path) -> None:
    tools = place / "bin"
    tools.mkdir()
    for name in ("dirname", "readlink", "cat", "cksum"):
        (tools / name).symlink_to(shutil.which(name) or name)
    refused = checkout.run(PATH=str(tools), TWINRAIL_PYTHON="")
    assert refused.returncode == 3
    assert "no Python 3.11 or newer found" in refused.stderr


def usable_by_nobody(python: str) -> bool:
    question = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    try:
        answer = subprocess.run(
            [python, "-c", question],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return answer.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user; without it all runs are one")
def test_an_ordinary_user_without_a_home_can_install_and_run(place: Path) -> None:
    python = next(filter(usable_by_nobody, (PYTHON, "/usr/bin/python3")), None)
    if python is None:
        pytest.skip("no Python that user nobody can run")
    checkout = Checkout(place / "checkout", python=python, user=NOBODY)
    assert checkout.run("seven").returncode == 7

    (checkout.folder / "requirements.txt").write_text("# another\n", encoding="utf-8")
    checkout.folder.chmod(0o555)
    (checkout.folder / ".venv.lock").chmod(0o400)
    refused = checkout.run()
    assert refused.returncode == 3
    assert "TWINRAIL_VENV" in refused.stderr
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, NOBODY, NOBODY)
    assert checkout.run("seven", TWINRAIL_VENV=str(elsewhere / "venv")).returncode == 7
