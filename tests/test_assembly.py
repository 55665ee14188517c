"""What assembly makes ready before anything listens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from twinrail.assembly import ready_schemas
from twinrail.codecs import sepa, xsd
from twinrail.errors import SettingsError
from twinrail.schemas.iso20022.messages import PACS_008, PAIN_001
from twinrail.settings import FileSettings, LinkSettings, Settings
from twinrail.simulators import clearing_house

INSTANT = Settings(links=(LinkSettings(name="instant", profile="sct-inst", port=0),))
CARD = Settings(links=(LinkSettings(name="card", profile="card-1987", port=0),))
FILES = Settings(files=FileSettings.model_validate({"inbox": Path("inbox")}))


def on_a_fresh_thread(job: Callable[[], object]) -> BaseException | None:
    """Run where nothing is compiled yet: schemas are kept by thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(job).exception()


@pytest.mark.parametrize(("settings", "name"), [(INSTANT, PACS_008), (FILES, PAIN_001)])
def test_start_up_fails_on_a_lookalike(settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lookalike = xsd.read(name).replace(b'maxLength value="35"', b'maxLength value="36"')
    monkeypatch.setattr(xsd, "read", lambda _name: lookalike)
    raised = on_a_fresh_thread(lambda: ready_schemas(settings))
    assert isinstance(raised, SettingsError)
    assert name in str(raised)


def test_the_first_instant_payment_finds_everything_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    payment = clearing_house.pacs008(creditor=clearing_house.account(1), debtor=clearing_house.account(2))

    def nothing_is_read(_name: str) -> bytes:
        raise AssertionError

    def first() -> None:
        ready_schemas(INSTANT)
        monkeypatch.setattr(xsd, "read", nothing_is_read)
        sepa.to_credit_transfer(payment, lambda iban: iban)

    assert on_a_fresh_thread(first) is None


def test_what_is_not_served_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_is_read(_name: str) -> bytes:
        raise AssertionError

    monkeypatch.setattr(xsd, "read", nothing_is_read)
    assert on_a_fresh_thread(lambda: ready_schemas(CARD)) is None
    assert isinstance(on_a_fresh_thread(lambda: ready_schemas(INSTANT)), AssertionError)
