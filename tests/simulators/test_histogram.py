"""The latency histogram against sorted lists."""

from hypothesis import given
from hypothesis import strategies as st

from twinrail.simulators.histogram import VALUE_MAX, Histogram

values = st.lists(st.integers(0, VALUE_MAX), min_size=1, max_size=200)


def _filled(numbers: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.extend(numbers)
    return histogram


@given(values, st.sampled_from([1.0, 50.0, 90.0, 99.0, 99.9, 100.0]))
def test_percentile_is_within_one_bucket_of_the_sorted_value(numbers: list[int], percent: float) -> None:
    rank = max(1, int(-(-len(numbers) * percent // 100)))
    exact = sorted(numbers)[rank - 1]
    given_value = _filled(numbers).percentile(percent)
    assert exact <= given_value <= exact + exact // 128 + 1


@given(values, values)
def test_merge_equals_recording_everything_in_one(left: list[int], right: list[int]) -> None:
    merged = _filled(left)
    merged.merge(_filled(right))
    both = _filled(left + right)
    assert merged.counts == both.counts
    assert (merged.total, merged.values_sum, merged.smallest, merged.largest) == (
        both.total,
        both.values_sum,
        both.smallest,
        both.largest,
    )


@given(st.integers(0, VALUE_MAX), st.integers(1, 50))
def test_a_value_recorded_several_times_is_that_many_values(value: int, times: int) -> None:
    histogram = Histogram()
    histogram.record(value, times)
    assert histogram.counts == _filled([value] * times).counts
    assert (histogram.total, histogram.values_sum) == (times, value * times)


def test_values_out_of_range_count_at_the_edges() -> None:
    histogram = _filled([-5, VALUE_MAX + 10])
    assert (histogram.smallest, histogram.largest, histogram.total) == (0, VALUE_MAX, 2)


def test_an_empty_histogram_has_zeros() -> None:
    assert Histogram().percentile(99) == 0
    assert Histogram().mean == 0.0
    assert Histogram().to_dict()["count"] == 0


def test_to_dict_speaks_microseconds() -> None:
    figures = _filled([1_000] * 99 + [2_000_000]).to_dict()
    assert figures["p50_us"] == 1.0
    assert figures["max_us"] == 2000.0
