"""Evidence: how far a decoded message looks like what its dialect says it is.

A wrong dialect can read a message to its last byte, but what it then reads are no dates, currencies or card numbers.
Every judgement goes by the name of an element, never by its number, so that it holds for every version. What is said is
made of names alone: no value is ever part of it.
"""

import re
from collections.abc import Callable, Container
from typing import NamedTuple

from twinrail.codecs import paths
from twinrail.codecs.card_numbers import luhn_valid
from twinrail.codecs.table import Message
from twinrail.money import CURRENCIES
from twinrail.schemas.iso8583 import codes
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Datasets, Pds, Tagged
from twinrail.schemas.iso8583.mti import original_of
from twinrail.schemas.iso8583.presence import PRESENCE_1987, PRESENCE_1993, PRESENCE_2003, Presence, mandatory_of
from twinrail.schemas.reasons import CODES

_AMOUNT_LIKELY = 10**10  # minor units; larger ones are nearly always digits of something else
_MONTH, _DAY, _YEAR, _CENTURY = "(0[1-9]|1[0-2])", "(0[1-9]|[12][0-9]|3[01])", "[0-9]{2}", "(19|20)"
_TIME = "([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
_ACTIONS = {code.action for code in CODES.values()}
_ALPHABETIC = {alpha for alpha, _ in CURRENCIES.values()}
PRESENCE: dict[str, Presence] = {"1987": PRESENCE_1987, "1993": PRESENCE_1993, "2003": PRESENCE_2003}


class Evidence(NamedTuple):
    """What speaks for a reading and what against it, in words, and the sum of both."""

    score: int
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


class _Judgement(NamedTuple):
    """What the value of a name must look like, how much that weighs, and what is said."""

    fits: Callable[[str], bool]
    weight: int
    good: str
    bad: str


def evidence(dialect: Dialect, message: Message) -> Evidence:
    """Weigh the elements of a message, composites opened; at most a few dozen judgements."""
    score = 0
    good: list[str] = []
    bad: list[str] = []
    names = {row.name: row.number for row in dialect.elements}
    for name, judgement in _JUDGEMENTS.items():
        value = message.elements.get(names.get(name, 0))
        if not isinstance(value, str) or not value:
            continue
        fits = judgement.fits(value)
        score += judgement.weight if fits else -judgement.weight
        where = good if fits else bad
        words = judgement.good if fits else judgement.bad
        if words and words not in where:
            where.append(words)
    for more in (_presence(dialect, message), _composites(dialect, message)):
        score += more.score
        good += more.good
        bad += more.bad
    return Evidence(score, tuple(good), tuple(bad))


def _presence(dialect: Dialect, message: Message) -> Evidence:
    """Hold the message to what its type must have: a type that nobody uses is rarely one."""
    mandatory = mandatory_of(PRESENCE[dialect.version]).get(original_of(message.mti))
    if mandatory is None:
        return Evidence(-1, bad=("the message type is an unusual one",))
    missing = sum(number not in message.elements for number in mandatory)
    if not missing:
        return Evidence(1, ("it has what its type must have",))
    return Evidence(0 if missing <= len(mandatory) // 2 else -1)


def _composites(dialect: Dialect, message: Message) -> Evidence:
    """Open what can be opened: tags that are known say much, a layout that does not fit as much against it."""
    score = 0
    good: list[str] = []
    bad: list[str] = []
    rows = {str(row.number): row for row in dialect.elements if isinstance(row.layout, _TELLING)}
    known: dict[str, int] = {}
    for entry in paths.walk(dialect, message):
        top = entry.path.partition(".")[0]
        if top not in rows:
            continue
        if entry.fault is not None:
            score -= 2
            words = f"DE{top} does not open"
            if words not in bad:
                bad.append(words)
        elif "." in entry.path and entry.row is not None:
            known[top] = known.get(top, 0) + 1
    for top in known:
        if f"DE{top} does not open" not in bad:
            score += 2
            good.append(f"DE{top} opens into parts that are known")
    return Evidence(score, tuple(good), tuple(bad))


_TELLING = (Tagged, BerTlv, Pds, BitmapParts, Datasets)  # a positional layout opens whatever has the length


def _pan(value: str) -> bool:
    return 12 <= len(value) <= 19 and _DIGITS(value) and value[0] != "0" and luhn_valid(value)


def _track2(value: str) -> bool:
    found = re.fullmatch(r"([0-9]{12,19})[=D]([0-9]{4}.*)?", value, re.ASCII)
    return found is not None and _pan(found[1])


def _amount(value: str) -> bool:
    return _DIGITS(value) and int(value) < _AMOUNT_LIKELY


def _amount_with_currency(value: str) -> bool:
    known = CURRENCIES.get(value[:3])
    return known is not None and value[3:4] == str(known[1]) and _amount(value[4:])


def _like(*patterns: str) -> Callable[[str], bool]:
    pattern = re.compile("|".join(patterns), re.ASCII)
    return lambda value: pattern.fullmatch(value) is not None


def _among(known: Container[str]) -> Callable[[str], bool]:
    return lambda value: value in known


def _date(weight: int, what: str, *patterns: str) -> _Judgement:
    return _Judgement(_like(*patterns), weight, "dates and times are possible", f"{what} is none")


_DIGITS = _like("[0-9]{1,32}")
_CURRENCY = _Judgement(
    lambda value: value in CURRENCIES or value in _ALPHABETIC,
    2,
    "amount and currency are sensible",
    "the currency is not known",
)
_MOMENTS = (_MONTH + _DAY + _TIME,)
_JUDGEMENTS: dict[str, _Judgement] = {
    "pan": _Judgement(
        _pan, 3, "the card number passes its check digit", "the card number does not pass its check digit"
    ),
    "track2": _Judgement(_track2, 3, "track 2 begins with a card number", "track 2 does not begin with a card number"),
    "processing_code": _Judgement(
        lambda value: value[:2] in codes.TRANSACTION_TYPES and value[2] in "0123456789",
        1,
        "",
        "the processing code is not known",
    ),
    "amount": _Judgement(_amount, 1, "amount and currency are sensible", "the amount is beyond all measure"),
    "amount_with_currency": _Judgement(
        _amount_with_currency, 3, "amount and currency are sensible", "the amount does not begin with its currency"
    ),
    "transmitted_at": _date(2, "the transmission time", *_MOMENTS),
    "local_time": _date(1, "the local time", _TIME),
    "local_date": _date(1, "the local date", _MONTH + _DAY),
    "local_date_time": _date(
        2, "the local date and time", _YEAR + _MONTH + _DAY + _TIME, _CENTURY + _YEAR + _MONTH + _DAY + _TIME
    ),
    "expiry": _date(1, "the expiry", _YEAR + _MONTH),
    "settlement_date": _date(1, "the settlement date", f"({_CENTURY}?{_YEAR})?{_MONTH}{_DAY}"),
    "response_code": _Judgement(
        _among(codes.RESPONSE_CODES), 2, "the response code is known", "the response code is not known"
    ),
    "action_code": _Judgement(
        lambda value: value in _ACTIONS or value[:1] + value[-2:] in _ACTIONS or value[:1] in set("489"),
        1,
        "the action code is known",
        "the action code is not known",
    ),
    "network_management_code": _Judgement(
        _among(codes.NETWORK_CODES), 1, "the network function is known", "the network function is not known"
    ),
    "currency": _CURRENCY,
    "stan": _Judgement(_like("0*[1-9][0-9]*"), 1, "", "the STAN is zero"),
}
