"""Which specification a text is."""

import json

import iso8583.specs
import pytest

from twinrail.codecs.importers.formats import READERS, guess_format


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<?xml version="1.0"?>\n<isopackager/>', "jpos"),
        ("\ufeff  <isopackager/>", "jpos"),
        ('{"name": "x", "fields": {}}', "moov"),
        (json.dumps(iso8583.specs.default), "pyiso8583"),
        (f"spec = {iso8583.specs.default!r}", "pyiso8583"),
        ("", "pyiso8583"),
    ],
)
def test_formats_are_told_apart(text: str, name: str) -> None:
    assert guess_format(text) == name
    assert name in READERS
