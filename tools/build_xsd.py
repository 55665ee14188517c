"""Rebuild the XML schemas of the ISO 20022 messages from the dataclasses of the development package pyiso20022.

Run as `python tools/build_xsd.py` with pyiso20022 and xsdata installed; it writes src/twinrail/schemas/iso20022/xsd.
A class named ...Choice is an xs:choice, any other an xs:sequence; order, occurrence, facets and enumerations come from
the metadata of the fields. What the dataclasses have lost (comments, names of simple types) is not needed to validate.
"""
# ruff: noqa: INP001 - a script, not a package

import dataclasses
import enum
import importlib
import json
import pathlib
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from xml.sax.saxutils import quoteattr

from lxml import etree

from twinrail.codecs import xsd

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "src" / "twinrail" / "schemas" / "iso20022" / "xsd"
MESSAGES = (
    *("pain.001.001.03", "pain.001.001.09", "pain.001.001.11", "pain.002.001.03", "pain.002.001.10"),
    *("pain.007.001.02", "pain.008.001.02", "pain.008.001.10"),
    *("pacs.002.001.03", "pacs.002.001.10", "pacs.003.001.02", "pacs.003.001.08", "pacs.004.001.02"),
    *("pacs.004.001.09", "pacs.007.001.02", "pacs.007.001.09", "pacs.008.001.02", "pacs.008.001.08"),
    *("pacs.008.001.10", "pacs.009.001.08", "pacs.028.001.01", "pacs.028.001.03"),
    *("camt.029.001.03", "camt.029.001.09", "camt.052.001.02", "camt.052.001.08", "camt.053.001.02"),
    *("camt.053.001.08", "camt.054.001.02", "camt.054.001.08", "camt.055.001.08", "camt.056.001.01"),
    *("camt.056.001.08", "camt.060.001.05", "head.001.001.01", "head.001.001.02"),
)
# Choices of the first generation whose class name does not say so, and year-months that the dataclasses call a period.
CHOICES = {"CashAccountType2", "CashBalanceAvailabilityDate1"}
YEAR_MONTHS = {("PlainCardData1", "FctvDt"), ("PlainCardData1", "XpryDt")}
BUILT_IN = {
    "str": "xs:string",
    "bool": "xs:boolean",
    "Decimal": "xs:decimal",
    "bytes": "xs:base64Binary",
    "XmlDate": "xs:date",
    "XmlDateTime": "xs:dateTime",
    "XmlTime": "xs:time",
    "XmlPeriod": "xs:gYear",
}
FACETS = {
    "min_inclusive": "minInclusive",
    "total_digits": "totalDigits",
    "fraction_digits": "fractionDigits",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}


class Builder:
    """One schema in the making: complex types as they are met, simple types by what they restrict."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module
        self.simple: dict[str, str] = {}  # body -> name

    def core(self, hint: object) -> type:
        """Strip `None |` and `list[...]` from the hint of a field."""
        for part in typing.get_args(hint):
            if part is not type(None):
                return typing.cast("type", part)
        return typing.cast("type", hint)

    def restriction(self, base: str, metadata: typing.Mapping[str, typing.Any]) -> str:
        """Name the simple type with these facets, making it where it is new."""
        facets = [(FACETS[key], value) for key, value in metadata.items() if key in FACETS]
        if not facets:
            return base
        lines = "".join(f"<xs:{facet} value={quoteattr(_plain(value))}/>" for facet, value in facets)
        body = f'<xs:restriction base="{base}">{lines}</xs:restriction>'
        return self.simple.setdefault(body, f"Simple{len(self.simple) + 1}")

    def type_of(self, owner: type, field: "dataclasses.Field[object]", hint: object) -> str:
        """Name the type of a field."""
        core = self.core(hint)
        if dataclasses.is_dataclass(core) or issubclass(core, enum.Enum):
            return core.__name__
        base = BUILT_IN[core.__name__]
        if core.__name__ == "XmlPeriod" and (owner.__name__, field.metadata["name"]) in YEAR_MONTHS:
            base = "xs:gYearMonth"
        return self.restriction(base, field.metadata)

    def members(self, cls: type, *, choice: bool) -> Iterator[str]:
        """Write the elements of a complex type, in their order."""
        hints = typing.get_type_hints(cls, vars(self.module))
        for field in dataclasses.fields(cls):
            kind = field.metadata.get("type")
            if kind == "Wildcard":
                contents = field.metadata.get("process_contents", "lax")
                occurs = "" if typing.get_origin(hints[field.name]) is not list else ' maxOccurs="unbounded"'
                yield f'<xs:any namespace="{field.metadata["namespace"]}" processContents="{contents}"{occurs}/>'
            elif kind == "Element":
                least, most = _occurs(field, hints[field.name], choice=choice)
                occurs = ("" if least == "1" else f' minOccurs="{least}"') + (
                    "" if most == "1" else f' maxOccurs="{most}"'
                )
                name = self.type_of(cls, field, hints[field.name])
                yield f'<xs:element name="{field.metadata["name"]}" type="{name}"{occurs}/>'

    def complex(self, cls: type) -> str:
        """Write one complex type."""
        hints = typing.get_type_hints(cls, vars(self.module))
        value = next((field for field in dataclasses.fields(cls) if "type" not in field.metadata), None)
        if value is not None:
            attributes = "".join(
                f'<xs:attribute name="{field.metadata["name"]}" type="{self.type_of(cls, field, hints[field.name])}"'
                + (' use="required"/>' if field.metadata.get("required") else "/>")
                for field in dataclasses.fields(cls)
                if field.metadata.get("type") == "Attribute"
            )
            base = self.type_of(cls, value, hints[value.name])
            body = f'<xs:simpleContent><xs:extension base="{base}">{attributes}</xs:extension></xs:simpleContent>'
        else:
            choice = cls.__name__.endswith("Choice") or cls.__name__ in CHOICES
            form = "xs:choice" if choice else "xs:sequence"
            body = f"<{form}>\n  " + "\n  ".join(self.members(cls, choice=choice)) + f"\n </{form}>"
        return f'<xs:complexType name="{cls.__name__}">\n {body}\n</xs:complexType>'

    def schema(self, namespace: str) -> str:
        """Write the whole schema."""
        parts, roots = [], []
        for cls in vars(self.module).values():
            if not isinstance(cls, type) or cls.__module__ != self.module.__name__:
                continue
            if issubclass(cls, enum.Enum):
                rows = "".join(f"<xs:enumeration value={quoteattr(str(member.value))}/>" for member in cls)
                body = f'<xs:restriction base="xs:string">{rows}</xs:restriction>'
                parts.append(f'<xs:simpleType name="{cls.__name__}">{body}</xs:simpleType>')
                continue
            base = cls.__bases__[0]
            meta = vars(cls).get("Meta")
            if getattr(meta, "namespace", None) == namespace:
                kind = cls.__name__ if base is object else base.__name__
                roots.append(f'<xs:element name="{getattr(meta, "name", cls.__name__)}" type="{kind}"/>')
            if base is object:
                parts.append(self.complex(cls))
        parts += [f'<xs:simpleType name="{name}">{body}</xs:simpleType>' for body, name in self.simple.items()]
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<xs:schema xmlns="{namespace}" xmlns:xs="{xsd.XS}" elementFormDefault="qualified"'
            f' targetNamespace="{namespace}">\n'
        )
        return head + "\n".join(roots + parts) + "\n</xs:schema>\n"


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _occurs(field: "dataclasses.Field[object]", hint: object, *, choice: bool) -> tuple[str, str]:
    metadata = field.metadata
    if typing.get_origin(hint) is list:
        return str(metadata.get("min_occurs", 1 if choice else 0)), str(metadata.get("max_occurs", "unbounded"))
    return ("1" if choice or metadata.get("required") else "0"), "1"


def build(name: str) -> str:
    """Write the schema of one message, as in "pain.001.001.09"."""
    folder, module = name.split(".", maxsplit=1)[0], name.replace(".", "_")
    loaded = importlib.import_module(f"pyiso20022.{folder}.{module}.{module}")
    return Builder(loaded).schema(f"urn:iso:std:iso:20022:tech:xsd:{name}")


def main() -> int:
    """Write every schema and its fingerprint."""
    FOLDER.mkdir(exist_ok=True)
    found = {}
    for name in MESSAGES:
        text = build(name)
        tree = etree.fromstring(text.encode())
        etree.XMLSchema(tree)
        found[name] = xsd.fingerprint(tree)
        (FOLDER / f"{name}.xsd").write_text(text, encoding="utf-8")
    (FOLDER / xsd.FINGERPRINTS).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(found)} schemas written\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
