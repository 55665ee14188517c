"""What is refused before, by and after the parser, and what an error may say."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from twinrail.codecs import iso20022
from twinrail.codecs.iso20022 import PARSER_SETTINGS, Guard, escape, parse_document
from twinrail.errors import SchemaError
from twinrail.schemas.iso20022.messages import PACS_008, namespace
from twinrail.simulators.clearing_house import account, pacs008

ALLOWED = frozenset({PACS_008})
SECRET = account(4711)
GOOD = pacs008(creditor=account(1), debtor=SECRET)
XSI = b"http://www.w3.org/2001/XMLSchema-instance"


def refusal(data: bytes) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        parse_document(data, ALLOWED)
    assert SECRET not in str(caught.value)
    return caught.value


def test_a_good_document_says_its_name() -> None:
    name, root = parse_document(GOOD, ALLOWED)
    assert name == PACS_008
    assert root.tag == f"{{{namespace(PACS_008)}}}Document"


def test_the_settings_are_written_out_in_full() -> None:
    assert PARSER_SETTINGS == {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "dtd_validation": False,
        "huge_tree": False,
        "remove_comments": True,
        "remove_pis": True,
        "recover": False,
    }


BOMB = b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
DOCTYPES = {
    "plain": b"<!DOCTYPE d>",
    "bomb": BOMB,
    "external entity": b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    "parameter entity": b'<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]>',
}


@pytest.mark.parametrize("name", DOCTYPES)
def test_any_doctype_is_refused(name: str) -> None:
    data = GOOD.replace(b"<Document", DOCTYPES[name] + b"<Document", 1)
    assert refusal(data).problem == "document type declaration not allowed"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda _: b"", "empty document"),
        (lambda data: b"\xef\xbb\xbf" + data, "byte order mark"),
        (lambda data: data.decode().encode("utf-16"), "byte order mark"),
        (lambda data: data.decode().encode("utf-16-le"), "NUL"),
        (lambda data: data.decode().encode("utf-32-le"), "NUL"),
        (lambda data: data.decode().encode("cp037"), "not an XML document"),
        (lambda data: data.replace(b"UTF-8", b"UTF-7"), "encoding not allowed"),
        (lambda data: data.replace(b"UTF-8", b"latin1"), "encoding not allowed"),
        (lambda data: data.replace(b'"1.0"', b'"1.1"'), "XML declaration"),
        (lambda data: data.replace(b"version", b"verzion"), "XML declaration"),
        (lambda data: data.replace(b"Invoice", b"Inv\0oice"), "NUL"),
        (lambda data: b"\x1f\x8b\x08" + data, "compressed"),
        (lambda data: data + b" " * 70_000, "too large"),
        (lambda data: data[:-9], "not well-formed"),
        (lambda data: data + data, "not well-formed"),
        (lambda data: data.replace(b"Invoice", b"&z;"), "not well-formed"),
        (lambda data: data.replace(b"Invoice", b"&#0;"), "not well-formed"),
        (lambda data: data.replace(b"Invoice", b"\xff"), "not well-formed"),
        (lambda data: data.replace(b"<CdtTrfTxInf>", b"<a>" * 300), "not well-formed"),
        (lambda data: data.replace(b"pacs.008.001.08", b"pacs.008.001.02"), "namespace"),
        (lambda data: data.replace(b"Document", b"Dokument"), "namespace"),
        (lambda data: data.replace(b"urn:iso:std:iso:20022:tech:xsd:", b""), "namespace"),
    ],
)
def test_the_zoo(change: object, text: str) -> None:
    assert callable(change)
    error = refusal(change(GOOD))
    assert text in error.problem
    assert error.reason == "FF01"


def test_single_quotes_and_no_declaration_are_fine() -> None:
    parse_document(
        GOOD.replace(b'version="1.0" encoding="UTF-8"', b"version='1.0' encoding='utf-8' standalone='yes'"), ALLOWED
    )
    parse_document(GOOD.partition(b"?>\n")[2], ALLOWED)


@pytest.mark.parametrize("attribute", [b'i:type="x"', b'i:nil="true"', b'i:noNamespaceSchemaLocation="x"'])
@pytest.mark.parametrize("spelling", [XSI, XSI.replace(b"X", b"&#88;", 1)])
def test_schema_instance_attributes_are_refused(attribute: bytes, spelling: bytes) -> None:
    data = GOOD.replace(b"<Dbtr>", b'<Dbtr xmlns:i="%s" %s>' % (spelling, attribute))
    assert refusal(data).problem == "schema-instance attribute not allowed"


def test_a_schema_location_is_ignored() -> None:
    parse_document(GOOD.replace(b"<Document", b'<Document xmlns:i="%s" i:schemaLocation="a b"' % XSI, 1), ALLOWED)


def test_a_comment_inside_a_value_is_no_part_of_it() -> None:
    _, root = parse_document(GOOD.replace(b">12.30<", b">1<!-- x -->2.30<"), ALLOWED)
    assert {part.text for part in root.iter(f"{{{namespace(PACS_008)}}}IntrBkSttlmAmt")} == {"12.30"}


@pytest.mark.parametrize(
    ("old", "new", "reason", "path"),
    [
        (b"<ChrgBr>SLEV</ChrgBr>", b"", "FF01", "Dbtr"),
        (b"<ChrgBr>SLEV</ChrgBr>", b"<ChrgBr>NONE</ChrgBr>", "CH16", "ChrgBr"),
        (b"<MsgId>M1</MsgId>", b"<MsgId></MsgId>", "CH16", "MsgId"),
        (b"<SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>", b"<SttlmInf></SttlmInf>", "CH21", "SttlmInf"),
        (b"<Dbtr>", SECRET.encode().join((b"<", b"/><Dbtr>")), "FF01", ""),
        (SECRET.encode(), b"XX" + SECRET.encode(), "CH16", "IBAN"),
    ],
)
def test_a_schema_finding_names_the_element_and_never_the_value(old: bytes, new: bytes, reason: str, path: str) -> None:
    assert old in GOOD
    error = refusal(GOOD.replace(old, new, 1))
    assert (error.reason, error.path) == (reason, path)
    assert error.line > 0


@given(st.binary(max_size=300))
def test_any_bytes_give_a_document_or_a_schema_error(data: bytes) -> None:
    refusal(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_a_document_or_a_schema_error(at: int, byte: int) -> None:
    said = ""
    try:
        parse_document(GOOD[:at] + bytes([byte]) + GOOD[at + 1 :], ALLOWED)
    except SchemaError as error:
        said = str(error)
    assert SECRET not in said


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.sampled_from([b"<!DOCTYPE d>", b"\0", b"", b"&#65;"]))
def test_the_guard_sees_what_chunks_share(sizes: list[int], planted: bytes) -> None:
    data = b"<" + b" " * 300 + planted + b" " * 100
    guard, at = Guard(10_000), 300
    found = False
    try:
        guard.admit(data[:at])
        for size in [*sizes, 1000]:
            guard.admit(data[at : at + size])
            at += size
    except SchemaError:
        found = True
    assert found == (planted in (b"<!DOCTYPE d>", b"\0"))
    assert guard.may_hold_xsi == (planted == b"&#65;")


def test_every_thread_has_its_own_schema() -> None:
    mine = iso20022.validator(PACS_008)
    theirs: list[etree.XMLSchema] = []
    thread = threading.Thread(target=lambda: theirs.append(iso20022.validator(PACS_008)))
    thread.start()
    thread.join()
    assert iso20022.validator(PACS_008) is mine
    assert theirs[0] is not mine


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")))
def test_escaped_text_reads_back(text: str) -> None:
    assert (etree.fromstring(f"<a>{escape(text)}</a>").text or "") == text
    assert etree.fromstring(f'<a b="{escape(text)}"/>').get("b") == text
