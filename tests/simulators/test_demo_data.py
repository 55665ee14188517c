"""The bundled demo data are what their generator makes, and hold what a demo needs."""

import importlib.util
import json
import pathlib
from types import ModuleType

import pytest

from twinrail.codecs.card_numbers import luhn_valid
from twinrail.codecs.sanitise import TEST_BINS
from twinrail.simulators import recording

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(recording.__file__).parent / "data"
NAMES = ("demo.jsonl", "demo-world.json", "demo-pain001.xml")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_demo_recording", ROOT / "tools" / "make_demo_recording.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generator_makes_the_bundled_bytes(generator: ModuleType, tmp_path: pathlib.Path) -> None:
    assert generator.main(tmp_path) == 0
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), f"{name}: run tools/make_demo_recording.py"


def test_every_card_is_a_published_test_number() -> None:
    world = json.loads((DATA / "demo-world.json").read_text())
    pans = [card["pan"] for card in world["cards"]]
    assert len(set(pans)) == len(pans) == 22
    assert all(pan[:6] in TEST_BINS and luhn_valid(pan) for pan in pans)
    assert {card["status"] for card in world["cards"]} == {"active", "frozen", "lost", "stolen"}
    assert len(world["accounts"]) == 20


def test_the_recording_lasts_half_a_minute_at_twenty_a_second() -> None:
    kept = recording.read(DATA / "demo.jsonl")
    requests = [event for event in kept.events if event.k == "frame" and event.d == "in"]
    answers = [event for event in kept.events if event.of >= 0]
    seconds = kept.events[-1].t / 1e9
    assert 24 < seconds < 30
    assert 18 < len(requests) / seconds < 22
    assert len(answers) == len(requests)
    assert kept.header.masked
