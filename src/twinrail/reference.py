"""The pages of docs/reference that say what the code says: written by `python -m twinrail.reference docs/reference`.

A test compares the pages with what this module gives, so that neither can move without the other.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

from pydantic_core import PydanticUndefined

from twinrail.reference_profiles import profiles_page
from twinrail.schemas.reasons import CODES, GRANTED
from twinrail.settings import PREFIX, Section, Settings, section_of

_NOTE = "<!-- Written by `python -m twinrail.reference docs/reference`; edit the code, not this page. -->\n"
_COLUMNS = 100


def settings_page() -> str:
    """Give the page of all settings, section by section."""
    return "\n".join(
        [
            "# Settings",
            "",
            _NOTE,
            "Settings come from defaults, then the file named with `--config`, then the environment; the last wins.",
            f"In the environment a key is `{PREFIX}` and its path in capitals, two underscores between levels:",
            f"`store.retry_max_s` is `{PREFIX}STORE__RETRY_MAX_S`. Lists and tables are given as JSON there.",
            "Unknown keys are errors. Relative paths start at the working directory.",
            "",
            *_section("", Settings, "Everything that can be set."),
        ]
    )


def _section(path: str, section: type[Section], about: str) -> Iterator[str]:
    yield f"## {path or 'Top level'}"
    yield ""
    yield about
    yield ""
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    inner = []
    for name, field in section.model_fields.items():
        deeper = section_of(section, name)
        if deeper is not None:
            inner.append((f"{path}.{name}".removeprefix("."), deeper))
            continue
        # What a validator fills in has no default of its own, and its sentence says where it comes from.
        is_filled_in = (field.description or "").endswith("where not set.")
        default = _default(None if is_filled_in else field.default, required=field.is_required() and not is_filled_in)
        yield f"| `{name}` | {default} | {field.description} |"
    yield ""
    for deeper_path, deeper in inner:
        yield from _section(deeper_path, deeper, (deeper.__doc__ or "").strip())


def _default(value: object, *, required: bool) -> str:
    if required or value is PydanticUndefined:
        return "required"
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if isinstance(value, int | float) else f'`"{value}"`'


def reasons_page() -> str:
    """Give the page of all reasons and their names on every wire."""
    lines = [
        "# Reasons",
        "",
        _NOTE,
        "Every decision has one reason. This is what it is called on each wire unless a link profile says",
        "otherwise: DE39 of ISO 8583:1987, the action code of 1993 and the status reason code of ISO 20022.",
        "",
        "| reason | granted | DE39 | action code | ISO 20022 | in words |",
        "|---|---|---|---|---|---|",
    ]
    for reason, codes in CODES.items():
        granted = "yes" if reason in GRANTED else ""
        iso20022 = f"`{codes.iso20022}`" if codes.iso20022 else ""
        lines.append(f"| `{reason}` | {granted} | `{codes.de39}` | `{codes.action}` | {iso20022} | {codes.words} |")
    return "\n".join([*lines, ""])


def cli_page() -> str:
    """Give the page of all verbs, as their own help."""
    from typer.testing import CliRunner  # noqa: PLC0415 - only this page needs it

    from twinrail.cli import VERBS, app  # noqa: PLC0415 - likewise

    lines = [
        "# The command line",
        "",
        _NOTE,
        "`./twinrail VERB ...`. Exit codes: 0 well; 1 a difference, a threshold or a refusal; 2 a wrong call; 3 the",
        "environment (settings, database, ports, packages); 4 an engine that halted: fenced, or a batch refused.",
        "",
    ]
    for words in VERBS:
        arguments = words.split()
        shown = CliRunner().invoke(app, [*arguments, "--help"], prog_name="twinrail", terminal_width=_COLUMNS)
        text = "\n".join(line.rstrip() for line in shown.output.strip().splitlines())
        lines += [f"## {' '.join(['twinrail', *arguments])}", "", "```text", text, "```", ""]
    return "\n".join(lines)


PAGES: MappingProxyType[str, Callable[[], str]] = MappingProxyType(
    {
        "settings.md": settings_page,
        "reasons.md": reasons_page,
        "cli.md": cli_page,
        "profiles.md": lambda: profiles_page(_NOTE),
    }
)


def main() -> None:
    """Write all pages into the folder named on the command line."""
    folder = Path(sys.argv[1])
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
