"""The rules of docs/architecture.md, "The house", as tests: who may import whom, and what is called how."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "twinrail"
MODULES = {
    ".".join(("twinrail", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
SHELLS = ("engine.transports", "engine.store", "engine.events", "engine.api")
# layer -> what its modules may import, as prefixes below `twinrail`. A module at the root that is not named here is
# assembly: it may import everything, and none of these may import it.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "errors": (),
    "money": (),
    "schemas": ("errors", "money", "schemas"),
    "codecs": ("errors", "money", "schemas", "codecs"),
    "engine": ("errors", "money", "schemas", "codecs", "engine"),
    "handlers": (
        *("errors", "money", "schemas", "handlers"),
        *("engine.pipeline", "engine.ledger", "engine.lifecycle"),
    ),
    "simulators": ("errors", "money", "schemas", "codecs", "simulators"),
}
MAY_IMPORT |= dict.fromkeys(SHELLS, MAY_IMPORT["engine"])
WORLD = "twinrail.simulators.world"  # drives a Switch in virtual time: the one stated exception
PURE = ("errors", "money", "schemas", "codecs", "engine", "handlers")
OUTSIDE_WORLD = {
    *("asyncio", "time", "random", "secrets", "os", "socket", "threading", "subprocess", "multiprocessing"),
    *("uvloop", "asyncpg", "signal", "select", "selectors", "concurrent", "logging", "tempfile", "shutil"),
}
# threading.local only: a compiled schema keeps its error log, so every thread has its own.
STATED_EXCEPTIONS = {"twinrail.codecs.iso20022": {"threading"}}
LAYERS = sorted(MAY_IMPORT, key=len, reverse=True)
SUB_PACKAGES = {"engine", "codecs", "schemas", "handlers", "simulators"}
FORBIDDEN_WORDS = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base", "service"}


def layer(module: str) -> str | None:
    inside = module.removeprefix("twinrail").removeprefix(".")
    return next((name for name in LAYERS if inside == name or inside.startswith(name + ".")), None)


def imports(module: str) -> Iterator[str]:
    """Everything a module imports, anywhere in it, also for types; a name out of a package counts as its module."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            assert node.module
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


def inner_imports(module: str) -> set[str]:
    return {name for name in imports(module) if name in MODULES}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_only_what_its_layer_may(module: str) -> None:
    mine = layer(module)
    if mine is None:
        return  # assembly
    for imported in inner_imports(module) - {"twinrail"}:
        inside = imported.removeprefix("twinrail.")
        allowed = any(inside == name or inside.startswith(name + ".") for name in MAY_IMPORT[mine])
        if module == WORLD:
            allowed = layer(imported) is not None
        assert allowed, f"{module} ({mine}) must not import {imported}"
        if mine == "engine":
            assert layer(imported) not in SHELLS, f"{module} is at the engine's root and must not import {imported}"


@pytest.mark.parametrize("module", [module for module in sorted(MODULES) if layer(module) in PURE])
def test_pure_modules_know_no_outside_world(module: str) -> None:
    outside = {name.partition(".")[0] for name in imports(module)} & OUTSIDE_WORLD
    outside -= STATED_EXCEPTIONS.get(module, set())
    assert not outside, f"{module} imports {outside}"
    nodes = list(ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))))
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in nodes), f"{module} waits"
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"open", "input", "print"}, f"{module} does I/O"


def test_the_house_stands_without_cycles() -> None:
    edges = {module: inner_imports(module) - {module} for module in MODULES}
    while leaves := [module for module, needs in edges.items() if not needs]:
        for module in leaves:
            del edges[module]
        for needs in edges.values():
            needs.difference_update(leaves)
    assert not edges, f"these import each other: {sorted(edges)}"


def test_sub_packages_are_fixed() -> None:
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert found <= SUB_PACKAGES
    assert {"tests", "pyproject.toml", "Dockerfile"} <= {path.name for path in ROOT.iterdir()}
    assert not list((ROOT / "tests").rglob("__init__.py")), "importlib mode: see docs/architecture.md"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_init_modules_hold_names_and_no_code(module: str) -> None:
    if MODULES[module].name != "__init__.py":
        return
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    allowed = ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.Expr
    assert all(isinstance(node, allowed) for node in tree.body)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_names_say_what_they_are(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{module} does not say what it is"
    defined = [module.rpartition(".")[2]]
    defined += [
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for name in defined:
        words = set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower()))
        assert not words & FORBIDDEN_WORDS, f"{module}: {name}"


def tracked() -> list[Path]:
    """Files of the checkout that git knows or would add; all of them where there is no git."""
    command = ("git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z")
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        skipped = {".venv", ".twinrail", "__pycache__", ".git", ".hypothesis"}
        listed = [str(path) for path in ROOT.rglob("*") if not skipped & set(path.parts)]
    return [ROOT / name for name in listed if name and (ROOT / name).is_file() and not name.endswith(".xsd")]


def test_no_file_names_a_registry_or_a_machine() -> None:
    # Put together here, so that this file is none of its own findings.
    hosts = ("py" + "pi.org", "python" + "hosted", "registry.np" + "mjs", "deb.debian" + ".org")
    places = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/t" + "mp/v/")
    pattern = re.compile("|".join(map(re.escape, (*hosts, *places))))
    hits = []
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="replace")
        hits += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, hit.start()) + 1}" for hit in pattern.finditer(text)
        ]
    assert not hits


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt"])
def test_locks_pin_everything_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(
        r"^([a-z0-9][a-z0-9.-]*)==[^ ]+(?: ; .*?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
        text,
        re.MULTILINE,
    )
    assert len(blocks) == len(re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)) > 10
    assert not re.search(r"://|^-|file:|\s@\s", text, re.MULTILINE)
    # Dead names: replaced by asyncpg and aiomqtt.
    assert not {"aiopg", "asyncio-mqtt"} & {block[0] for block in blocks}
    # A wheel for one platform only would be one hash; every package has a source or several wheels beside it.
    assert all(block[1].count("--hash") >= 2 for block in blocks)


def test_what_tests_install_is_what_serving_installs_and_more() -> None:
    pins = [
        set(re.findall(r"^[a-z0-9].*?==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    ]
    assert pins[0] < pins[1]


def test_a_forbidden_import_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rules above can fail: a codec that asks the clock, and a simulator that knows the ledger."""
    planted = tmp_path / "planted.py"
    planted.write_text("import time\nfrom twinrail.engine import ledger\n", encoding="utf-8")
    monkeypatch.setitem(MODULES, "twinrail.codecs.planted", planted)
    monkeypatch.setitem(MODULES, "twinrail.simulators.planted", planted)
    for check, module in (
        (test_imports_only_what_its_layer_may, "twinrail.codecs.planted"),
        (test_imports_only_what_its_layer_may, "twinrail.simulators.planted"),
        (test_pure_modules_know_no_outside_world, "twinrail.codecs.planted"),
    ):
        with pytest.raises(AssertionError):
            check(module)
