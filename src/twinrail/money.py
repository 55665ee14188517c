"""Amounts: integers in minor units, and the exponents of the currencies they are counted in (ISO 4217)."""

from decimal import Decimal

# ISO 4217 numeric code -> (alphabetic code, exponent). Euro countries, the world's traded currencies and every
# currency whose exponent is not 2; a code that is missing here is refused, never guessed.
CURRENCIES: dict[str, tuple[str, int]] = {
    "036": ("AUD", 2), "048": ("BHD", 3), "108": ("BIF", 0), "124": ("CAD", 2), "152": ("CLP", 0),
    "156": ("CNY", 2), "174": ("KMF", 0), "203": ("CZK", 2), "208": ("DKK", 2), "262": ("DJF", 0),
    "324": ("GNF", 0), "344": ("HKD", 2), "348": ("HUF", 2), "352": ("ISK", 0), "356": ("INR", 2),
    "360": ("IDR", 2), "368": ("IQD", 3), "376": ("ILS", 2), "392": ("JPY", 0), "400": ("JOD", 3),
    "410": ("KRW", 0), "414": ("KWD", 3), "434": ("LYD", 3), "484": ("MXN", 2), "512": ("OMR", 3),
    "548": ("VUV", 0), "554": ("NZD", 2), "578": ("NOK", 2), "600": ("PYG", 0), "643": ("RUB", 2),
    "646": ("RWF", 0), "682": ("SAR", 2), "702": ("SGD", 2), "704": ("VND", 0), "710": ("ZAR", 2),
    "752": ("SEK", 2), "756": ("CHF", 2), "764": ("THB", 2), "784": ("AED", 2), "788": ("TND", 3),
    "800": ("UGX", 0), "826": ("GBP", 2), "840": ("USD", 2), "901": ("TWD", 2), "941": ("RSD", 2),
    "946": ("RON", 2), "949": ("TRY", 2), "950": ("XAF", 0), "952": ("XOF", 0), "953": ("XPF", 0),
    "975": ("BGN", 2), "978": ("EUR", 2), "980": ("UAH", 2), "981": ("GEL", 2), "985": ("PLN", 2),
    "986": ("BRL", 2),
}  # fmt: skip
_NUMERIC = {alpha: numeric for numeric, (alpha, _) in CURRENCIES.items()}

AMOUNT_MAX = 10**15 - 1  # minor units; DE4 holds 12 digits, SEPA amounts 11, sums of a file far more than both


def exponent(currency: str) -> int:
    """Give the number of decimals of a currency, by its ISO 4217 numeric code; KeyError where it is unknown."""
    return CURRENCIES[currency][1]


def alphabetic(currency: str) -> str:
    """Give the three-letter code of a currency, by its ISO 4217 numeric code; KeyError where it is unknown."""
    return CURRENCIES[currency][0]


def numeric(alpha: str) -> str:
    """Give the ISO 4217 numeric code of a three-letter code; KeyError where it is unknown."""
    return _NUMERIC[alpha]


def to_minor(text: str, currency: str) -> int:
    """Read a decimal amount in major units ("12.30") as minor units of the currency.

    ValueError unless it is plain ASCII digits with at most one point, an optional leading minus, no more decimals
    than the currency has (trailing zeros do not count) and at most AMOUNT_MAX.

    >>> to_minor("12.3", "978")
    1230
    """
    digits = text.removeprefix("-")
    whole, point, fraction = digits.partition(".")
    if not (whole + fraction).isascii() or not whole.isdigit() or (point and not fraction.isdigit()):
        raise ValueError("not a plain decimal amount")
    places = exponent(currency)
    kept = fraction.rstrip("0")
    if len(kept) > places:
        raise ValueError("more decimals than the currency has")
    if len(whole) > 18:
        raise ValueError("amount out of range")
    minor = int(whole + kept.ljust(places, "0"))
    if minor > AMOUNT_MAX:
        raise ValueError("amount out of range")
    return -minor if text.startswith("-") else minor


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """Give an amount of minor units as Decimal in major units.

    >>> to_decimal(1230, "978")
    Decimal('12.30')
    """
    return Decimal(amount_minor).scaleb(-exponent(currency))


def show(amount_minor: int, currency: str) -> str:
    """Write an amount for people, as in "12.30 EUR"."""
    return f"{to_decimal(amount_minor, currency):f} {alphabetic(currency)}"
