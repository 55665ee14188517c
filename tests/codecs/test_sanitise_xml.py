"""Sanitising of ISO 20022 documents: default is to wipe, what is left still validates."""

from twinrail.codecs import iban
from twinrail.codecs.iso20022 import read_unvalidated
from twinrail.codecs.sanitise import Sanitiser
from twinrail.codecs.sanitise_xml import DOCUMENT_BYTES_MAX, document, filler
from twinrail.simulators.clearing_house import account, pacs008

KEY = b"a key of the operator's own"


def test_names_and_accounts_go_and_identifiers_stay() -> None:
    source = pacs008(creditor=account(1), debtor=account(2), transaction_id="TX-1", name="Jane Roe")
    kept = document(Sanitiser(KEY), source)
    assert kept.payload is not None
    root = read_unvalidated(kept.payload)
    texts = {
        element.tag.split("}")[1]: element.text for element in root.iter() if element.text and element.text.strip()
    }
    ibans = [element.text or "" for element in root.iter("{*}IBAN")]
    assert texts["TxId"] == "TX-1"
    assert texts["AccptncDtTm"] == "2026-11-21T10:00:00.123Z"
    assert texts["Ustrd"] == "Xxxxxxx"
    assert all(iban.valid(number) for number in ibans)
    assert not {account(1), account(2)} & set(ibans)
    assert b"Jane" not in kept.payload
    assert b"Some" not in kept.payload


def test_the_same_account_is_the_same_everywhere() -> None:
    sanitiser = Sanitiser(KEY)
    first = document(sanitiser, pacs008(creditor=account(1), debtor=account(2)))
    second = document(sanitiser, pacs008(creditor=account(2), debtor=account(1)))
    assert first.payload is not None
    assert second.payload is not None
    numbers = [
        [element.text for element in read_unvalidated(payload).iter("{*}IBAN")]
        for payload in (first.payload, second.payload)
    ]
    assert numbers[0] == list(reversed(numbers[1]))


def test_a_card_number_in_a_kept_identifier_is_replaced() -> None:
    kept = document(Sanitiser(KEY), pacs008(creditor=account(1), debtor=account(2), end_to_end_id="4111111111111111"))
    assert kept.payload is not None
    assert b"4111111111111111" not in kept.payload


def test_what_is_no_plain_document_keeps_only_its_length() -> None:
    for payload in (b"<a", b"not xml", b'<!DOCTYPE a [<!ENTITY z "x">]><a>&z;</a>', b"<a>" + b"x" * DOCUMENT_BYTES_MAX):
        kept = document(Sanitiser(KEY), payload)
        assert (kept.payload, kept.length, kept.why) == (None, len(payload), "undecodable")


def test_filler_keeps_the_shape_of_dates() -> None:
    assert filler("1980-12-24") == "1111-11-11"
