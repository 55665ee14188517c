"""XML of ISO 20022: what is looked at before the parser, the parser's exact settings, and schema validation.

The settings stand here once, written out in full, since the library's defaults have changed in the past and some entry
points had weaker ones. What the parser would let pass is refused first: any DOCTYPE, an encoding other than UTF-8, a
byte order mark (the German rule allows none, and one rule for all is easier to explain than two), compressed data, NUL.
No error here holds a value of the document: it names the element of the schema, the line and the kind of finding.
"""

import re
import threading
from functools import cache
from typing import TypedDict

from lxml import etree

from twinrail.codecs import xsd
from twinrail.errors import SchemaError
from twinrail.schemas.iso20022.messages import NAMESPACE, XSI


class ParserSettings(TypedDict):
    """The keywords of every lxml parser in Twinrail."""

    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    dtd_validation: bool
    huge_tree: bool
    remove_comments: bool
    remove_pis: bool
    recover: bool


PARSER_SETTINGS: ParserSettings = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,  # depth 256, one text 10,000,000 bytes
    "remove_comments": True,  # a comment inside a value would let schema and reader see different values
    "remove_pis": True,
    "recover": False,
}
HEAD_BYTES = 256  # enough for any XML declaration
DOCUMENT_BYTES_MAX = 64 * 1024  # one message on a link

FORMAT, MISSING, CONTENT = "FF01", "CH21", "CH16"  # ISO 20022 status reason codes
# What a schema finds, by its reason code; only documents refused by one of these are worth explaining.
FINDINGS = {
    MISSING: "mandatory element missing",
    FORMAT: "element not expected here",
    CONTENT: "content not allowed by the schema",
}

_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z0-9._-]+)"|'([A-Za-z0-9._-]+)'))?"""
    rb"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"yes"|'yes'|"no"|'no'))?[ \t\r\n]*\?>"""
)
_COMPRESSED = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
_DOCTYPE = b"<!DOCTYPE"
_OVERLAP = 32  # bytes kept of the last chunk, so that no search misses what two chunks share
_FOREIGN_XSI = etree.XPath(
    "boolean(descendant-or-self::*/@xsi:*[local-name() != 'schemaLocation'])", namespaces={"xsi": XSI}
)
_NAMED = re.compile(r"Element '\{[^}']*\}([A-Za-z0-9_]{1,40})'")
_THREAD = threading.local()  # an XMLSchema shared by threads mixes up their error logs


class Guard:
    """Look at the bytes of a document before the parser sees them, chunk by chunk.

    `admit` raises SchemaError (FF01). `may_hold_xsi` says whether attributes of the schema-instance namespace can
    occur in what was admitted so far: only then are they worth looking for.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.admitted = 0
        self.may_hold_xsi = False
        self._tail = b""

    def admit(self, chunk: bytes) -> None:
        """Look at the next chunk; the first must hold HEAD_BYTES bytes or be the whole document."""
        if not self.admitted:
            _check_head(chunk)
        self.admitted += len(chunk)
        if self.admitted > self.bytes_max:
            raise SchemaError("document too large")
        seam = self._tail + chunk[:_OVERLAP]
        if _DOCTYPE in chunk or _DOCTYPE in seam:
            raise SchemaError("document type declaration not allowed")
        if b"\0" in chunk:
            raise SchemaError("NUL byte in the document")
        if not self.may_hold_xsi:
            # A namespace can be written with character references, so these count as a sign too.
            self.may_hold_xsi = any(mark in part for mark in (b"XMLSchema-instance", b"&#") for part in (chunk, seam))
        self._tail = (self._tail + chunk)[-_OVERLAP:]


def _check_head(chunk: bytes) -> None:
    if not chunk:
        raise SchemaError("empty document")
    if chunk.startswith(_COMPRESSED):
        raise SchemaError("compressed data, not XML: send the document itself")
    if chunk.startswith(_MARKS):
        raise SchemaError("byte order mark before the document: write UTF-8 without one")
    if chunk.startswith(b"<?xml"):
        declaration = _DECLARATION.match(chunk)
        if declaration is None:
            raise SchemaError("XML declaration not understood: version 1.0 and encoding UTF-8 are", line=1)
        encoding = declaration.group(1) or declaration.group(2)
        if encoding is not None and encoding.lower() != b"utf-8":
            raise SchemaError("encoding not allowed: write UTF-8", line=1)
    elif not chunk.lstrip(b" \t\r\n").startswith(b"<"):
        raise SchemaError("not an XML document", line=1)


def validator(name: str, path: tuple[str, ...] = (), *, without: tuple[str, ...] = ()) -> etree.XMLSchema:
    """Give this thread's own compiled schema of a message, or of its part at `path` (see `xsd.cut`).

    SettingsError where the schema is not the committed one.
    """
    own: dict[object, etree.XMLSchema] | None = getattr(_THREAD, "schemas", None)
    if own is None:
        own = _THREAD.schemas = {}
    key = (name, path, without)
    if key not in own:
        own[key] = xsd.cut(name, path, without=without) if path else etree.XMLSchema(xsd.load(name))
    return own[key]


def warm(name: str) -> None:
    """Make ready what the first message of a kind would wait for, on the thread that will read it: 10 to 100 ms.

    SettingsError where the schema is not the committed one.
    """
    validator(name)
    _element_names(name)
    _parser()


def parse_document(
    data: bytes, allowed: frozenset[str], *, bytes_max: int = DOCUMENT_BYTES_MAX
) -> tuple[str, etree._Element]:
    """Read and validate a whole message; give its name ("pacs.008.001.08") and its root element.

    `allowed` holds the names of the messages that may come here. SchemaError says what is wrong and where.
    """
    root = read_unvalidated(data, bytes_max=bytes_max)
    name = message_name(root, allowed)
    schema = validator(name)
    if not schema.validate(root):
        raise finding(schema, name)
    return name, root


def read_unvalidated(data: bytes, *, bytes_max: int = DOCUMENT_BYTES_MAX) -> etree._Element:
    """Read a document without its schema: only for what is still worth saying about a bad one."""
    guard = Guard(bytes_max)
    guard.admit(data)
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        raise malformed(error) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise SchemaError("document type declaration not allowed")
    if guard.may_hold_xsi:
        refuse_xsi(root)
    return root


def _parser() -> etree.XMLParser:
    parser: etree.XMLParser | None = getattr(_THREAD, "parser", None)
    if parser is None:
        parser = _THREAD.parser = etree.XMLParser(**PARSER_SETTINGS)
    return parser


def message_name(root: etree._Element, allowed: frozenset[str]) -> str:
    """Give the name of a message by the namespace of its root; SchemaError unless it is one of those allowed."""
    name = etree.QName(root)
    message = (name.namespace or "").removeprefix(NAMESPACE)
    if message not in allowed or name.localname != "Document" or name.namespace != NAMESPACE + message:
        raise SchemaError("namespace or root element is not of a message taken here", line=line_of(root))
    return message


def refuse_xsi(part: etree._Element) -> None:
    """Refuse attributes that change what a schema means (xsi:type, xsi:nil); schemaLocation is ignored."""
    if _FOREIGN_XSI(part):
        raise SchemaError("schema-instance attribute not allowed", line=line_of(part))


def line_of(part: etree._Element) -> int:
    """Give the line an element begins in; 0 where unknown."""
    return part.sourceline or 0  # type: ignore[truthy-bool,return-value]  # the stubs give it no type


def malformed(error: etree.XMLSyntaxError) -> SchemaError:
    """Turn a syntax error into ours: its line, and nothing of its text, which may quote the document."""
    return SchemaError("not well-formed XML", line=error.lineno or 0)


@cache
def _element_names(name: str) -> frozenset[str]:
    return xsd.element_names(name)


def finding(schema: etree.XMLSchema, name: str) -> SchemaError:
    """Turn the first finding of a schema into an error: reason code, line, element name as the schema knows it."""
    first = schema.error_log[0]  # type: ignore[index]  # missing in the stubs
    text = first.message
    if "Missing child element" in text:
        reason = MISSING
    elif first.type_name == "SCHEMAV_ELEMENT_CONTENT":
        reason = FORMAT
    else:
        reason = CONTENT
    found = _NAMED.match(text)
    path = found.group(1) if found is not None and found.group(1) in _element_names(name) else ""
    return SchemaError(FINDINGS[reason], reason=reason, line=first.line, path=path)


_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def escape(text: str) -> str:
    """Write a text as XML content or attribute value.

    >>> escape("a<b")
    'a&lt;b'
    """
    return text.translate(_ESCAPED)
