"""Pages that repeat what the code says, and links between pages, stay true."""

import dataclasses
import re
from pathlib import Path

import pytest

from twinrail.reference import PAGES
from twinrail.reference_profiles import sentences
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Repeats
from twinrail.schemas.reasons import Reason
from twinrail.settings import Section, Settings, section_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGE_FILES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_pages_are_what_the_code_says(name: str) -> None:
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"run: python -m twinrail.reference {DOCS.name}/reference"


def test_the_reference_leaves_nothing_out() -> None:
    def keys(section: type[Section]) -> set[str]:
        inner = {name: section_of(section, name) for name in section.model_fields}
        deeper = {key for one in inner.values() if one for key in keys(one)}
        return deeper | {name for name, one in inner.items() if one is None}

    settings = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    assert keys(Settings) == set(re.findall(r"^\| `(\w+)` \|", settings, re.MULTILINE))
    reasons = (DOCS / "reference" / "reasons.md").read_text(encoding="utf-8")
    assert {str(reason) for reason in Reason} == set(re.findall(r"^\| `(\w+)` \|", reasons, re.MULTILINE))


def test_the_reference_says_everything_that_a_profile_can_say() -> None:
    page = (DOCS / "reference" / "profiles.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)
    for kind in (LinkProfile, Repeats):
        names = {row.name for row in dataclasses.fields(kind)}
        assert names == sentences(kind).keys()
        assert names <= set(rows)
    assert set(PROFILES) <= set(rows)
    for profile in PROFILES.values():
        assert set(profile.functions) <= set(re.findall(r"[0-9]+", page))


@pytest.mark.parametrize("page", PAGE_FILES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    # Paths of this repository that a page names in code are there as well.
    for target in re.findall(r"`((?:src|docs|tests|benchmarks)/[\w./-]+\.(?:py|md|toml|sql))`", text):
        assert (ROOT / target).exists(), f"{page.name} names {target}"


def test_every_page_opens_with_its_title() -> None:
    assert PAGE_FILES
    assert all(page.read_text(encoding="utf-8").startswith("# ") for page in PAGE_FILES)


def test_the_readme_names_what_was_replaced_and_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text in ("./twinrail demo", "./twinrail test", "aiopg", "asyncpg", "asyncio-mqtt", "aiomqtt"):
        assert text in readme
