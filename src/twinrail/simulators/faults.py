"""What goes wrong in a simulated world, and how often: one swarm of rates a seed.

Every fault is on in half of the seeds, with a rate drawn from its range, so that some worlds are quiet but for one
fault and others are ruined by all of them at once. Times are seconds, rates shares of what they apply to; 0 is off.
Random numbers come from named streams of one seed: one part's extra draw does not shift what another part sees.
"""

import random
from dataclasses import dataclass, replace

NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """The rates of one world. The defaults are a world without faults."""

    seconds: float = 20.0  # of traffic under faults
    requests: int = 200  # new authorizations in that time, over all networks
    networks: int = 2
    links_each: int = 1  # connections of one network
    accounts: int = 6
    silent: bool = False  # deadline policy of the first network; the second has the other one
    deadline_s: float = 1.5
    window: int = 200_000  # decisions that the engine keeps for repeats
    batch_entries: int = 1000
    hold_expiry_s: int = 7 * 24 * 3600
    late_window_s: int = 3 * 24 * 3600
    # The wires
    delay_s: float = 0.002  # one way, at most, but for the tail
    tail_p: float = 0.0  # share of chunks that take up to 20 s
    lost_p: float = 0.0  # messages that never leave the network
    duplicate_p: float = 0.0  # messages delivered twice
    split_p: float = 0.0  # writes cut at random bytes
    coalesce_p: float = 0.0  # writes that wait for the next one
    reset_every_s: float = 0.0  # a connection is reset
    half_open_p: float = 0.0  # of resets: both sides hear nothing and are told nothing
    malformed_p: float = 0.0
    # The networks
    financial_p: float = 0.3  # 0200 instead of 0100
    reversal_p: float = 0.05  # of answered approvals
    partial_p: float = 0.3  # of reversals: with a replacement amount
    early_reversal_p: float = 0.0  # a reversal that overtakes its original, or comes with it
    advice_p: float = 0.1  # of unanswered requests: the network stood in
    retry_p: float = 0.0  # the same message again though it was answered
    reuse_p: float = 0.0  # the same key with another amount
    hot_share: float = 0.3  # requests that fall on one account
    near_limit: float = 0.5  # of accounts that own about what they are asked for
    instant_p: float = 0.0  # instant payments beside every card request
    # The store
    commit_s: float = 0.002
    fail_p: float = 0.0  # commits that certainly did not happen
    unknown_p: float = 0.0  # commits whose reply is lost; half of them happened
    stall_p: float = 0.0  # commits that take up to 30 s
    slow_answer_p: float = 0.0  # questions answered up to 3 s late
    away_every_s: float = 0.0  # the store restarts
    # The processes
    crash_every_s: float = 0.0
    second_owner_p: float = 0.0  # of crashes: a new owner starts while the old one goes on
    drain_p: float = 0.0  # of crashes: an orderly stop instead
    clock_step_every_s: float = 0.0  # wall clock, up to 25 hours either way
    commands_every_s: float = 0.0  # operator commands beside those that fund the accounts
    timer_late_s: float = 0.0  # how late a timer fires, at most


CALM = Swarm()


def stream(seed: int, name: str) -> random.Random:
    """Give the random stream of that name, the same in every process."""
    return random.Random(f"{seed}/{name}")


def draw(seed: int) -> Swarm:
    """Draw the rates of a seed's world (the starting swarm of docs/architecture.md)."""
    rng = stream(seed, "swarm")

    def rate(low: float, high: float) -> float:
        chosen = rng.uniform(low, high)
        return chosen if rng.random() < 0.5 else 0.0

    drawn = Swarm(
        seconds=rng.uniform(10, 40),
        requests=rng.randrange(60, 200),
        networks=rng.choice((1, 2, 2, 3)),
        links_each=rng.choice((1, 1, 2)),
        accounts=rng.choice((2, 6, 12)),
        silent=rng.random() < 0.5,
        deadline_s=rng.choice((0.3, 1.5, 4.5)),
        window=rng.choice((200_000, 200_000, 200_000, 16)),
        batch_entries=rng.choice((1000, 1000, 3)),
        hold_expiry_s=rng.choice((7 * 24 * 3600, 7 * 24 * 3600, 6)),
        late_window_s=rng.choice((3 * 24 * 3600, 4)),
        delay_s=rng.uniform(0.0002, 0.05),
        tail_p=rate(0, 0.02),
        lost_p=rate(0, 0.05),
        duplicate_p=rate(0, 0.5),
        split_p=rate(0, 1),
        coalesce_p=rate(0, 0.5),
        reset_every_s=rate(2, 30),
        half_open_p=rate(0, 0.5),
        malformed_p=rate(0, 0.2),
        financial_p=rng.uniform(0, 0.6),
        reversal_p=rate(0, 0.6),
        partial_p=rng.uniform(0, 0.6),
        early_reversal_p=rate(0, 0.2),
        advice_p=rng.uniform(0, 0.7),
        retry_p=rate(0, 0.5),
        reuse_p=rate(0, 0.05),
        hot_share=rng.uniform(0, 0.95),
        near_limit=rng.uniform(0, 1),
        instant_p=rate(0, 0.1),
        commit_s=rng.choice((0.001, 0.01, 0.1)),
        fail_p=rate(0, 0.1),
        unknown_p=rate(0, 0.2),
        stall_p=rate(0, 0.05),
        slow_answer_p=rate(0, 0.3),
        away_every_s=rate(5, 60),
        crash_every_s=rate(2, 20),
        second_owner_p=rate(0.2, 0.8),
        drain_p=rate(0.1, 0.4),
        clock_step_every_s=rate(2, 30),
        commands_every_s=rate(0.2, 3),
        timer_late_s=rate(0, 0.02),
    )
    # Behind a small window only repeat message types are looked for: an original must not come after its repeat.
    return drawn if drawn.window > 1000 else replace(drawn, tail_p=0, duplicate_p=0, reuse_p=0)


def calmed(swarm: Swarm) -> Swarm:
    """Give the same world with every fault off: what is left to do has to get done."""
    return replace(
        swarm,
        tail_p=0, lost_p=0, duplicate_p=0, split_p=0, coalesce_p=0, reset_every_s=0, half_open_p=0, malformed_p=0,
        early_reversal_p=0, retry_p=0, reuse_p=0, fail_p=0, unknown_p=0, stall_p=0, slow_answer_p=0, away_every_s=0,
        crash_every_s=0, clock_step_every_s=0, commands_every_s=0,
        commit_s=min(swarm.commit_s, 0.01),
    )  # fmt: skip
