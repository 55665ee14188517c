"""The committed XML schemas: loaded from the package, proven by a fingerprint, cut to what a stream validates.

Two schemas with equal fingerprints accept the same documents: it covers element order, choice or sequence,
occurrence, facets and attributes, and ignores the names of types, comments and layout. A schema whose fingerprint is
not the committed one is refused at start-up, since lookalikes with official names are in circulation.
"""

import hashlib
import importlib.resources
import json
from decimal import Decimal
from functools import cache

from lxml import etree

from twinrail.errors import SettingsError

XS = "http://www.w3.org/2001/XMLSchema"
FINGERPRINTS = "fingerprints.json"
_FOLDER = "twinrail.schemas.iso20022"
_SKIPPED = (f"{{{XS}}}annotation", etree.Comment)


def _tag(node: etree._Element) -> str:
    return etree.QName(node).localname


def _children(node: etree._Element) -> list[etree._Element]:
    return [child for child in node if child.tag not in _SKIPPED]


def _facet(node: etree._Element) -> str:
    value = node.get("value", "")
    if _tag(node) not in ("pattern", "enumeration"):
        value = str(Decimal(value).normalize())
    return f"{_tag(node)}={value}"


class _Structure:
    """The canonical text of every type of one schema, each worked out once."""

    def __init__(self, schema: etree._Element) -> None:
        self._types = {child.get("name", ""): child for child in _children(schema) if _tag(child) != "element"}
        self._done: dict[str, str] = {}
        self._open: list[str] = []

    def named(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        if prefix:
            return name  # a built-in type, "xs:date"
        if local in self._open:
            return f"up {len(self._open) - self._open.index(local)}"
        if local not in self._done:
            self._open.append(local)
            text = self.of(self._types[local])
            self._open.pop()
            self._done[local] = text if text.startswith("xs:") else hashlib.sha256(text.encode()).hexdigest()
        return self._done[local]

    def of(self, node: etree._Element) -> str:
        return getattr(self, "_" + _tag(node))(node)  # type: ignore[no-any-return]  # one method a schema element

    def _type(self, node: etree._Element) -> str:
        name = node.get("type")
        if name is not None:
            return self.named(name)
        text = self.of(_children(node)[0])
        return text if text.startswith("xs:") else hashlib.sha256(text.encode()).hexdigest()

    def _occurs(self, node: etree._Element) -> str:
        return f"{node.get('minOccurs', '1')}..{node.get('maxOccurs', '1')}"

    def _list(self, node: etree._Element) -> str:
        parts = _children(node)
        if len(parts) == 1 and self._occurs(node) == "1..1" and _tag(parts[0]) in ("sequence", "choice"):
            return self.of(parts[0])  # the 2009 generation wraps every choice in a sequence of its own
        return f"{_tag(node)} {self._occurs(node)} ({' '.join(self.of(part) for part in parts)})"

    _sequence = _choice = _list

    def _element(self, node: etree._Element) -> str:
        return f"<{node.get('name')} {self._occurs(node)} {self._type(node)}>"

    def _any(self, node: etree._Element) -> str:
        return f"any {self._occurs(node)} {node.get('namespace', '##any')} {node.get('processContents', 'strict')}"

    def _attribute(self, node: etree._Element) -> str:
        return f"@{node.get('name')} {node.get('use', 'optional')} {self._type(node)}"

    def _complexType(self, node: etree._Element) -> str:  # noqa: N802  # named after the schema element
        return "complex " + " ".join(self.of(child) for child in _children(node))

    def _simpleContent(self, node: etree._Element) -> str:  # noqa: N802  # named after the schema element
        return self.of(_children(node)[0])

    def _extension(self, node: etree._Element) -> str:
        attributes = sorted(self.of(child) for child in _children(node))
        return f"extends {self.named(node.get('base', ''))} {' '.join(attributes)}"

    def _simpleType(self, node: etree._Element) -> str:  # noqa: N802  # named after the schema element
        return self.of(_children(node)[0])

    def _restriction(self, node: etree._Element) -> str:
        facets = sorted(_facet(child) for child in _children(node))
        base = self.named(node.get("base", ""))
        return f"restricts {base} {' '.join(facets)}" if facets else base


def fingerprint(schema: etree._Element) -> str:
    """Give the structural fingerprint of an XML schema, as 64 hex digits."""
    structure = _Structure(schema)
    roots = sorted(structure.of(child) for child in _children(schema) if _tag(child) == "element")
    head = f"{schema.get('targetNamespace')} {schema.get('elementFormDefault', 'unqualified')}"
    return hashlib.sha256("\n".join([head, *roots]).encode()).hexdigest()


def read(name: str) -> bytes:
    """Read a committed schema as it lies in the package; SettingsError where there is none of that name."""
    try:
        return (importlib.resources.files(_FOLDER) / "xsd" / f"{name}.xsd").read_bytes()
    except FileNotFoundError:
        raise SettingsError(f"no schema for the message {name}: it is not one that Twinrail ships") from None


@cache
def fingerprints() -> dict[str, str]:
    """Give the committed fingerprints by message name, as in "pain.001.001.09"."""
    text = (importlib.resources.files(_FOLDER) / "xsd" / FINGERPRINTS).read_bytes()
    return dict(json.loads(text))


def load(name: str) -> etree._Element:
    """Load a committed schema and prove its fingerprint; SettingsError unless it is what was committed."""
    schema = etree.fromstring(read(name))
    if fingerprint(schema) != fingerprints().get(name):
        raise SettingsError(f"the schema of {name} is not the committed one: reinstall Twinrail or rebuild the schemas")
    return schema


def _type_of(schema: etree._Element, path: tuple[str, ...]) -> tuple[str, etree._Element | None]:
    """Follow element names from the global element: the last one's type name, and where it is declared."""
    declared = schema.find(f"{{{XS}}}element[@name='{path[0]}']")
    for name in path[1:]:
        kind = "" if declared is None else declared.get("type", "")
        body = schema.find(f"{{{XS}}}complexType[@name='{kind}']")
        declared = None if body is None else body.find(f".//{{{XS}}}element[@name='{name}']")
    if declared is None:
        raise SettingsError(f"the schema has no element {'/'.join(path)}")
    return declared.get("type", ""), declared


def cut(name: str, path: tuple[str, ...], *, without: tuple[str, ...] = ()) -> etree.XMLSchema:
    """Compile a schema whose only document is the element at `path`, as in ("Document", "CstmrCdtTrfInitn", "PmtInf").

    The element at the path `without` is taken out of its parent's content, so that a stream can judge a parent after
    its many children were judged one by one and dropped.
    """
    schema = load(name)
    kind, _ = _type_of(schema, path)
    if without:
        _, declared = _type_of(schema, without)
        parent = None if declared is None else declared.getparent()
        if declared is not None and parent is not None:
            parent.remove(declared)
    for root in schema.findall(f"{{{XS}}}element"):
        schema.remove(root)
    etree.SubElement(schema, f"{{{XS}}}element", name=path[-1], type=kind)
    return etree.XMLSchema(schema)


def element_names(name: str) -> frozenset[str]:
    """Give the names of all elements of a message: what an error may name without giving away what was sent."""
    schema = etree.fromstring(read(name))
    return frozenset(node.get("name", "") for node in schema.iter(f"{{{XS}}}element"))
