"""A histogram of latencies: logarithmic buckets, cheap to record into, exact in count and within 1 % in value.

A value below 256 has a bucket of its own; above, every power of two is cut into 128 equal buckets, so that a bucket
is never wider than 1/128 of the values it holds. Recording costs one bit length, one shift and one addition.
"""

from collections.abc import Sequence

_CUTS = 7  # a power of two is cut into 2**7 buckets
VALUE_MAX = (1 << 44) - 1  # ns, about 4.9 hours; larger values count as this one
_BUCKETS = (44 - _CUTS + 1) << _CUTS


class Histogram:
    """Counts of integer values, by convention nanoseconds; values below 0 count as 0, above VALUE_MAX as VALUE_MAX.

    >>> latency = Histogram()
    >>> for value in (10, 20, 30): latency.record(value)
    >>> latency.percentile(50), latency.largest
    (20, 30)
    """

    __slots__ = ("counts", "largest", "smallest", "total", "values_sum")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.total = 0
        self.values_sum = 0
        self.smallest = VALUE_MAX
        self.largest = 0

    def record(self, value: int, times: int = 1) -> None:
        """Count one value, once or several times."""
        if value < 0 or value > VALUE_MAX:
            value = _clamped(value)
        shift = value.bit_length() - _CUTS - 1
        self.counts[(shift << _CUTS) + (value >> shift) if shift > 0 else value] += times
        self.total += times
        self.values_sum += value * times
        self.smallest = min(self.smallest, value)
        self.largest = max(self.largest, value)

    def extend(self, values: Sequence[int]) -> None:
        """Count many values: a third of the cost of as many calls of `record`."""
        if not values:
            return
        counts = self.counts
        for value in values:
            if value < 0 or value > VALUE_MAX:
                value = _clamped(value)  # noqa: PLW2901 - rare, and then the value is the edge
            shift = value.bit_length() - _CUTS - 1
            counts[(shift << _CUTS) + (value >> shift) if shift > 0 else value] += 1
        self.total += len(values)
        self.values_sum += sum(values) if min(values) >= 0 and max(values) <= VALUE_MAX else sum(map(_clamped, values))
        self.smallest = min(self.smallest, _clamped(min(values)))
        self.largest = max(self.largest, _clamped(max(values)))

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another histogram to this one."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.values_sum += other.values_sum
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)

    def percentile(self, percent: float) -> int:
        """Give the value that at least `percent` (0-100) of the values do not exceed; 0 where nothing was counted.

        The answer is the upper edge of a bucket, but never beyond the largest value: at most 1/128 too high.
        """
        if self.total == 0:
            return 0
        wanted = max(1, -(-self.total * percent // 100))
        seen = 0
        for index, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return min(_upper_edge(index), self.largest)
        return self.largest

    @property
    def mean(self) -> float:
        """Give the arithmetic mean, exact; 0.0 where nothing was counted."""
        return self.values_sum / self.total if self.total else 0.0

    def to_dict(self) -> dict[str, float]:
        """Give count, percentiles and extremes in microseconds, the form of every report."""
        points = {"p50_us": 50.0, "p90_us": 90.0, "p99_us": 99.0, "p999_us": 99.9}
        figures: dict[str, float] = {"count": self.total}
        figures.update((name, round(self.percentile(percent) / 1000, 1)) for name, percent in points.items())
        figures["max_us"] = round(self.largest / 1000, 1)
        return figures


def _clamped(value: int) -> int:
    return min(max(value, 0), VALUE_MAX)


def _upper_edge(index: int) -> int:
    shift = (index >> _CUTS) - 1
    if shift <= 0:
        return index
    return (((index - (shift << _CUTS)) + 1) << shift) - 1
