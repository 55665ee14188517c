"""Dialects as files: what is written is read back the same, and what is wrong in a file is said with its line."""

import dataclasses
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twinrail.codecs.dialect_check import DialectError, Severity
from twinrail.codecs.dialect_file import (
    CHAIN_MAX,
    FILE_BYTES_MAX,
    PROBLEMS_MAX,
    ROW_REQUIRED,
    _Layer,
    load,
    read,
)
from twinrail.codecs.dialect_text import write
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import (
    AS_ABOVE,
    NO_PAD,
    Coding,
    Counts,
    Kind,
    Length,
    Mask,
    Pad,
    Prefix,
    PrefixForm,
)
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import (
    BerTlv,
    BitmapParts,
    Dataset,
    Datasets,
    Layout,
    Part,
    Pds,
    Positional,
    Tagged,
)

words = st.text(max_size=12)
lengths = st.sampled_from(Length)
codings = st.sampled_from([None, *Coding])
prefixes = st.just(AS_ABOVE) | st.builds(
    Prefix,
    form=st.sampled_from([None, *PrefixForm]),
    counts=st.sampled_from([None, *Counts]),
    inclusive=st.sampled_from([None, True, False]),
    page=st.none() | words,
    size=st.integers(-1, 9),
)
pads = st.just(NO_PAD) | st.builds(Pad, st.characters(max_codepoint=255), left=st.booleans())
axes = {
    "name": words,
    "kind": st.sampled_from(Kind),
    "length_kind": lengths,
    "length": st.integers(-5, 10**7),
    "mask": st.sampled_from(Mask),
    "coding": codings,
    "page": st.none() | words,
    "nibble": words,
    "prefix": st.none() | prefixes,
    "pad": st.none() | pads,
    "least": st.integers(0, 99),
}


def parts_of(inner: st.SearchStrategy[Layout | None]) -> st.SearchStrategy[tuple[Part, ...]]:
    part = st.builds(Part, key=st.text(min_size=1, max_size=4), layout=inner, **axes)
    return st.lists(part, max_size=3, unique_by=lambda one: one.key).map(tuple)


def layouts_over(inner: st.SearchStrategy[Layout | None]) -> st.SearchStrategy[Layout]:
    parts = parts_of(inner)
    body = layouts_flat(parts)
    sets = st.lists(
        st.builds(Dataset, id=st.text(min_size=1, max_size=3), name=words, body=body),
        max_size=2,
        unique_by=lambda one: one.id,
    )
    return body | st.builds(Datasets, sets.map(tuple))


def layouts_flat(parts: st.SearchStrategy[tuple[Part, ...]]) -> st.SearchStrategy[Layout]:
    return (
        st.builds(Positional, parts, repeats=st.booleans())
        | st.builds(
            Tagged,
            parts,
            tag_digits=st.integers(0, 9),
            length_kind=lengths,
            tag=st.sampled_from(Coding),
            length=prefixes,
            category=st.booleans(),
        )
        | st.builds(BerTlv, parts)
        | st.builds(Pds, parts, st.lists(st.integers(0, 200), max_size=3).map(tuple))
        | st.builds(BitmapParts, parts, octets=st.integers(-1, 30), binary=st.booleans())
    )


layouts = st.none() | st.recursive(layouts_over(st.none()), lambda inner: layouts_over(st.none() | inner), max_leaves=4)
elements = st.builds(Element, number=st.integers(1, 999), layout=layouts, **axes)
dialects = st.builds(
    Dialect,
    name=words,
    version=words,
    text=words,
    numbers=st.sampled_from(Coding),
    bitmap=st.sampled_from(BitmapForm),
    bitmaps=st.sampled_from(Bitmaps),
    elements=st.lists(elements, max_size=4, unique_by=lambda row: row.number).map(
        lambda rows: tuple(sorted(rows, key=lambda row: row.number))
    ),
    lengths=prefixes,
    tracks=codings,
    binary=st.sampled_from(Coding),
    mti=codings,
    third=st.sampled_from(Third),
)


def nothing(word: str) -> Dialect | str:
    raise SettingsError(f"there is no {word}")


def built_in(word: str) -> Dialect | str:
    return DIALECTS[word] if word in DIALECTS else nothing(word)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_a_dialect_that_is_built_in_is_read_as_it_was_written(dialect: Dialect) -> None:
    text = write(dialect)
    assert load(text, "it", nothing) == dialect
    assert len(text) * 8 < FILE_BYTES_MAX
    assert write(load(text, "it", nothing)) == text


@given(dialects)
def test_whatever_is_written_is_read_the_same(dialect: Dialect) -> None:
    layer = _Layer(write(dialect))
    assert layer.upon(None) == dialect
    assert not layer.problems


@given(
    st.sampled_from([write(DIALECTS[name]) for name in ("mds", "base1", "iso2003-bcd")]),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("dsrx")), min_size=1, max_size=6),
    st.text(max_size=9),
)
def test_no_text_makes_reading_raise(text: str, edits: list[tuple[int, str]], scrap: str) -> None:
    lines = text.splitlines()
    for place, edit in edits:
        at = place % len(lines)
        if edit == "d":
            lines[at : at + 1] = []
        elif edit == "s":
            lines.insert(at, lines[place // 3 % len(lines)])
        else:
            lines[at] = lines[at].replace('"', "", 1) if edit == "r" else lines[at] + scrap
        lines = lines or [""]
    reading = read("\n".join(lines), built_in)
    bad = [one for one in reading.problems if one.severity is Severity.ERROR]
    assert (reading.dialect is None) == bool(bad)


@given(st.text())
@example("a = " + "[" * 4000)
@example("a={b=" * 600)
@example("a." * 60_000 + "a = 1")
@example("x = 1" + "0" * 5000)
def test_no_scrap_is_a_dialect(text: str) -> None:
    assert read(text, nothing).dialect is None


def test_a_file_of_one_byte_too_many_is_refused() -> None:
    text = write(iso1987.DIALECT)
    filler = "\n# " + "x" * 1000
    full = text + filler * ((FILE_BYTES_MAX - len(text)) // len(filler))
    assert load(full, "it", nothing) == iso1987.DIALECT
    assert "bytes at most" in read(full + filler, nothing).problems[0].problem


# What is wrong is said with its line.

HEAD = """name = "x"
version = "1987"
text = "ascii"
numbers = "bcd"
bitmap = "binary"
bitmaps = "by_bit_1"
[elements]
2 = { name = "pan", kind = "n", length_kind = "llvar", length = 19, mask = "pan" }
"""
ROW = '11 = { name = "stan", kind = "n", length_kind = "fixed", length = 6, mask = "public" }'
NESTED = """[elements.48]
name = "private"
kind = "ans"
length_kind = "lllvar"
length = 999
mask = "personal"
[elements.48.layout]
kind = "tagged"
[elements.48.layout.parts]
42 = { name = "level", kind = "n", length_kind = "llvar", length = 3, mask = "public" }
"""


def test_the_example_is_good() -> None:
    dialect = load(HEAD + ROW + "\n" + NESTED, "x", nothing)
    assert [row.number for row in dialect.elements] == [2, 11, 48]
    layout = dialect.elements[2].layout
    assert isinstance(layout, Tagged)
    assert layout.parts[0].key == "42"


@pytest.mark.parametrize("key", ROW_REQUIRED)
@pytest.mark.parametrize(
    ("path", "line", "pattern"), [("elements.11", 9, ROW), ("elements.48.layout.parts.42", 19, "")]
)
def test_a_row_that_leaves_one_out_does_not_load(key: str, path: str, line: int, pattern: str) -> None:
    text = HEAD + ROW + "\n" + NESTED
    row = pattern or NESTED.splitlines()[-1]
    lighter = re.sub(rf"(?:, )?\b{key} = [^,}}]+(,?)", r"\1", row, count=1).replace("{,", "{").replace("{ ,", "{")
    assert lighter != row
    with pytest.raises(DialectError) as caught:
        load(text.replace(row, lighter), "x", nothing)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == (f"{path}.{key}", line)
    assert problem.problem.startswith("missing; must be ")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('name = "x"', "name = 1", "line 1, name: must be text"),
        ('name = "x"\n', "", "name: missing; must be text"),
        ('version = "1987"\n', "", "version: missing; must be text"),
        ('"1987"', '"1986"', "line 2, version: must be 1987 or 1993 or 2003"),
        ('"bcd"', '"BCD"', "line 4, numbers: must be characters or bcd or bcd_right or binary or hex"),
        ("[elements]", "colour = 1\n[elements]", "line 7, colour: unknown; known are from, without"),
        ("[elements]", "lengths = 1\n[elements]", "line 7, lengths: must be a table"),
        ("[elements]", "lengths = {form = 1}\n[elements]", "line 7, lengths.form: must be characters or bcd or"),
        ("[elements]", "without = [2.0]\n[elements]", "line 7, without: must be a list of element numbers"),
        ("2 = {", "02 = {", "line 8, elements.02: the key of an element is its number"),
        ("2 = {", "pan = {", "line 8, elements.pan: the key of an element is its number"),
        ("2 = {", "2 = 7 # {", "line 8, elements.2: must be a table"),
        ('"llvar"', '"LLVAR"', "line 8, elements.2.length_kind: must be fixed or lvar or llvar"),
        ("length = 19", "length = true", "line 8, elements.2.length: must be a whole number"),
        ("length = 19", "length = 190", "line 8, elements.2.length: does not fit into its prefix"),
        ('"pan" }', '"public" }', "line 8, elements.2.mask: element 2 is the card number"),
        ('"pan" }', '"pan", pad = { left = true } }', "line 8, elements.2.pad.character: missing; must be text"),
        ('kind = "tagged"', 'kind = "tlv"', "line 16, elements.48.layout.kind: must be positional or tagged"),
        ('kind = "tagged"', 'kind = "pds"', "line 15, elements.48.layout.over: missing"),
        ('kind = "tagged"', 'kind = "datasets"', "line 17, elements.48.layout.parts: unknown; known are sets"),
        (
            "[elements.48.layout.parts]\n42",
            "parts = 7 #",
            "line 17, elements.48.layout.parts: must be a table of parts",
        ),
        ("42 = {", "421 = {", "line 18, elements.48.layout.parts.421: the key has 3 characters, a tag 2"),
        ("42 = {", "42 = {} # {", "line 18, elements.48.layout.parts.42.name: missing"),
        ("[elements.48]", "2 = {}\n[elements.48]", "not TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(was: str, becomes: str, said: str) -> None:
    text = HEAD + NESTED
    assert was in text
    reading = read(text.replace(was, becomes, 1), nothing)
    assert reading.dialect is None
    assert any(str(one).startswith(said) for one in reading.problems), [str(one) for one in reading.problems]


def test_problems_are_bounded() -> None:
    text = HEAD + "\n".join(f"{number} = 1" for number in range(3, 190))
    assert len(read(text, nothing).problems) == PROBLEMS_MAX


def test_layouts_have_a_depth() -> None:
    def nested(depth: int) -> str:
        rows, path = [], "elements.48"
        for _ in range(depth):
            rows.append(f'[{path}]\nname = "n"\nkind = "ans"\nlength_kind = "fixed"\nlength = 9\nmask = "personal"')
            rows.append(f'[{path}.layout]\nkind = "positional"')
            path += ".layout.parts.1"
        return HEAD + "\n".join([*rows, f"[{path}]", 'name = "n"\nkind = "ans"\nlength_kind = "fixed"'])

    leaf = '\nlength = 9\nmask = "personal"\n'
    assert read(nested(8) + leaf, nothing).dialect is not None
    assert "8 deep at most" in str(read(nested(9) + leaf, nothing).problems[0])


def test_parts_keep_the_order_of_the_file() -> None:
    inner = Positional((Part("1", "one", Kind.ANS, Length.FIXED, 1, Mask.PUBLIC),))
    part = Part("9", "nine", Kind.ANS, Length.FIXED, 1, Mask.PUBLIC)
    layout = Positional((part, dataclasses.replace(part, key="3", layout=inner), dataclasses.replace(part, key="5")))
    row = Element(60, "private", Kind.ANS, Length.FIXED, 3, Mask.PERSONAL, layout)
    dialect = iso1987.DIALECT.but("other", elements=(row,))
    assert load(write(dialect), "it", nothing) == dialect


# Building on another dialect.


def test_a_file_says_only_what_differs() -> None:
    text = f'name = "other"\nfrom = "iso1987-bcd"\ntext = "cp500"\nwithout = [60, 61]\n[elements]\n{ROW}'
    other = load(text, "it", built_in)
    base = DIALECTS["iso1987-bcd"]
    assert (other.name, other.text, other.numbers) == ("other", "cp500", base.numbers)
    assert {row.number for row in base.elements} - {row.number for row in other.elements} == {60, 61}
    assert next(row for row in other.elements if row.number == 11).layout is None


def test_files_build_on_files() -> None:
    files = {
        "a.toml": 'name = "a"\nfrom = "b.toml"\ntext = "cp037"',
        "b.toml": 'name = "b"\nfrom = "c.toml"\nwithout = [60]',
        "c.toml": HEAD
        + ROW
        + '\n60 = { name = "p", kind = "ans", length_kind = "lvar", length = 9, mask = "personal" }',
    }
    dialect = load(files["a.toml"], "a.toml", files.__getitem__)
    assert (dialect.name, dialect.text, dialect.version) == ("a", "cp037", "1987")
    assert [row.number for row in dialect.elements] == [2, 11]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a"\nfrom = "circle"', f"line 2, from: {CHAIN_MAX} files build on each other, or in a circle"),
        ('name = "a"\nfrom = "nosuch"', "line 2, from: there is no nosuch"),
        ('name = "a"\nfrom = 7', "line 2, from: must be text"),
        ('name = "a"\nfrom = "bad"', "line 2, from: in the file it names, line 1, colour: unknown"),
        ('name = "a"\nfrom = "iso1987-ascii"\nwithout = [65]', "line 3, without: element 65 is not in the dialect"),
        ('from = "iso1987-ascii"', "name: missing; must be text"),
    ],
)
def test_what_cannot_be_built_on(text: str, said: str) -> None:
    texts = {"circle": 'name = "c"\nfrom = "circle"', "bad": "colour = 1"}
    reading = read(text, lambda word: texts.get(word) or built_in(word))
    assert any(str(one).startswith(said) for one in reading.problems), [str(one) for one in reading.problems]
    assert reading.dialect is None
