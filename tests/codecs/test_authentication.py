"""Message authentication: published vectors, oracles written out, and nothing forged, stripped or moved passes."""

import copy
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.authentication import Authenticator, MacKey, MacKeys, Outcome
from twinrail.codecs.iso8583 import Codec, Message
from twinrail.errors import AuthenticationError, EncodeError, SettingsError
from twinrail.schemas.iso8583.authentication import Covered, MacAlgorithm, MacRule, Padding
from twinrail.schemas.iso8583.axes import FIXED, LLVAR, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv

RETAIL, CMAC = MacAlgorithm.RETAIL, MacAlgorithm.AES_CMAC
RETAIL_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
OTHER_RETAIL_KEY = bytes.fromhex("7CA110454A1A6E570131D9619DC1376E")
AES_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
OTHER_AES_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
KEYS = {RETAIL: (RETAIL_KEY, OTHER_RETAIL_KEY), CMAC: (AES_KEY, OTHER_AES_KEY)}
SRC = str(Path(__file__).resolve().parents[2] / "src")

ROWS = (
    Element(3, "processing_code", Kind.N, FIXED, 6, Mask.PUBLIC),
    Element(11, "stan", Kind.N, FIXED, 6, Mask.PUBLIC),
    Element(41, "terminal", Kind.ANS, FIXED, 8, Mask.PUBLIC),
    Element(48, "private", Kind.ANS, LLVAR, 60, Mask.PERSONAL),
    Element(64, "mac", Kind.B, FIXED, 8, Mask.SECRET),
    Element(70, "function", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(100, "receiver", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(128, "mac_2", Kind.B, FIXED, 8, Mask.SECRET),
)
ASCII = Dialect(
    name="mac-ascii",
    version="1987",
    text="ascii",
    numbers=Coding.CHARACTERS,
    bitmap=BitmapForm.BINARY,
    bitmaps=Bitmaps.BY_BIT_1,
    elements=ROWS,
)
THIRD_ROWS = (
    Element(130, "third", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(192, "mac_3", Kind.B, FIXED, 8, Mask.SECRET),
)
DIALECTS = (
    ASCII,
    ASCII.but("mac-bcd", numbers=Coding.BCD),
    ASCII.but("mac-hex", binary=Coding.HEX, bitmap=BitmapForm.HEX_ASCII),
    ASCII.but("mac-ebcdic", text="cp037", binary=Coding.HEX, bitmap=BitmapForm.HEX_EBCDIC),
    ASCII.but("mac-two", bitmaps=Bitmaps.ALWAYS_TWO),
    ASCII.but("mac-third", third=Third.CONTIGUOUS, elements=THIRD_ROWS),
)
CODECS = {dialect.name: Codec(dialect) for dialect in DIALECTS}
MESSAGE = Message("0200", {3: "000000", 11: "000001", 41: "TERM0001", 48: "private"})


def keys_of(algorithm: MacAlgorithm, *secrets: bytes) -> MacKeys:
    current, *previous = (MacKey(algorithm, secret) for secret in secrets or KEYS[algorithm])
    return MacKeys(current, *previous)


def authenticator(rule: MacRule, *, dialect: str = "mac-ascii", keys: MacKeys | None = None) -> Authenticator:
    return Authenticator(rule, keys or keys_of(rule.algorithm), CODECS[dialect])


def signed(one: Authenticator, message: Message = MESSAGE, *, dialect: str = "mac-ascii", header: bytes = b"") -> bytes:
    return one.sign(CODECS[dialect].encode(one.with_room(message)), header=header)


RULES = st.builds(
    lambda algorithm, padding, length: MacRule(algorithm=algorithm, padding=padding, length=length),
    st.sampled_from(MacAlgorithm),
    st.sampled_from(Padding),
    st.sampled_from((4, 8)),
)
MESSAGES = st.builds(
    Message,
    st.sampled_from(("0100", "0101", "0110", "0200", "0210", "0420", "0430", "0800")),
    st.fixed_dictionaries(
        {11: st.from_regex(r"[0-9]{6}", fullmatch=True)},
        optional={
            3: st.from_regex(r"[0-9]{6}", fullmatch=True),
            48: st.from_regex(r"[ -~]{0,60}", fullmatch=True),
            70: st.just("301"),
            100: st.from_regex(r"[0-9]{1,11}", fullmatch=True),
        },
    ),
)
NAMES = st.sampled_from(sorted(CODECS))


# The algorithms.


def blocks_of(algorithm: AES | TripleDES) -> Cipher[ECB]:
    return Cipher(algorithm, ECB())  # noqa: S305 - single blocks, which the oracles chain by hand


def retail_by_hand(key: bytes, data: bytes, padding: Padding) -> bytes:
    """ISO/IEC 9797-1 algorithm 3, block by block."""
    left, right = blocks_of(TripleDES(key[:8] * 3)), blocks_of(TripleDES(key[8:] * 3))
    if padding is Padding.BIT:
        data += b"\x80"
    if not data or len(data) % 8:
        data += bytes(8 - len(data) % 8)
    chained = bytes(8)
    for at in range(0, len(data), 8):
        mixed = bytes(a ^ b for a, b in zip(chained, data[at : at + 8], strict=True))
        chained = left.encryptor().update(mixed)
    return left.encryptor().update(right.decryptor().update(chained))


def cmac_by_hand(key: bytes, data: bytes) -> bytes:
    """RFC 4493, section 2, block by block."""

    def encrypted(block: int) -> int:
        return int.from_bytes(blocks_of(AES(key)).encryptor().update(block.to_bytes(16, "big")), "big")

    def doubled(number: int) -> int:
        return (number << 1 & (1 << 128) - 1) ^ (0x87 if number >> 127 else 0)

    subkey = doubled(encrypted(0))
    if not data or len(data) % 16:
        subkey = doubled(subkey)
        data += b"\x80" + bytes(15 - len(data) % 16)
    blocks = [int.from_bytes(data[at : at + 16], "big") for at in range(0, len(data), 16)]
    chained = 0
    for block in blocks[:-1]:
        chained = encrypted(chained ^ block)
    return encrypted(chained ^ blocks[-1] ^ subkey).to_bytes(16, "big")


@given(st.binary(max_size=100), st.sampled_from(Padding), st.binary(min_size=16, max_size=16))
def test_the_retail_mac_is_the_one_written_out(data: bytes, padding: Padding, seed: bytes) -> None:
    key = seed[:15] + bytes([seed[15] ^ 0x80 if seed[:8] == seed[8:] else seed[15]])
    if any((a ^ b) & 0xFE for a, b in zip(key[:8], key[8:], strict=True)):
        assert MacKey(RETAIL, key).mac(data, padding) == retail_by_hand(key, data, padding)


@given(st.binary(max_size=100), st.sampled_from((16, 24, 32)).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_aes_cmac_is_the_one_written_out(data: bytes, key: bytes) -> None:
    one = MacKey(CMAC, key)
    assert one.mac(data) == one.mac(data, Padding.BIT) == cmac_by_hand(key, data)


@pytest.mark.parametrize(
    ("text", "padding", "expected"),
    [
        # The examples of ISO/IEC 9797-1 for algorithm 3 with DES.
        ("Now is the time for all ", Padding.ZEROS, "A1C72E74EA3FA9B6"),
        ("Now is the time for all ", Padding.BIT, "E9086230CA3BE796"),
        ("Now is the time for it", Padding.ZEROS, "2E2B1428CC78254F"),
        ("Now is the time for it", Padding.BIT, "5A692CE64F404145"),
    ],
)
def test_published_retail_macs(text: str, padding: Padding, expected: str) -> None:
    assert MacKey(RETAIL, RETAIL_KEY).mac(text.encode(), padding).hex().upper() == expected
    assert retail_by_hand(RETAIL_KEY, text.encode(), padding).hex().upper() == expected


NIST = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@pytest.mark.parametrize(
    ("key", "length", "expected"),
    [
        # RFC 4493, section 4.
        (AES_KEY, 0, "bb1d6929e95937287fa37d129b756746"),
        (AES_KEY, 16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (AES_KEY, 40, "dfa66747de9ae63030ca32611497c827"),
        (AES_KEY, 64, "51f0bebf7e3b9d92fc49741779363cfe"),
        # NIST SP 800-38B, AES-256.
        (OTHER_AES_KEY, 0, "028962f61b7bf89efc6b551f4667d983"),
        (OTHER_AES_KEY, 16, "28a7023f452e8f82bd4bf28d8c37c35c"),
        (OTHER_AES_KEY, 40, "aaf3d8f1de5640c232f5b169b9c911e6"),
        (OTHER_AES_KEY, 64, "e1992190549f6ed5696a2c056c315410"),
    ],
)
def test_published_aes_cmacs(key: bytes, length: int, expected: str) -> None:
    assert MacKey(CMAC, key).mac(NIST[:length]).hex() == expected


def test_psec_computes_where_warnings_are_errors_and_its_own_is_the_only_one_let_through() -> None:
    program = """
import warnings
import twinrail.codecs.authentication as authentication
key = authentication.MacKey(authentication.MacAlgorithm.RETAIL, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
print(key.mac(b"Now is the time for it").hex(), key.kcv)
from cryptography.hazmat.primitives.ciphers import algorithms
try:
    algorithms.TripleDES
except UserWarning:
    print("warned")
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys; sys.path.insert(0, sys.argv[1])\n" + program, SRC],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.split(), run.stderr) == (["2e2b1428cc78254f", "08D7B4", "warned"], "")


# Keys.


def test_check_values_tell_keys_apart_and_show_nothing() -> None:
    key = MacKey(RETAIL, RETAIL_KEY)
    encrypted = blocks_of(TripleDES(RETAIL_KEY + RETAIL_KEY[:8])).encryptor().update(bytes(8))
    assert key.kcv == encrypted[:3].hex().upper() == "08D7B4"
    other = MacKey(CMAC, AES_KEY)
    assert other.kcv == cmac_by_hand(AES_KEY, bytes(16))[:3].hex().upper()
    assert repr(MacKeys(key, key)) == (
        "MacKeys(current=MacKey(iso9797-1-alg3, kcv=08D7B4), previous=MacKey(iso9797-1-alg3, kcv=08D7B4))"
    )
    for one in (key, other):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(one)
        with pytest.raises(TypeError, match="not pickled"):
            copy.copy(one)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((algorithm, bytes(range(length))) for algorithm in MacAlgorithm for length in (0, 1, 8, 15, 17, 31, 33)),
        (RETAIL, bytes(range(24))),
        (RETAIL, RETAIL_KEY[:8] * 2),
        (RETAIL, RETAIL_KEY[:8] + bytes(byte ^ 1 for byte in RETAIL_KEY[:8])),  # parity bits are no part of a key
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(algorithm: MacAlgorithm, key: bytes) -> None:
    with pytest.raises(SettingsError) as caught:
        MacKey(algorithm, key)
    assert not key or key.hex() not in str(caught.value).lower()


# Messages.


@given(RULES, MESSAGES, NAMES)
def test_what_is_signed_is_valid_and_reads_as_before(rule: MacRule, message: Message, name: str) -> None:
    one = authenticator(rule, dialect=name)
    body = signed(one, message, dialect=name)
    assert one.verify(body) is Outcome.VALID
    read = CODECS[name].decode(body)
    number = 128 if max(message.elements) > 64 else 64
    value = read.elements.pop(number)
    assert read == message
    width = 16 if CODECS[name].dialect.binary is Coding.HEX else 8
    computed = MacKey(rule.algorithm, KEYS[rule.algorithm][0]).mac(body[:-width], rule.padding)
    assert value == computed[: rule.length] + bytes(8 - rule.length)


@given(RULES, MESSAGES, NAMES, st.data())
def test_one_flipped_bit_is_refused(rule: MacRule, message: Message, name: str, data: st.DataObject) -> None:
    one = authenticator(rule, dialect=name)
    body = signed(one, message, dialect=name)
    at = data.draw(st.integers(0, len(body) * 8 - 1))
    flipped = flip(body, at)
    dialect = CODECS[name].dialect
    page = "cp037" if dialect.text == "cp037" else "latin-1"
    width = 16 if dialect.binary is Coding.HEX else 8
    # Hex digits of the MAC itself may be small or capital, as the codec reads them: that changes no bit of the MAC.
    same_mac = flipped[-width:].decode(page).lower() == body[-width:].decode(page).lower()
    spelling = width == 16 and same_mac and flipped[:-width] == body[:-width]
    assert one.verify(flipped).accepted is spelling


def flip(body: bytes, at: int) -> bytes:
    return (int.from_bytes(body, "big") ^ 1 << at).to_bytes(len(body), "big")


@pytest.mark.parametrize("algorithm", MacAlgorithm)
def test_every_bit_and_every_truncation_counts(algorithm: MacAlgorithm) -> None:
    one = authenticator(MacRule(algorithm=algorithm))
    body = signed(one)
    assert {one.verify(flip(body, at)) for at in range(len(body) * 8)} == {Outcome.WRONG, Outcome.MISSING}
    assert {one.verify(body[:length]) for length in range(len(body))} == {Outcome.WRONG, Outcome.MISSING}
    head = 4 + 8  # message type and bitmap
    for length in range(head, head + 8):
        assert one.verify(body[:length]) is Outcome.MISSING
        with pytest.raises(EncodeError, match="no room for the MAC"):
            one.sign(body[:length])
    assert one.verify(body + b"\0") is Outcome.WRONG
    assert one.verify(b"\0" + body) is not Outcome.VALID


@given(st.binary(max_size=80), NAMES, st.sampled_from((None, keys_of(CMAC))))
def test_bytes_that_are_no_message_are_refused_and_raise_nothing(
    garbage: bytes, name: str, keys: MacKeys | None
) -> None:
    one = Authenticator(MacRule(algorithm=CMAC), keys, CODECS[name])
    assert not one.verify(garbage).accepted


@given(RULES, MESSAGES)
def test_an_overlap_accepts_both_keys_and_signs_with_the_current_one(rule: MacRule, message: Message) -> None:
    first, second = KEYS[rule.algorithm]
    old = authenticator(rule, keys=keys_of(rule.algorithm, first))
    new = authenticator(rule, keys=keys_of(rule.algorithm, second))
    both = authenticator(rule, keys=keys_of(rule.algorithm, second, first))
    assert both.verify(signed(new, message)) is Outcome.VALID
    assert both.verify(signed(old, message)) is Outcome.PREVIOUS
    assert signed(both, message) == signed(new, message)
    assert old.verify(signed(new, message)) is new.verify(signed(old, message)) is Outcome.WRONG


@pytest.mark.parametrize("length", [4, 8])
def test_no_forged_mac_of_many_is_accepted(length: int) -> None:
    one = authenticator(MacRule(algorithm=CMAC, length=length))
    covered = signed(one)[:-8]
    draw = random.Random(8583).randbytes
    accepted = sum(one.verify(covered + draw(length).ljust(8, b"\0")).accepted for _ in range(100_000))
    assert accepted == 0


def test_the_bytes_behind_a_short_mac_are_zero() -> None:
    one = authenticator(MacRule(algorithm=CMAC, length=4))
    body = signed(one)
    assert body.endswith(bytes(4))
    assert one.verify(body[:-4] + MacKey(CMAC, AES_KEY).mac(body[:-8])[4:8]) is Outcome.WRONG
    tight = Codec(ASCII.but("mac-tight", elements=(Element(64, "mac", Kind.B, FIXED, 4, Mask.SECRET),)))
    other = Authenticator(MacRule(algorithm=CMAC, length=4, elements=(64,)), keys_of(CMAC), tight)
    assert other.sign(tight.encode(other.with_room(MESSAGE)))[-4:] == body[-8:-4]


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_message_without_its_mac_is_missing_it(name: str) -> None:
    one = authenticator(MacRule(algorithm=CMAC, exempt=frozenset({"0800", "0810"})), dialect=name)
    codec = CODECS[name]
    bare = codec.encode(MESSAGE)
    assert one.verify(bare) is Outcome.MISSING
    with pytest.raises(EncodeError, match="no room for the MAC"):
        one.sign(bare)
    for mti in ("0800", "0801", "0810"):
        exempt = codec.encode(Message(mti, {11: "000001", 70: "301"}))
        assert one.verify(exempt) is Outcome.NOT_REQUIRED
        assert one.sign(exempt) == exempt
        assert 128 not in one.with_room(Message(mti, {11: "000001", 128: bytes(8)})).elements
    # What an exempt message carries is verified all the same.
    carried = codec.encode(Message("0800", {11: "000001", 70: "301", 128: bytes(8)}))
    assert one.verify(carried) is Outcome.WRONG
    assert one.verify(one.sign(carried)) is Outcome.VALID


def test_a_mac_that_is_not_the_last_element_is_none() -> None:
    one = authenticator(MacRule(algorithm=CMAC))
    middle = CODECS["mac-ascii"].encode(Message("0200", {11: "000001", 64: bytes(8), 100: "1"}))
    assert one.verify(middle) is Outcome.MISSING
    only = authenticator(MacRule(algorithm=CMAC, elements=(64,)))
    assert only.verify(signed(one, Message("0200", {11: "000001", 100: "1"}))) is Outcome.MISSING
    with pytest.raises(EncodeError, match=r"^100: stands behind"):
        only.with_room(Message("0200", {11: "000001", 100: "1"}))


def test_a_message_is_left_as_it_is_and_an_old_mac_gives_way() -> None:
    one = authenticator(MacRule(algorithm=CMAC))
    message = Message("0210", {11: "000001", 128: b"repeated"})
    assert one.with_room(message).elements == {11: "000001", 64: bytes(8)}
    assert message.elements == {11: "000001", 128: b"repeated"}


def test_behind_a_third_bitmap_only_its_own_last_element_can_hold_the_mac() -> None:
    codec = CODECS["mac-third"]
    message = Message("0200", {11: "000001", 130: "001"})
    usual = authenticator(MacRule(algorithm=CMAC), dialect="mac-third")
    assert usual.verify(codec.encode(message)) is Outcome.MISSING
    with pytest.raises(EncodeError):
        usual.with_room(message)
    last = authenticator(MacRule(algorithm=CMAC, elements=(64, 128, 192)), dialect="mac-third")
    assert last.verify(signed(last, message, dialect="mac-third")) is Outcome.VALID
    # Where it stands among the data, nobody knows the last element before the data are read.
    within = Codec(codec.dialect.but("mac-within", third=Third.IN_ELEMENT))
    one = Authenticator(MacRule(algorithm=CMAC), keys_of(CMAC), within)
    assert one.verify(within.encode(Message("0200", {11: "000001", 128: bytes(8), 130: "001"}))) is Outcome.MISSING


def test_the_header_is_covered_where_the_rule_says_so() -> None:
    one = authenticator(MacRule(algorithm=CMAC, covered=Covered.HEADER_AND_BODY))
    plain = authenticator(MacRule(algorithm=CMAC))
    body = signed(one, header=b"ISO025000055")
    assert one.verify(body, header=b"ISO025000055") is Outcome.VALID
    assert one.verify(body, header=b"ISO025000056") is one.verify(body) is Outcome.WRONG
    assert plain.verify(signed(plain, header=b"any"), header=b"other") is Outcome.VALID


def test_without_a_key_nothing_passes_and_nothing_is_signed() -> None:
    rule = MacRule(algorithm=CMAC, exempt=frozenset({"0800"}))
    body = signed(authenticator(rule))
    one = Authenticator(rule, None, CODECS["mac-ascii"])
    assert one.verify(body) is Outcome.NO_KEY
    assert one.verify(CODECS["mac-ascii"].encode(MESSAGE)) is Outcome.MISSING
    with pytest.raises(AuthenticationError, match="away"):
        signed(one)
    echo = Message("0800", {11: "000001", 70: "301"})
    assert one.verify(signed(one, echo)) is Outcome.NOT_REQUIRED
    assert {outcome for outcome in Outcome if outcome.accepted} == {
        Outcome.VALID,
        Outcome.PREVIOUS,
        Outcome.NOT_REQUIRED,
    }


def test_more_bitmaps_than_are_remembered_are_still_told_apart() -> None:
    one = authenticator(MacRule(algorithm=CMAC))
    body = signed(one)
    for bits in range(5000):
        one.verify(b"0200" + (bits << 1).to_bytes(8, "big") + bytes(20))
    assert len(one._lasts) <= 4096
    assert one.verify(body) is Outcome.VALID


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (MacRule(algorithm=CMAC, length=6), "4 or 8 bytes"),
        (MacRule(algorithm=RETAIL), "with a key of aes-cmac"),
        (MacRule(algorithm=CMAC, elements=()), "no element"),
        (MacRule(algorithm=CMAC, elements=(63,)), "element 63 of mac-ascii must be"),
        (MacRule(algorithm=CMAC, elements=(48,)), "element 48 of mac-ascii must be"),
        (MacRule(algorithm=CMAC, exempt=frozenset({"0801"})), "'0801' is no message type"),
        (MacRule(algorithm=CMAC, exempt=frozenset({"echo"})), "'echo' is no message type"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(rule: MacRule, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        Authenticator(rule, keys_of(CMAC), CODECS["mac-ascii"])


def test_an_element_without_room_or_made_of_parts_is_refused() -> None:
    parts = Element(64, "mac", Kind.B, FIXED, 8, Mask.SECRET, layout=BerTlv())
    with pytest.raises(SettingsError, match="element 64 of mac-parts must be plain bytes"):
        Authenticator(MacRule(algorithm=CMAC), keys_of(CMAC), Codec(ASCII.but("mac-parts", elements=(parts,))))
    tight = Codec(ASCII.but("mac-tight", elements=(Element(64, "mac", Kind.B, FIXED, 4, Mask.SECRET),)))
    with pytest.raises(SettingsError, match="element 64 of mac-tight has no room for 8 bytes"):
        Authenticator(MacRule(algorithm=CMAC), keys_of(CMAC), tight)
