"""A crash at every boundary of a short scenario: before each event, and between each event and its effects."""

from dataclasses import replace

import pytest

from twinrail.assembly import flows
from twinrail.simulators.faults import CALM, Swarm
from twinrail.simulators.world import run

FLOWS = flows()
SHORT = replace(
    CALM,
    seconds=3.0,
    requests=8,
    networks=1,
    accounts=2,
    financial_p=0.4,
    reversal_p=0.6,
    early_reversal_p=0.2,
    retry_p=0.5,
    duplicate_p=0.2,
    near_limit=0.5,
)
SCENARIOS = {
    "quick store": SHORT,
    "slow store, late declines": replace(SHORT, commit_s=0.3, deadline_s=0.3),
    "slow store, silence": replace(SHORT, commit_s=0.3, deadline_s=0.3, silent=True),
    "doubtful store": replace(SHORT, commit_s=0.05, unknown_p=0.5, fail_p=0.2),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_anywhere_is_survived(name: str) -> None:
    swarm: Swarm = SCENARIOS[name]
    seed = 7
    undisturbed = run(seed, flows=FLOWS, swarm=swarm)
    assert undisturbed.good, undisturbed.findings
    assert undisturbed.answers > 10
    boundaries = range(1, undisturbed.busy_boundaries)
    crashed = 0
    for boundary in boundaries:
        outcome = run(seed, flows=FLOWS, swarm=swarm, crash_at=boundary)
        assert outcome.good, f"crash at boundary {boundary}: {outcome.findings}"
        crashed += outcome.counters.get("crash", 0)
    assert crashed == len(boundaries)
