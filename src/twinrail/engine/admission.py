"""Admission: which requests are refused before any check, so that the rest keep their latency budget.

Only 0100, 0200 and instant payments are ever refused here; reversals, advices and 0800 never are. A request is refused
when the wait predicted for its commit would eat more than a share of its budget, when the store is away, when too much
is unsettled, or when its link holds more than its fair share of a full queue. Nothing carries over: the figures follow
the last few commits.
"""

SMOOTHING = 0.2  # weight of the newest commit in the moving averages
ALLOWED_MIN = 64  # unsettled entries that are always admitted while the store answers


class Admission:
    """Moving averages of the store's pace, and what they admit."""

    def __init__(self, *, unsettled_max: int, wait_share: float) -> None:
        self._unsettled_max = unsettled_max
        self._wait_share = wait_share
        self._commit_ns = 2_000_000.0
        self._entries_per_ns = 5_000 / 1e9
        self._allowed: dict[int, int] = {}
        self.stalled = False
        self.refused = 0

    def committed(self, entries: int, took_ns: int) -> None:
        """Learn from a commit of `entries` that took `took_ns`."""
        took = max(took_ns, 1)
        self._commit_ns += SMOOTHING * (took - self._commit_ns)
        pace = entries / took
        # A small batch says little about the pace under load: only a faster one, or one that had to wait, moves it.
        if pace > self._entries_per_ns or entries >= ALLOWED_MIN:
            self._entries_per_ns += SMOOTHING * (pace - self._entries_per_ns)
        self.stalled = False
        self._allowed.clear()

    def predicted_wait_ns(self, unsettled: int) -> int:
        """Give the wait that `unsettled` entries before it mean for a new request."""
        return int(self._commit_ns + unsettled / self._entries_per_ns)

    def admits(self, unsettled: int, budget_ns: int, link_unsettled: int, links: int) -> bool:
        """Say whether a new request may go on to the checks."""
        allowed = self._allowed.get(budget_ns)
        if allowed is None:
            allowed = self._allowed[budget_ns] = self._allow(budget_ns)
        if unsettled < allowed >> 1:
            return not self.stalled
        # The queue is half full: from here each link may hold its share of it.
        return not self.stalled and unsettled < allowed and link_unsettled * links <= allowed

    def _allow(self, budget_ns: int) -> int:
        waiting_ns = self._wait_share * budget_ns - self._commit_ns
        return min(self._unsettled_max, max(ALLOWED_MIN, int(waiting_ns * self._entries_per_ns)))
