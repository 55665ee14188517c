"""The committed schemas: equal to the official ones in structure, and refused when they are not what was committed."""

from pathlib import Path

import pytest
from lxml import etree

from twinrail.codecs import xsd
from twinrail.errors import SettingsError
from twinrail.schemas.iso20022 import messages

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples" / "xsd"
FOUNDATION = (messages.PAIN_001, messages.PAIN_002, messages.PACS_008, messages.PACS_002, messages.HEAD_001)


@pytest.mark.parametrize("name", sorted(xsd.fingerprints()))
def test_every_schema_is_the_committed_one_and_compiles(name: str) -> None:
    schema = xsd.load(name)
    assert schema.get("targetNamespace") == messages.namespace(name)
    etree.XMLSchema(schema)


def test_equal_in_structure_to_the_official_schemas() -> None:
    official = {path.name.removesuffix(".xsd"): path for path in SAMPLES.glob("*.xsd")}
    if not official:
        pytest.skip("the official schemas are not beside the repository")
    both = sorted(set(official) & set(xsd.fingerprints()))
    assert set(FOUNDATION) <= set(both)
    for name in both:
        assert xsd.fingerprint(etree.parse(str(official[name])).getroot()) == xsd.fingerprints()[name], name


def test_the_messages_of_the_foundation_are_there() -> None:
    assert set(FOUNDATION) <= set(xsd.fingerprints())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<xs:maxLength value="35"/>', '<xs:maxLength value="34"/>'),
        ('name="MsgId"', 'name="MsgIdr"'),
        ("<xs:choice>", "<xs:sequence>"),
        (' minOccurs="0"', ""),
        ('<xs:enumeration value="TRF"/>', ""),
        ('use="required"', 'use="optional"'),
        ('processContents="lax"', 'processContents="skip"'),
        (f'targetNamespace="{messages.namespace(messages.PAIN_001)}"', 'targetNamespace="urn:x"'),
    ],
)
def test_the_fingerprint_sees_every_kind_of_difference(old: str, new: str) -> None:
    text = xsd.read(messages.PAIN_001).decode()
    assert old in text
    changed = text.replace(old, new, 1)
    if old == "<xs:choice>":
        changed = changed.replace("</xs:choice>", "</xs:sequence>", 1)
    assert xsd.fingerprint(etree.fromstring(changed.encode())) != xsd.fingerprints()[messages.PAIN_001]


def test_the_fingerprint_ignores_names_of_types_and_comments() -> None:
    text = xsd.read(messages.PAIN_001).decode()
    renamed = text.replace('"GroupHeader85"', '"Head"').replace("<xs:element", "<!-- here --><xs:element", 1)
    assert renamed != text
    assert xsd.fingerprint(etree.fromstring(renamed.encode())) == xsd.fingerprints()[messages.PAIN_001]


def test_start_up_fails_on_another_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    lookalike = xsd.read(messages.PACS_002).replace(b'maxLength value="35"', b'maxLength value="36"')
    monkeypatch.setattr(xsd, "read", lambda _name: lookalike)
    with pytest.raises(SettingsError, match="not the committed one"):
        xsd.load(messages.PACS_002)


def test_an_unknown_message_names_itself() -> None:
    with pytest.raises(SettingsError, match=r"pain\.001\.001\.99"):
        xsd.load("pain.001.001.99")


def test_a_cut_judges_its_part_alone() -> None:
    space = messages.namespace(messages.PAIN_001)
    schema = xsd.cut(messages.PAIN_001, messages.PAIN_001_TRANSACTION)
    good = (
        f'<CdtTrfTxInf xmlns="{space}"><PmtId><EndToEndId>E</EndToEndId></PmtId>'
        '<Amt><InstdAmt Ccy="EUR">1</InstdAmt></Amt></CdtTrfTxInf>'
    )
    assert schema.validate(etree.fromstring(good))
    assert not schema.validate(etree.fromstring(good.replace("EndToEndId", "End")))
    assert not schema.validate(etree.fromstring(f'<Document xmlns="{space}"/>'))


def test_a_cut_without_a_child_refuses_that_child() -> None:
    space = messages.namespace(messages.PAIN_001)
    schema = xsd.cut(messages.PAIN_001, messages.PAIN_001_MESSAGE, without=messages.PAIN_001_BATCH)
    head = "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-21T10:00:00</CreDtTm><NbOfTxs>1</NbOfTxs>"
    head += "<InitgPty><Nm>N</Nm></InitgPty></GrpHdr>"
    bare = f'<Document xmlns="{space}"><CstmrCdtTrfInitn>{head}</CstmrCdtTrfInitn></Document>'
    assert schema.validate(etree.fromstring(bare))
    assert not schema.validate(etree.fromstring(bare.replace("</GrpHdr>", "</GrpHdr><PmtInf/>")))
    with pytest.raises(SettingsError):
        xsd.cut(messages.PAIN_001, ("Document", "Nothing"))
