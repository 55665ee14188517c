"""docs/how-to/add-a-dialect.md, followed to the letter: its files written, its commands run, its output compared."""

import os
import re
import subprocess
import sys
from pathlib import Path

from twinrail.codecs.dialect_file import AXES, LAYOUTS, PAD, PREFIX, ROW

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "how-to" / "add-a-dialect.md"
BLOCK = re.compile(r"(?P<before>(?:[^\n]+\n)*)\n?```(?P<kind>\w+)\n(?P<body>.*?)```\n", re.DOTALL)
FILE_NAME = re.compile(r"`([a-z-]+\.(?:toml|json))`")


def run(arguments: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINRAIL_")}
    ended = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in {0, 1}, ended.stdout
    assert "Traceback" not in ended.stdout, ended.stdout
    return ended.stdout


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    said, compared = "", 0
    for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        body = block["body"]
        if block["kind"] in {"toml", "json"}:
            names = FILE_NAME.findall(block["before"])
            assert names, f"no file is named before:\n{body}"
            (tmp_path / names[-1]).write_text(body, encoding="utf-8")
        elif block["kind"] == "sh":
            commands = [line.split() for line in body.splitlines()]
            assert all(command[0] == "./twinrail" for command in commands)
            said = "".join(run(["-m", "twinrail", *command[1:]], tmp_path) for command in commands)
        elif block["kind"] == "python":
            said = run(["-c", body], tmp_path)
        else:
            assert block["kind"] == "text"
            assert said == body
            compared += 1
    assert compared == 5


def test_inline_commands_of_the_page_work(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    first = next(block for block in BLOCK.finditer(page) if block["kind"] == "toml")
    (tmp_path / "northbank.toml").write_text(first["body"], encoding="utf-8")
    inline = re.findall(r"`\./twinrail ([^`]+)`", page)
    assert inline
    for words in inline:
        assert run(["-m", "twinrail", *words.split()], tmp_path)


def test_the_page_leaves_no_key_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    keys = {*AXES, *ROW, *PREFIX, *PAD, *LAYOUTS, *(key for _, shape in LAYOUTS.values() for key in shape)}
    assert not {key for key in keys if f"`{key}" not in page}
