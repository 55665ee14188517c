"""Card numbers by their digits alone: what passes as one, and where one could stand (ISO/IEC 7812-1 annex B).

Nobody can tell a card number from other digits for sure. What may be one is found in whatever part of a run of digits
it stands, blanks and dashes between them or not; every tenth stretch passes by chance, and is taken for one as well.
"""

import re
from itertools import accumulate

PAN_MIN, PAN_MAX = 13, 19  # digits of what passes as a card number by its check digit
# Twelve digits or more, whatever separates them.
DIGIT_RUN = re.compile(r"\d(?:[ \-./]{0,2}\d){11,}", re.ASCII)
_NO_DIGITS = re.compile(r"[^0-9]+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the sum of the digits of twice a digit


def luhn_digit(body: str) -> str:
    """Give the check digit that makes the digits Luhn valid.

    >>> luhn_digit("411111111111111")
    '1'
    """
    total = sum(int(digit) if place & 1 else _DOUBLED[int(digit)] for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def luhn_valid(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others."""
    return luhn_digit(digits[:-1]) == digits[-1]


def is_card_number(value: str | bytes) -> bool:
    """Say whether a value is nothing but a card number: then it is no composite, whatever the dialect says."""
    bare = value.strip() if isinstance(value, str) else ""
    return PAN_MIN <= len(bare) <= PAN_MAX and bare.isascii() and bare.isdigit() and luhn_valid(bare)


def number_inside(value: str | bytes) -> bool:
    """Say whether a card number could run over several parts of a value, in whatever way it is written."""
    if isinstance(value, str):
        return holds_card_number(value)
    # The digits of all EBCDIC code pages are the same.
    readings = (value.decode("ascii", "replace"), value.decode("cp500"), value.hex())
    return any(holds_card_number(text) for text in readings)


def holds_card_number(text: str) -> bool:
    """Say whether the text holds a digit run that passes as a card number, in whatever part of it; in linear time.

    >>> holds_card_number("paid with 0004111-1111 1111 1111"), holds_card_number("4111 1111 1111 1112")
    (True, False)
    """
    return any(_run_holds_card_number(_NO_DIGITS.sub("", found[0])) for found in DIGIT_RUN.finditer(text))


def _run_holds_card_number(digits: str) -> bool:
    """Look at every stretch of a card number's length that does not begin with 0.

    The sums up to each place are made once, with every second digit doubled, for both ways to begin: the sum of a
    stretch is then one subtraction.
    """
    plain = [int(digit) for digit in digits]
    doubled = [_DOUBLED[digit] for digit in plain]
    even, odd = plain.copy(), doubled.copy()
    even[1::2], odd[1::2] = doubled[1::2], plain[1::2]
    sums = (list(accumulate(even, initial=0)), list(accumulate(odd, initial=0)))
    for at, digit in enumerate(plain):
        if digit:
            for end in range(at + PAN_MIN, min(at + PAN_MAX, len(plain)) + 1):
                up_to = sums[(end - 1) & 1]  # the last digit of a card number is not doubled
                if (up_to[end] - up_to[at]) % 10 == 0:
                    return True
    return False
