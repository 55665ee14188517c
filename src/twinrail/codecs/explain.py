"""Why a schema refuses a document, in words: where, and which rule; never what stood there.

Only for a document that lxml has refused already, and only in a process of its own: xmlschema takes a quarter of a
second to load, reads some 3,000 transactions a second and holds the interpreter meanwhile, so it is imported when the
first line is asked for. Its own texts quote the document and none of them is used: names are said where the schema
knows them, limits are those that the schema states.
"""

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from twinrail.codecs import xsd
from twinrail.codecs.iso20022 import Guard

if TYPE_CHECKING:
    from xmlschema import XMLSchemaValidationError

BYTES_MAX = 5 << 20  # larger documents are not explained: about 4 s and 120 MB at this size
LINES_MAX = 5
LINE_MAX = 300  # characters
_NAMES_MAX = 6  # expected elements that one line lists
_UNKNOWN = "?"
# One step of a path: a namespace in braces or a prefix, the name, the position.
_STEP = re.compile(r"(?:\{[^}]*\}|[^/:{}\[\]]*:)?([^/:{}\[\]]+)(\[[0-9]+\])?")


def explain(data: bytes, name: str) -> Iterator[str]:
    """Say why the schema of the message `name` refuses a document, at most LINES_MAX findings, each as it is found.

    Nothing comes where the document is over BYTES_MAX or where the library cannot read it. Whatever the library raises
    passes through: a caller with a bound on time takes the lines that came before.
    """
    if len(data) > BYTES_MAX:
        return
    Guard(BYTES_MAX).admit(data)
    import xmlschema  # noqa: PLC0415 - 0.1 s and 15 MB that only a refused document may cost

    # Everything is in memory and nothing else is fetched: no include, no location hint, no entity.
    schema = xmlschema.XMLSchema(io.BytesIO(xsd.read(name)), allow="local", defuse="always")
    document = xmlschema.XMLResource(io.BytesIO(data), allow="local", defuse="always")
    known = xsd.element_names(name)
    for error in islice(schema.iter_errors(document, use_location_hints=False), LINES_MAX):
        where = "/".join(_steps(error.path or "", known))
        yield f"{where}: {_rule(error, known)}"[:LINE_MAX]


def _steps(path: str, known: frozenset[str]) -> Iterator[str]:
    for found in _STEP.finditer(path):
        yield (found[1] if found[1] in known else _UNKNOWN) + (found[2] or "")


def _rule(error: "XMLSchemaValidationError", known: frozenset[str]) -> str:
    """Name the rule of the schema that a finding is about."""
    from xmlschema import validators  # noqa: PLC0415 - loaded already

    rule = error.validator
    if isinstance(error, validators.XMLSchemaChildrenValidationError):
        expected = _names(error.expected_tags, known)
        if error.invalid_tag is None:
            return f"{expected or 'an element'} missing"
        said = f"{_names([error.invalid_tag], known)} not expected here"
        return f"{said}, but {expected}" if expected else said
    if isinstance(rule, validators.XsdAttributeGroup):
        present = set() if error.elem is None else set(error.elem.keys())
        missing = sorted(set(rule.iter_required()) - present)
        return f"attribute {missing[0]} missing" if missing else "attribute not known to the schema"
    if isinstance(rule, validators.XsdPatternFacets):
        return f"pattern {rule[0].get('value', '')}"
    if isinstance(rule, validators.XsdEnumerationFacets):
        return "not one of the values that are listed"
    if isinstance(rule, validators.XsdFacet):
        return f"{rule.elem.tag.rpartition('}')[2]} {rule.elem.get('value', '')}"
    if isinstance(error, validators.XMLSchemaDecodeError):
        return f"not of type {getattr(rule, 'local_name', None) or _UNKNOWN}"
    return "text between elements" if isinstance(rule, validators.XsdGroup) else "not allowed by the schema"


def _names(tags: Iterable[str], known: frozenset[str]) -> str:
    """List element names; one that the schema does not know may be a value in disguise."""
    names = [tag.rpartition("}")[2].rpartition(":")[2] for tag in tags]
    said = [name if name in known else "an unknown element" for name in names[:_NAMES_MAX]]
    return " or ".join(said) + (" ..." if len(names) > _NAMES_MAX else "")
