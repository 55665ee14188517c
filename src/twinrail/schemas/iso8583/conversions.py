"""Conversions: what one version of ISO 8583 says by which element or code, and the other by which.

Elements that mean the same have the same name in every version; here is what goes beyond names: codes, and elements
whose content is laid out otherwise. Codes of 1987 are drawn from public processor references, action codes of 1993 from
public help pages (ISO 8583:1993 table for DE39); of several codes the first row is the one that is written.
"""

# DE39 of 1987 and the action code of 1993; 2003 has a zero behind the first digit.
RESPONSE_ACTION: tuple[tuple[str, str], ...] = (
    ("00", "000"),
    ("00", "400"),  # reversal accepted
    ("00", "800"),  # network message accepted
    ("00", "900"),  # advice accepted
    ("00", "901"),
    ("85", "000"),
    ("08", "001"),
    ("10", "002"),
    ("05", "100"),
    ("54", "101"),
    ("59", "102"),
    ("62", "104"),
    ("75", "106"),
    ("01", "107"),
    ("02", "108"),
    ("03", "109"),
    ("13", "110"),
    ("14", "111"),
    ("51", "116"),
    ("55", "117"),
    ("57", "119"),
    ("58", "120"),
    ("61", "121"),
    ("63", "122"),
    ("82", "122"),
    ("65", "123"),
    ("78", "125"),
    ("04", "200"),
    ("33", "201"),
    ("34", "202"),
    ("36", "204"),
    ("41", "208"),
    ("43", "209"),
    ("12", "902"),
    ("19", "903"),
    ("30", "904"),
    ("90", "906"),
    ("91", "907"),
    ("91", "910"),
    ("91", "912"),
    ("92", "908"),
    ("96", "909"),
    ("68", "911"),
    ("94", "913"),
    ("94", "923"),
    ("25", "914"),
)
# What accepts says so by the class of the message (second digit of its type) in 1993.
ACCEPTED_ACTION = {"4": "400", "8": "800"}
ACCEPTED_RESPONSE = "00"

# DE70 of 1987 and DE24 of 1993 and 2003.
NETWORK_FUNCTION: tuple[tuple[str, str], ...] = (
    ("001", "801"),
    ("061", "801"),
    ("071", "801"),
    ("002", "802"),
    ("062", "802"),
    ("072", "802"),
    ("301", "831"),
    ("270", "831"),
    ("201", "821"),
    ("161", "811"),
)

# Amounts that hold their currency and its exponent in 2003, with the elements of both in 1987 and 1993, by name.
AMOUNTS: tuple[tuple[str, str, str], ...] = (
    ("amount_with_currency", "amount", "currency"),
    ("amount_settlement_with_currency", "amount_settlement", "currency_settlement"),
    ("amount_billing_with_currency", "amount_billing", "currency_billing"),
    ("amount_billing_fee_with_currency", "amount_billing_fee", "currency_billing"),
)

# Digits that are a number, so that zeros before them mean nothing; other digits of another length are another thing.
NUMBERS = frozenset({"stan", "message_number"})
# Dates that are written MMDD, YYMMDD or CCYYMMDD; other digits of such a name are another thing.
DATES = frozenset({"settlement_date", "reconciliation_date", "action_date"})
# What authenticates the very bytes that it stood in; made anew by whoever sends the message.
AUTHENTICATION = frozenset({"mac", "mac_2"})
