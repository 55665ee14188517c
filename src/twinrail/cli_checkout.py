"""The verbs that need a checkout: the test suite and the benchmarks, which are not part of the installed package."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from twinrail.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]


def test(arguments: Sequence[str]) -> NoReturn:
    """Become pytest, at the root of the checkout."""
    _become("pytest", arguments, needs="tests")


def bench(arguments: Sequence[str]) -> NoReturn:
    """Become the benchmark program, at the root of the checkout."""
    _become("benchmarks", arguments, needs="benchmarks")


def _become(module: str, arguments: Sequence[str], *, needs: str) -> NoReturn:
    """Replace this process, so that signals and the exit code are those of the program itself."""
    if not (ROOT / needs).is_dir():
        raise SettingsError(f"this needs a checkout: there is no folder {needs} beside {ROOT / 'src'}")
    os.chdir(ROOT)
    path = os.pathsep.join(filter(None, (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path}
    os.execve(sys.executable, [sys.executable, "-P", "-m", module, *arguments], environment)  # noqa: S606 - no shell
