"""Usage rules of SEPA that need no account: amount, references, names, characters, addresses, dates.

Each rule gives a Reason or None; which values it compares with is data of the scheme profile. Rules that a schema
states already (lengths, mandatory elements) are not said again, except where SEPA is narrower than ISO 20022.
"""

import re
from datetime import date
from decimal import Decimal

from lxml import etree

from twinrail import money
from twinrail.schemas.iso20022.profiles import SchemeProfile
from twinrail.schemas.reasons import Reason

NOT_PROVIDED = "NOTPROVIDED"
SCALE = 5  # decimals an ISO 20022 amount may have; control sums are added up in this unit
_SPACES = " \t\r\n"
_DECIMAL = re.compile(r"\+?(?=.{1,24}\Z)(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


class Rules:
    """The rules of one scheme profile, made ready."""

    def __init__(self, profile: SchemeProfile) -> None:
        self.profile = profile
        self.currency = money.numeric(profile.currency)
        places = money.exponent(self.currency)
        self._fast = re.compile(rf"([0-9]{{1,13}})\.([0-9]{{{places}}})") if places else re.compile("([0-9]{1,13})()")
        self._scale = 10 ** (SCALE - places)
        chars = profile.characters
        self._foreign = re.compile(rf"[^{chars}]")
        self._foreign_spaced = re.compile(rf"[^{chars}\t\r\n]")
        self._reference = re.compile(rf"(?!/)(?!.*//)[{chars}]{{1,35}}(?<!/)")
        self._structured_from = date.fromisoformat(profile.structured_addresses_from)
        # The last verdicts on dates: a file has many transactions and few dates.
        self._dates: dict[str, date | None] = {}

    def amount(self, text: str, currency: str) -> tuple[int, Reason | None]:
        """Read an amount; give minor units (0 where it cannot be read) and what is wrong with it."""
        if currency != self.profile.currency:
            return 0, Reason.CURRENCY_NOT_SERVED
        fast = self._fast.fullmatch(text)
        if fast is not None:
            minor = int(fast[1] + fast[2])
        else:
            try:
                minor = money.to_minor(text.strip(_SPACES), self.currency)
            except ValueError:
                return 0, Reason.INVALID_AMOUNT
        if not self.profile.amount_min <= minor <= self.profile.amount_max:
            return minor, Reason.INVALID_AMOUNT
        return minor, None

    def scaled(self, text: str) -> int | None:
        """Give any amount in units of 10^-5 whatever its currency, for control sums; None where it is no amount."""
        fast = self._fast.fullmatch(text)
        if fast is not None:
            return int(fast[1] + fast[2]) * int(self._scale)
        plain = text.strip(_SPACES)
        if _DECIMAL.fullmatch(plain) is None:  # no exponent, no underscore, ASCII digits alone
            return None
        value = Decimal(plain).scaleb(SCALE)
        return int(value) if value == int(value) else None

    def reference(self, text: str) -> Reason | None:
        """Judge an identifier: characters, no leading, trailing or double slash (EPC clarification paper)."""
        return None if self._reference.fullmatch(text) is not None else Reason.INVALID_CHARACTERS

    def name(self, text: str) -> Reason | None:
        """Judge a party's name: present, short enough, allowed characters."""
        if not text.strip(_SPACES) or len(text) > self.profile.name_max:
            return Reason.INVALID_CHARACTERS
        return Reason.INVALID_CHARACTERS if self._foreign.search(text) else None

    def texts(self, part: etree._Element) -> Reason | None:
        """Judge the characters of everything below an element; layout between elements does not count."""
        text = etree.tostring(part, method="text", encoding="unicode", with_tail=False)
        return Reason.INVALID_CHARACTERS if self._foreign_spaced.search(text) else None

    def address(self, part: etree._Element, space: str, settled_on: date | None) -> Reason | None:
        """Judge a PstlAdr by the date of settlement: structured, hybrid, or until then unstructured.

        Hybrid is town and country with at most two lines. No address at all is fine inside the EEA.
        """
        lines = 0
        town = country = structured = False
        for child in part:
            tag = child.tag
            lines += tag == f"{space}AdrLine"
            town |= tag == f"{space}TwnNm"
            country |= tag == f"{space}Ctry"
            structured |= tag not in (f"{space}AdrLine", f"{space}Ctry")
        if lines > self.profile.address_lines_max:
            return Reason.INVALID_CHARACTERS
        dated = settled_on is not None and settled_on >= self._structured_from
        if (dated or (lines and structured)) and not (town and country):
            return Reason.INVALID_CHARACTERS
        return None

    def day(self, text: str) -> date | None:
        """Read the calendar day of an ISO date or date-time; None where there is none."""
        if text not in self._dates:
            if len(self._dates) >= 1000:
                self._dates.clear()
            try:
                self._dates[text] = date.fromisoformat(text[:10])
            except ValueError:
                self._dates[text] = None
        return self._dates[text]

    def execution_day(self, day: date | None, today: date) -> Reason | None:
        """Judge a requested execution date against the banking day."""
        if day is None:
            return Reason.INVALID_DATE
        ahead = (day - today).days
        return None if -self.profile.days_behind_max <= ahead <= self.profile.days_ahead_max else Reason.INVALID_DATE
