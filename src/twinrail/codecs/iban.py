"""IBAN: is it one, and how may it be shown (ISO 13616, registry formats of the SEPA countries).

Only the countries whose accounts SEPA reaches are known here; an IBAN of any other country is not valid on this rail.
"""

import re

# BBAN structure by country, in the registry's notation: n digits, a upper-case letters, c both.
STRUCTURES: dict[str, str] = {
    "AD": "n8c12", "AL": "n8c16", "AT": "n16", "BE": "n12", "BG": "a4n6c8", "CH": "n5c12", "CY": "n8c16",
    "CZ": "n20", "DE": "n18", "DK": "n14", "EE": "n16", "ES": "n20", "FI": "n14", "FR": "n10c11n2", "GB": "a4n14",
    "GI": "a4c15", "GR": "n7c16", "HR": "n17", "HU": "n24", "IE": "a4n14", "IS": "n22", "IT": "a1n10c12",
    "LI": "n5c12", "LT": "n16", "LU": "n3c13", "LV": "a4c13", "MC": "n10c11n2", "MD": "c20", "ME": "n18",
    "MK": "n3c10n2", "MT": "a4n5c18", "NL": "a4n10", "NO": "n11", "PL": "n24", "PT": "n21", "RO": "a4c16",
    "RS": "n18", "SE": "n20", "SI": "n15", "SK": "n20", "SM": "a1n10c12", "VA": "n18",
}  # fmt: skip
_CLASSES = {"n": "[0-9]", "a": "[A-Z]", "c": "[0-9A-Z]"}
_DIGITS = {ord("A") + number: str(10 + number) for number in range(26)}


def parts(structure: str) -> list[tuple[str, int]]:
    """Split a structure into its parts.

    >>> parts("a4n14")
    [('a', 4), ('n', 14)]
    """
    return [(kind, int(size)) for kind, size in re.findall(r"([nac])(\d+)", structure)]


def _pattern(structure: str) -> str:
    return "".join(f"{_CLASSES[kind]}{{{size}}}" for kind, size in parts(structure))


# Check digits run from 02 to 98; 00, 01 and 99 would be second names of the same account.
_FORMATS = {
    country: re.compile(rf"{country}(?!00|01|99)[0-9]{{2}}{_pattern(structure)}")
    for country, structure in STRUCTURES.items()
}


def valid(iban: str) -> bool:
    """Say whether a text in electronic form (no spaces, upper case) is an IBAN: country, format, check digits.

    >>> valid("DE89370400440532013000")
    True
    """
    form = _FORMATS.get(iban[:2])
    if form is None or form.fullmatch(iban) is None:
        return False
    # ISO 7064 MOD 97-10; letters count from A = 10. The format allows only ASCII, so int() reads digits alone.
    return int((iban[4:] + iban[:4]).translate(_DIGITS)) % 97 == 1


def of(country: str, bban: str) -> str:
    """Give the IBAN of a national account number by working out its check digits.

    >>> of("DE", "370400440532013000")
    'DE89370400440532013000'
    """
    remainder = int((bban + country + "00").translate(_DIGITS)) % 97
    return f"{country}{98 - remainder:02d}{bban}"


def masked(iban: str) -> str:
    """Show an IBAN: country and last four characters, or nothing but its length where it is too short for that.

    >>> masked("DE89370400440532013000")
    'DE****************3000'
    """
    if len(iban) < 15:
        return "*" * len(iban)
    return f"{iban[:2]}{'*' * (len(iban) - 6)}{iban[-4:]}"
