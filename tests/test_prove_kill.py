"""Real kills: the engine and PostgreSQL under load, a few times each; `twinrail prove kill -n 20` is the long form."""

import json

import pytest

from twinrail import prove

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.mark.parametrize("target", prove.TARGETS)
def test_nothing_acknowledged_is_lost_or_booked_twice(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = prove.kill(n=3, target=target, as_json=True)
    proof = json.loads(capsys.readouterr().out)
    assert proof["findings"] == []
    assert code == 0, proof
    assert proof["kills"] == 3
    assert proof["acknowledged"] > 300
    assert proof["repeats"] > 10
    assert proof["engine_exit"] == 0
