"""Reports on disk: the last booked position, and a report that is whole or not there."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.status_report import Original
from twinrail.engine.store.contract import PaymentRow
from twinrail.engine.transports import reports
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.schemas.iso20022.profiles import SCT
from twinrail.simulators.clearing_house import read_status

ORIGINAL = Original("TR1", "M1", PAIN_001, 0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Rows:
    def __init__(self, count: int) -> None:
        self.asked = 0
        self.rows = [
            PaymentRow(n, n, "A", True, 100, "978", "ACSP", "", "M1", "P1", f"E{n}", "", "")
            for n in range(1, count + 1)
        ]

    async def payments_of_file(
        self, sha256: str, *, after_position: int = 0, limit: int = 1000
    ) -> Sequence[PaymentRow]:
        assert sha256 == "f"
        self.asked += 1
        return self.rows[after_position : after_position + limit]


@given(st.integers(0, 5000), st.integers(0, 5000))
async def test_the_last_booked_position_is_found_in_few_questions(transactions: int, done: int) -> None:
    rows = Rows(min(done, transactions))
    assert await reports.booked(rows, "f", transactions) == min(done, transactions)
    assert rows.asked <= 13


@pytest.mark.parametrize("count", [1, reports.PAGE, reports.PAGE + 1, 3 * reports.PAGE])
async def test_a_report_is_built_page_by_page_and_published_whole(tmp_path: Path, count: int) -> None:
    kept, out = tmp_path / "kept.xml", tmp_path / "out.xml"
    await reports.build(kept, Rows(count), "f", original=ORIGINAL, profile=SCT, at=0, totals={})
    digest = await reports.publish(kept, out)
    assert digest == hashlib.sha256(out.read_bytes()).hexdigest()
    assert out.read_bytes() == kept.read_bytes()
    found = read_status(out.read_bytes())
    assert [row.end_to_end_id for row in found.transactions] == [f"E{n}" for n in range(1, count + 1)]
    assert names(tmp_path) == ["kept.xml", "out.xml"]
