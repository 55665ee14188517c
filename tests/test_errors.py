import pickle

import pytest

from twinrail.errors import (
    DecodeError,
    EncodeError,
    FrameError,
    InvariantBroken,
    SchemaError,
    SettingsError,
    StoreError,
    TwinrailError,
    check,
)

PAN = "4111111111111111"


def test_a_broken_invariant_passes_every_except_exception() -> None:
    assert not issubclass(InvariantBroken, Exception)
    with pytest.raises(InvariantBroken, match="as said"):
        check(0, "as said")
    check([1], "never said")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FrameError("length 9 above the maximum 4", offset=2, hint="ascii4 would fit"), None),
        (FrameError("length is not digits"), "length is not digits at byte 0"),
        (DecodeError("not digits", path="4", offset=12, element=4), "4: not digits at byte 12"),
        (EncodeError("too long", path="37"), "37: too long"),
        (SchemaError("wrong", path="GrpHdr/MsgId", line=7), "wrong at GrpHdr/MsgId, line 7"),
        (SchemaError("wrong"), "wrong"),
    ],
)
def test_an_error_says_where(error: TwinrailError, text: str | None) -> None:
    assert str(error) == (text or "length 9 above the maximum 4 at byte 2 (ascii4 would fit)")


def test_all_are_errors_of_ours() -> None:
    for kind in (SettingsError, StoreError, FrameError, DecodeError, EncodeError, SchemaError):
        assert issubclass(kind, TwinrailError)


def test_a_decode_error_travels_without_what_it_read() -> None:
    error = DecodeError("not digits", path="4", offset=12, element=4, partial={"2": PAN})
    data = pickle.dumps(error)
    assert PAN.encode() not in data
    again = pickle.loads(data)  # noqa: S301 - our own bytes
    assert (again.problem, again.path, again.offset, again.element) == ("not digits", "4", 12, 4)
    assert again.partial is None
    assert PAN not in f"{error!r} {error} {again!r}"


def test_a_schema_error_names_the_reason_to_answer_with() -> None:
    assert SchemaError("x").reason == "FF01"
    assert SchemaError("x", reason="CH16").reason == "CH16"
