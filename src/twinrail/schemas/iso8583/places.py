"""Places: in which element of each version of ISO 8583 a thing stands that the engine asks for.

Instructions come out the same for every version because only this table knows the numbers. Between 1987 and 1993 many
elements changed their meaning (DE12, 24, 26, 30, 56, 70, 90 and 95 among those that matter here), so a number means
nothing without its version. Sources: ISO 8583-1:1987 and 1993 table 3, 2003 as in public packagers.
"""

from dataclasses import dataclass

VERSION_DIGITS = {"1987": "0", "1993": "1", "2003": "2"}  # the first digit of every message type
TIMES = {6: "%H%M%S", 10: "%m%d%H%M%S", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}  # by the digits of the element


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Element numbers of one version; 0 for what the version has no element for.

    `sent_at` is the element that, with the STAN, names a message in the original data of a reversal: DE7 in 1987, DE12
    later. Lengths are digits.
    """

    version: str  # "1987", "1993", "2003"
    pan: int = 2
    processing_code: int = 3
    amount: int = 4
    transmitted_at: int = 7
    stan: int = 11
    stan_length: int = 6
    sent_at: int = 7
    sent_at_length: int = 10
    local_time: int = 12
    expiry: int = 14
    mcc: int = 18
    function: int = 0  # function code
    acquirer: int = 32
    track2: int = 35
    rrn: int = 37
    approval_code: int = 38
    response_code: int = 39
    terminal: int = 41
    merchant: int = 42
    currency: int = 49  # 0 where amounts begin with their currency, 3 digits, and its exponent, 1
    amount_offset: int = 0  # where the 12 digits of an amount begin in its element
    original_amounts: int = 0  # original amount, 12 digits, in front
    original_data: int = 90  # MTI 4, STAN, then what `sent_at` held
    network_function: int = 70  # what a network management message asks for
    replacement_amounts: int = 95  # new amount, 12 digits, in front
    partial_reversal: str = ""  # the function that makes the amount the new one, and DE30 say what it was


PLACES_1987 = Places(version="1987")
# Terminals have one bitmap, seldom DE7, and say in the processing code what a network message asks for.
PLACES_POS = Places(
    version="1987", sent_at=12, sent_at_length=6, original_data=0, network_function=3, replacement_amounts=0
)
PLACES_1993 = Places(
    version="1993",
    sent_at=12,
    sent_at_length=12,
    mcc=26,
    function=24,
    original_amounts=30,
    original_data=56,
    network_function=24,
    replacement_amounts=0,
    partial_reversal="401",
)
PLACES_2003 = Places(
    version="2003",
    stan_length=12,
    sent_at=12,
    sent_at_length=14,
    currency=0,
    amount_offset=4,
    mcc=26,
    function=24,
    original_amounts=30,
    original_data=56,
    network_function=24,
    replacement_amounts=0,
    partial_reversal="401",
)
