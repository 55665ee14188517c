"""Every scenario, played by the switch alone in virtual time; tests/scenarios/notation.py explains the notation."""

from pathlib import Path

import pytest

from tests.scenarios.notation import Player, Pure, scenarios
from tests.scenarios.rig import Mode


@pytest.mark.parametrize("file", scenarios(), ids=lambda file: file.stem)
async def test_in_virtual_time(file: Path) -> None:
    world = Pure()
    await Player(world).play(file.read_text(encoding="utf-8"))
    world.rig.settle(Mode.FINE)
    assert world.rig.switch.idle
    world.rig.rows.verify()
