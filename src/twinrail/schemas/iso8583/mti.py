"""Message types: class, function, origin and repeat (ISO 8583-1:1987 clause 4.2; 1993 and 2003 likewise)."""

# Function digit -> the function digit of its answer. A table, since "odd means response" misses 0140 -> 0150.
_ANSWER_FUNCTION = {"0": "1", "2": "3", "4": "5", "6": "7"}
# Origin digit -> the origin digit of the answer, with the repeat bit cleared.
_ANSWER_ORIGIN = {"0": "0", "1": "0", "2": "2", "3": "2", "4": "4", "5": "4"}
_EVEN = {"0": "0", "1": "0", "2": "2", "3": "2", "4": "4", "5": "4"}


def response_to(mti: str) -> str | None:
    """Give the MTI of the answer to a request, advice, notification or instruction; None if none answers it.

    >>> response_to("0421")
    '0430'
    """
    function = _ANSWER_FUNCTION.get(mti[2])
    origin = _ANSWER_ORIGIN.get(mti[3])
    return None if function is None or origin is None else mti[:2] + function + origin


def is_repeat(mti: str) -> bool:
    """Say whether the MTI is a repeat (origin digit 1, 3 or 5)."""
    return mti[3] in "135"


def original_of(mti: str) -> str:
    """Give the MTI with the repeat bit cleared, the form that keys use.

    >>> original_of("0121")
    '0120'
    """
    return mti[:3] + _EVEN.get(mti[3], mti[3])
