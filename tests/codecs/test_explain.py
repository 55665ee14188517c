"""Explanations name path and rule, and no value of the document."""

import re
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from twinrail.codecs import iso20022, xsd
from twinrail.codecs.explain import BYTES_MAX, LINE_MAX, LINES_MAX, explain
from twinrail.errors import SchemaError
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.simulators.clearing_house import Order, OrderBatch, account, pain001

ORDERS = tuple(
    Order(creditor=account(900 + n), amount="10.00", end_to_end_id=f"E2E-{n}", instruction_id=f"INS-{n}")
    for n in range(8)
)
GOOD = pain001([OrderBatch(orders=ORDERS, debtor=account(1), execution_date="2026-11-21")], message_id="MSG-1")
TOP = "Document/CstmrCdtTrfInitn"
AMOUNT = f"{TOP}/PmtInf/CdtTrfTxInf[1]/Amt/InstdAmt"
PARTY = b"<InitgPty><Nm>Some Debtor</Nm></InitgPty>"


def lines(data: bytes) -> list[str]:
    return list(explain(data, PAIN_001))


def test_a_good_document_has_nothing_to_explain() -> None:
    assert lines(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<CreDtTm>2026", b"<CreDtTm>x026", f"{TOP}/GrpHdr/CreDtTm: not of type dateTime"),
        (b"MSG-1", b"M" * 36, f"{TOP}/GrpHdr/MsgId: maxLength 35"),
        (b"<PmtMtd>TRF", b"<PmtMtd>TRX", f"{TOP}/PmtInf/PmtMtd: not one of the values that are listed"),
        (b'">10.00<', b'">10.0000001<', f"{AMOUNT}: fractionDigits 5"),
        (b'">10.00<', b'">-1<', f"{AMOUNT}: minInclusive 0"),
        (b' Ccy="EUR"', b"", f"{AMOUNT}: attribute Ccy missing"),
        (b' Ccy="EUR"', b' Ccy="EUR" DE1="x"', f"{AMOUNT}: attribute not known to the schema"),
        (b"<IBAN>", b"<IBAN>?", f"{TOP}/PmtInf/DbtrAcct/Id/IBAN: pattern [A-Z]{{2,2}}[0-9]{{2,2}}[a-zA-Z0-9]{{1,30}}"),
        (PARTY, b"", f"{TOP}/GrpHdr: InitgPty missing"),
        (b"<Dbtr><Nm>Some Debtor</Nm></Dbtr>", b"", f"{TOP}/PmtInf: DbtrAcct not expected here, but Dbtr"),
        (b"</PmtInf>", b"<PmtMtd>TRF</PmtMtd></PmtInf>", f"{TOP}/PmtInf: PmtMtd not expected here"),
        (b"</PmtInf>", b"DE02</PmtInf>", f"{TOP}/PmtInf: text between elements"),
        (b"<PmtInf>", b"<DE02/><PmtInf>", f"{TOP}: an unknown element not expected here, but PmtInf"),
    ],
)
def test_every_kind_of_finding(old: bytes, new: bytes, said: str) -> None:
    assert old in GOOD
    assert lines(GOOD.replace(old, new, 1)) == [said]


def test_only_the_first_findings_are_told() -> None:
    assert len(ORDERS) > LINES_MAX
    found = lines(GOOD.replace(b' Ccy="EUR"', b""))
    assert found == [f"{TOP}/PmtInf/CdtTrfTxInf[{n}]/Amt/InstdAmt: attribute Ccy missing" for n in range(1, 6)]


def test_a_namespace_prefix_changes_nothing() -> None:
    data = re.sub(rb"<(/?)([A-Z])", rb"<\1iban:\2", GOOD).replace(b"xmlns=", b"xmlns:iban=")
    assert lines(data) == []
    assert lines(data.replace(b"<iban:PmtMtd>TRF", b"<iban:PmtMtd>X"))[0].startswith(f"{TOP}/PmtInf/PmtMtd: ")


def test_what_is_too_large_is_not_explained() -> None:
    assert lines(b"<" * (BYTES_MAX + 1)) == []


def test_a_document_type_is_refused_before_the_library_sees_it() -> None:
    with pytest.raises(SchemaError, match="document type"):
        lines(GOOD.replace(b"<Document", b'<!DOCTYPE Document [<!ENTITY z "0">]><Document', 1))


SECRETS = sorted({element.text for element in etree.fromstring(GOOD).iter() if element.text and element.text.strip()})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_value_of_the_document_is_in_an_explanation(data: st.DataObject) -> None:
    """Values are made unmistakable and put where values, names and layout belong; none of them comes out."""
    mark = data.draw(st.from_regex(r"\A(?:DE|GB)[0-9]{20}\Z"))
    start = data.draw(st.sampled_from([found.start() for found in re.finditer(rb"[<>]", GOOD)]))
    before = GOOD[start : start + 1]
    token = mark.encode()
    put = data.draw(st.sampled_from([token, b"<%s/>" % token, b"<%s>%s</%s>" % (token, token, token)]))
    changed = GOOD[: start + (before == b">")] + put + GOOD[start + (before == b">") :]
    try:
        etree.fromstring(changed, etree.XMLParser(**iso20022.PARSER_SETTINGS))
    except etree.XMLSyntaxError:
        assume(False)
    found = lines(changed)
    assert all(len(line) <= LINE_MAX for line in found)
    said = "\n".join(found)
    assert mark not in said
    rules = xsd.read(PAIN_001).decode()  # "TRF" and the like stand in the schema itself
    assert not [secret for secret in SECRETS if secret not in rules and secret in said]


def test_the_library_is_loaded_only_when_something_is_explained() -> None:
    code = (
        "import sys; from twinrail.codecs.explain import explain; from twinrail.engine.transports import intake_child;"
        "assert 'xmlschema' not in sys.modules; list(explain(b'<a/>', 'pain.001.001.09'));"
        "assert 'xmlschema' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
