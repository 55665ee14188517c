"""Bounds: what a switch holds at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the switch holds at most; reaching a bound has a named outcome."""

    batch_entries: int = 1000  # entries of one batch; what comes on top is the next batch
    unsettled: int = 40_000  # decided and not yet committed; beyond: requests are refused with 91
    unsettled_hard: int = 60_000  # beyond: reading stops on every link, advices wait in the network
    parked: int = 10_000  # instructions that wait for the store's answer; beyond: refused, or dropped for a repeat
    recent_decisions: int = 200_000  # duplicate window, by count
    recent_decisions_s: int = 3600  # duplicate window, by age
    closed_lifecycles: int = 200_000  # closed authorizations that memory keeps
    wait_share: float = 0.7  # of a request's budget that the predicted wait may take; beyond: refused with 91
    due_at_once: int = 500  # expiries and obligations taken by one wake
