"""From one version of ISO 8583 to the next: codes, times, amounts and original data, by the names of elements.

Each step works on the values of a message by name and goes between neighbours (1987, 1993, 2003); longer ways are steps
one after the other. What a step takes away it puts somewhere else or names.
"""

import contextlib
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from twinrail.money import CURRENCIES, exponent, numeric
from twinrail.schemas.iso8583 import conversions
from twinrail.schemas.iso8583.places import VERSION_DIGITS

Names = dict[str, str | bytes]
_VERSIONS = ("1987", "1993", "2003")
_CENTURY = "20"
_PARTIAL, _FULL = "401", "400"  # function codes of reversals
_ZEROS = "0" * 12
_NO_FEES = "C00000000" * 2


class Note(NamedTuple):
    """One element of which something is to say: path in the message that was given, name, and what."""

    path: str
    name: str
    words: str


class Years:
    """Gives dates the year that they lack: the one that brings them nearest to a day."""

    def __init__(self, today: date) -> None:
        self._today = today

    def of(self, month_day: str) -> str:
        """Give the year of MMDD, four digits; that of today where it is no date.

        >>> Years(date(2026, 1, 2)).of("1231")
        '2025'
        """
        found = []
        for year in (self._today.year - 1, self._today.year, self._today.year + 1):
            with contextlib.suppress(ValueError):  # 29 February is not in every year
                day = date(year, int(month_day[:2]), int(month_day[2:4]))
                found.append((abs((day - self._today).days), year))
        return f"{min(found)[1] if found else self._today.year:04d}"

    def dated(self, value: str, size: int) -> str:
        """Write MMDD, YYMMDD or CCYYMMDD with another number of digits; as it is where it is none of these."""
        if len(value) not in {4, 6, 8}:
            return value
        whole = {4: self.of(value) + value, 6: _CENTURY + value, 8: value}[len(value)]
        return whole[-size:] if size in {4, 6, 8} else value


class _Step:
    """One step between versions: the values by name, and what is to say about them."""

    def __init__(self, mti: str, names: Names, years: Years) -> None:
        self.mti = mti
        self.names = names
        self.years = years
        self.left: list[tuple[str, str]] = []
        self.adapted: list[tuple[str, str]] = []

    def text(self, name: str) -> str:
        """Give a value as text, "" where it is none or not there."""
        value = self.names.get(name, "")
        return value if isinstance(value, str) else ""

    def take(self, name: str) -> str:
        """Take a value away."""
        value = self.text(name)
        self.names.pop(name, None)
        return value

    def lose(self, name: str, words: str) -> None:
        """Take a value away and name it."""
        if name in self.names:
            del self.names[name]
            self.left.append((name, words))


def moved(mti: str, names: Names, version: str, target: str, years: Years) -> tuple[str, Names, list[Note], list[Note]]:
    """Give type and values by name in another version, what could not be said there, and what is said otherwise."""
    at, end = _VERSIONS.index(version), _VERSIONS.index(target)
    left: list[Note] = []
    adapted: list[Note] = []
    names = dict(names)
    while at != end:
        following = at + (1 if end > at else -1)
        step = _Step(mti, names, years)
        for rule in _RULES[_VERSIONS[at], _VERSIONS[following]]:
            rule(step)
        mti = _mti(mti, _VERSIONS[following])
        left += [Note("", name, words) for name, words in step.left]
        adapted += [Note("", name, words) for name, words in step.adapted]
        at = following
    return mti, names, left, adapted


def _mti(mti: str, version: str) -> str:
    """Give a message type in another version; network messages come from another party since 1993.

    >>> _mti("0800", "1993"), _mti("1814", "1987"), _mti("0421", "1993")
    ('1804', '0810', '1421')
    """
    origin = mti[3]
    if mti[1] == "8" and version == "1987":
        origin = {"4": "0", "5": "1"}.get(origin, origin)
    elif mti[1] == "8" and mti[0] == "0":
        origin = {"0": "4", "1": "5"}.get(origin, origin)
    return VERSION_DIGITS[version] + mti[1:3] + origin


# 1987 to 1993.


def _codes_up(step: _Step) -> None:
    code = step.text("response_code")
    if code:
        action = next((new for old, new in conversions.RESPONSE_ACTION if old == code), "")
        if code == conversions.ACCEPTED_RESPONSE:
            action = conversions.ACCEPTED_ACTION.get(step.mti[1], action)
        _replaced(step, "response_code", "action_code", action)
    network = step.text("network_management_code")
    if network:
        function = next((new for old, new in conversions.NETWORK_FUNCTION if old == network), "")
        _replaced(step, "network_management_code", "function_code", function)
    elif "function_code" not in step.names and step.mti[2] in "024":
        assumed = _FULL if step.mti[1] == "4" else f"{step.mti[1]}00"
        if step.mti[1] in "124":
            step.names["function_code"] = assumed
            step.adapted.append(("function_code", "it is assumed from the message type"))


def _replaced(step: _Step, old: str, new: str, value: str) -> None:
    if value:
        step.take(old)
        step.names[new] = value
    else:
        step.lose(old, "its code has no counterpart")


def _times_up(step: _Step) -> None:
    time, day = step.text("local_time"), step.text("local_date")
    if len(time) == 6 and len(day) == 4:
        step.take("local_time")
        step.take("local_date")
        step.names["local_date_time"] = (step.years.of(day) + day + time)[2:]


def _original_up(step: _Step) -> None:
    value = step.text("original_data")
    if len(value) == 42:
        acquirer = value[20:31].lstrip("0")
        step.names["original_data"] = (
            f"{_mti(value[:4], '1993')}{value[4:10]}{_ZEROS}{len(acquirer):02d}{acquirer}"
            if acquirer
            else f"{_mti(value[:4], '1993')}{value[4:10]}{_ZEROS}"
        )
        step.left.append(("original_data", "the local time of the original is wanted there: zeros"))
        if value[31:].strip("0"):
            step.left.append(("original_data", "its forwarder has no place"))


def _partial_up(step: _Step) -> None:
    value = step.text("replacement_amounts")
    if len(value) != 42 or "amount" not in step.names:
        return
    new, settlement = value[:12], value[12:24]
    original = step.text("amount") + (step.text("amount_settlement") or _ZEROS)
    if len(original) != 24 or not value[:24].isdigit():
        return
    step.take("replacement_amounts")
    step.names["original_amounts"] = original
    step.names["amount"] = new
    if settlement.strip("0"):
        step.names["amount_settlement"] = settlement
    step.names["function_code"] = _PARTIAL
    if value[24:].strip("CD0"):
        step.left.append(("replacement_amounts", "what it holds beside amounts has no place"))


# 1993 to 1987.


def _codes_down(step: _Step) -> None:
    action = step.text("action_code")
    if action:
        code = next((old for old, new in conversions.RESPONSE_ACTION if new == action), "")
        _replaced(step, "action_code", "response_code", code)
    function = step.text("function_code")
    if function and step.mti[1] == "8":
        network = next((old for old, new in conversions.NETWORK_FUNCTION if new == function), "")
        _replaced(step, "function_code", "network_management_code", network)
    elif function in {_FULL, _PARTIAL, f"{step.mti[1]}00"} and step.mti[1] in "124":
        step.take("function_code")
        step.adapted.append(("function_code", "the message type says it"))


def _times_down(step: _Step) -> None:
    value = step.text("local_date_time")
    if len(value) == 12:
        step.take("local_date_time")
        step.names["local_time"], step.names["local_date"] = value[6:], value[2:6]


def _original_down(step: _Step) -> None:
    value = step.text("original_data")
    if len(value) >= 22:
        acquirer = value[24:].zfill(11)
        step.names["original_data"] = f"{_mti(value[:4], '1987')}{value[4:10]}{'0' * 10}{acquirer}{'0' * 11}"
        step.left.append(("original_data", "the transmission time of the original is wanted there: zeros"))


def _partial_down(step: _Step) -> None:
    value, amount = step.text("original_amounts"), step.text("amount")
    if step.text("function_code") == _PARTIAL and len(value) == 24 and len(amount) == 12:
        step.take("original_amounts")
        settlement = step.text("amount_settlement")
        step.names["replacement_amounts"] = amount + (settlement or _ZEROS) + _NO_FEES
        step.names["amount"] = value[:12]
        if settlement:
            step.names["amount_settlement"] = value[12:]


def _currencies_down(step: _Step) -> None:
    """Write currencies in digits: 1993 lets them be letters."""
    for name in ("currency", "currency_settlement", "currency_billing"):
        with contextlib.suppress(KeyError):
            step.names[name] = numeric(step.text(name))


# 1993 to 2003 and back.


def _actions_up(step: _Step) -> None:
    action = step.text("action_code")
    if len(action) == 3:
        step.names["action_code"] = f"{action[0]}0{action[1:]}"


def _actions_down(step: _Step) -> None:
    action = step.text("action_code")
    if len(action) == 4 and action[1] == "0":
        step.names["action_code"] = action[0] + action[2:]
    else:
        step.lose("action_code", "its code has no counterpart")


def _amounts_up(step: _Step) -> None:
    _currencies_down(step)
    used = set()
    for whole, amount, currency in conversions.AMOUNTS:
        code = step.text(currency)
        if amount in step.names and code in CURRENCIES:
            step.names[whole] = f"{code}{exponent(code)}{step.take(amount)}"
            used.add(currency)
    original, code = step.text("original_amounts"), step.text("currency")
    if len(original) == 24 and code in CURRENCIES:
        other = step.text("currency_settlement") or code
        known = other if other in CURRENCIES else code
        parts = (f"{code}{exponent(code)}{original[:12]}", f"{known}{exponent(known)}{original[12:]}")
        step.names["original_amounts"] = "".join(parts)
    for currency in used:
        step.take(currency)


def _amounts_down(step: _Step) -> None:
    for whole, amount, currency in conversions.AMOUNTS:
        value = step.text(whole)
        known = CURRENCIES.get(value[:3])
        if known is not None and value[3:4] == str(known[1]):
            step.take(whole)
            step.names[amount] = value[4:]
            step.names.setdefault(currency, value[:3])
    original = step.text("original_amounts")
    if len(original) == 32:
        step.names["original_amounts"] = original[4:16] + original[20:]


def _balances_up(step: _Step) -> None:
    """Put the exponent behind the currency of each additional amount."""
    value = step.text("additional_amounts")
    groups = [value[at : at + 20] for at in range(0, len(value), 20)]
    if value and all(len(group) == 20 and group[4:7] in CURRENCIES for group in groups):
        step.names["additional_amounts"] = "".join(f"{g[:7]}{exponent(g[4:7])}{g[7:]}" for g in groups)
    else:
        step.lose("additional_amounts", "it is not made of amounts")


def _balances_down(step: _Step) -> None:
    value = step.text("additional_amounts")
    groups = [value[at : at + 21] for at in range(0, len(value), 21)]
    if value and all(len(group) == 21 for group in groups):
        step.names["additional_amounts"] = "".join(group[:7] + group[8:] for group in groups)
    else:
        step.lose("additional_amounts", "it is not made of amounts")


def _moments_up(step: _Step) -> None:
    if len(step.text("local_date_time")) == 12:
        step.names["local_date_time"] = _CENTURY + step.text("local_date_time")
    value = step.text("original_data")
    if len(value) >= 22:
        moment = _CENTURY + value[10:22] if value[10:22].strip("0") else "0" * 14
        step.names["original_data"] = _mti(value[:4], "2003") + value[4:10].zfill(12) + moment + value[24:].zfill(11)


def _moments_down(step: _Step) -> None:
    if len(step.text("local_date_time")) == 14:
        step.names["local_date_time"] = step.text("local_date_time")[2:]
    value = step.text("original_data")
    if len(value) == 41 and value[4:10] == "0" * 6:
        acquirer = value[30:].lstrip("0")
        tail = f"{len(acquirer):02d}{acquirer}" if acquirer else ""
        step.names["original_data"] = f"{_mti(value[:4], '1993')}{value[10:16]}{value[18:30]}{tail}"


_RULES: dict[tuple[str, str], tuple[Callable[[_Step], None], ...]] = {
    ("1987", "1993"): (_codes_up, _times_up, _original_up, _partial_up),
    # The partial reversal is told by the function code, so it goes before the codes.
    ("1993", "1987"): (_partial_down, _codes_down, _times_down, _original_down, _currencies_down),
    ("1993", "2003"): (_actions_up, _amounts_up, _balances_up, _moments_up),
    ("2003", "1993"): (_actions_down, _amounts_down, _balances_down, _moments_down),
}
