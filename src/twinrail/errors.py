"""Everything that Twinrail raises, and the invariant check that stays on in production.

Three kinds of failure are never mixed: a refused instruction is a value (a `Reason`), bad input is a `DecodeError`,
`FrameError` or `SchemaError` raised by codecs and sessions, and a broken invariant is `InvariantBroken`.
No message here ever holds a field value: an error knows where, never what.
"""


class TwinrailError(Exception):
    """Root of all errors that Twinrail raises on purpose."""


class SettingsError(TwinrailError):
    """Settings that cannot be used; the text names the key and the remedy."""


class StoreError(TwinrailError):
    """The store cannot be used as it stands (wrong version, missing migration, fenced); the text names the remedy."""


class FrameError(TwinrailError):
    """Framing is lost on a link: the link has to be closed.

    `offset` counts bytes from the start of the frame; `hint` says which known framing would fit, if one does.
    """

    def __init__(self, problem: str, *, offset: int = 0, hint: str = "") -> None:
        super().__init__(f"{problem} at byte {offset}" + (f" ({hint})" if hint else ""))
        self.problem = problem
        self.offset = offset
        self.hint = hint


class DecodeError(TwinrailError):
    """Bytes that are not a message of the dialect.

    `path` names the element ("mti", "bitmap", "4", "55.9F02"), `offset` counts bytes from the start of the message,
    `element` is the number to report in a format error answer (0 where none applies), `partial` holds the elements
    read before the error, as `codecs.iso8583.Message` or None where not even the MTI could be read.
    """

    def __init__(self, problem: str, *, path: str, offset: int, element: int = 0, partial: object = None) -> None:
        super().__init__(f"{path}: {problem} at byte {offset}")
        self.problem = problem
        self.path = path
        self.offset = offset
        self.element = element
        self.partial = partial

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle without the partial message: it may hold cardholder data."""
        return (_rebuilt_decode_error, (self.problem, self.path, self.offset, self.element))


def _rebuilt_decode_error(problem: str, path: str, offset: int, element: int) -> DecodeError:
    return DecodeError(problem, path=path, offset=offset, element=element)


class EncodeError(TwinrailError):
    """A message that the dialect cannot carry: `path` names the element; the text never holds its value."""

    def __init__(self, problem: str, *, path: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.problem = problem
        self.path = path


class AuthenticationError(TwinrailError):
    """A message that cannot be given its MAC, since the key is away: it must not be sent."""


class SchemaError(TwinrailError):
    """An XML document that its schema or our intake rules refuse.

    `reason` is the ISO 20022 status reason code to answer with (FF01, CH16 ...), `line` the line in the document
    (0 where unknown), `path` the business path or element name.
    """

    def __init__(self, problem: str, *, reason: str = "FF01", line: int = 0, path: str = "") -> None:
        super().__init__(f"{problem}" + (f" at {path}" if path else "") + (f", line {line}" if line else ""))
        self.problem = problem
        self.reason = reason
        self.line = line
        self.path = path


class InvariantBroken(BaseException):
    """A defect of ours: stop answering, exit non-zero, recover from the store.

    Derived from BaseException so that no `except Exception` can swallow it.
    """


def check(condition: object, problem: str) -> None:
    """Raise InvariantBroken unless the condition holds; unlike `assert` this stays on under `python -O`."""
    if not condition:
        raise InvariantBroken(problem)
