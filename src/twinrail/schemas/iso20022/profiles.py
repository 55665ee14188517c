"""Scheme profiles: the usage rules of SEPA beyond the schemas, as dated data.

Sources: EPC 2025 rulebooks v1.1 (in force from 2025-10-05), EPC153-22 v2.1 for addresses; where the rule text could
not be checked it stands here as configuration, so that a bank's own agreement can replace it.
"""

from dataclasses import dataclass

# a-z A-Z 0-9 / - ? : ( ) . , ' + and space, as the inside of a regular expression's character class.
LATIN = r"a-zA-Z0-9/\-?:().,'+ "


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeProfile:
    """What one scheme asks of a message. Amounts are minor units of the currency, dates ISO 8601."""

    name: str
    from_date: str = "2025-10-05"
    currency: str = "EUR"
    amount_min: int = 1
    amount_max: int = 99_999_999_999  # 999,999,999.99
    characters: str = LATIN
    name_max: int = 70
    remittance_max: int = 140  # one occurrence of unstructured remittance information
    charge_bearer: str = "SLEV"
    service_level: str = "SEPA"
    local_instruments: tuple[str, ...] = ("",)  # "" where none may be given
    settlement_methods: tuple[str, ...] = ("CLRG",)
    # From this date of settlement an address is structured or hybrid (town and country, at most two lines).
    structured_addresses_from: str = "2026-11-15"
    address_lines_max: int = 2
    # Days an execution date may lie behind or ahead. A file is booked when it is read, so a later date is refused.
    days_behind_max: int = 0
    days_ahead_max: int = 0
    # NOTPROVIDED never counts; a repeated instruction id is always refused.
    end_to_end_ids_unique: bool = True
    # Without a zone an acceptance time is read as UTC, or refused.
    zone_required: bool = False
    # The form of OrgnlMsgNmId: "pacs.008.001.08" before the 2025 guidelines, "pacs.008" since.
    versioned_original: bool = False
    # EPC asks for rejections only; positive reports a transaction are agreed with the customer.
    report_accepted: bool = True


SCT = SchemeProfile(name="SCT")
SCT_INST = SchemeProfile(name="SCT Inst", local_instruments=("INST",))
