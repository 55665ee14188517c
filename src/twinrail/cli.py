"""The command line: every verb's words and options; what it does is imported when it is called.

Exit codes: 0 well, 1 a difference, a threshold or a refusal, 2 a wrong call, 3 the environment (settings, database,
ports), 4 an engine that halted. Tables for people, `--json` for machines; nothing here prints a card number, an IBAN
or a key.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from twinrail import __version__
from twinrail.errors import DecodeError, EncodeError, SettingsError, StoreError, TwinrailError

if TYPE_CHECKING:
    from twinrail.settings import Settings  # pydantic takes 60 ms, and `--help` needs none of it

ENVIRONMENT_ERROR = 3


class _Flag:
    """A flag is what the parser made of it: typer would import pydantic, 100 ms, to learn that none was given."""

    def coerce(self, value: object, param: object, ctx: object) -> object:  # noqa: ARG002 - typer calls it so
        """Give the value as it is."""
        return value


_FLAG = _Flag()


class _Verbs(TyperGroup):
    """Verbs whose `--help` comes without the imports that only running them needs."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the options, flags among them with nothing to convert."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if param.is_flag:
                param._runtime_param = _FLAG  # noqa: SLF001 - made on first use otherwise, with pydantic
        return params


class _Booking(TyperCommand):
    """A verb with an amount: a negative one looks like an option and is told from a misspelt one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if getattr(error, "option_name", "")[1:2].isdigit():
                from twinrail.cli_operate import NOT_POSITIVE

                raise typer.BadParameter(NOT_POSITIVE, ctx=ctx, param_hint="AMOUNT") from None
            raise


app = typer.Typer(
    name="twinrail",
    cls=_Verbs,
    help="Issuer-side payment engine: ISO 8583 card messages and SEPA XML over one ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
account_app = typer.Typer(cls=_Verbs, help="Open, show and change accounts of a running engine.", no_args_is_help=True)
card_app = typer.Typer(cls=_Verbs, help="Open, show and change cards of a running engine.", no_args_is_help=True)
config_app = typer.Typer(cls=_Verbs, help="Look at the settings.", no_args_is_help=True)
dialect_app = typer.Typer(cls=_Verbs, help="List, show, check and import dialects.", no_args_is_help=True)
fuzz_app = typer.Typer(cls=_Verbs, help="Look for bytes that break a promise of the decoder.", no_args_is_help=True)
link_app = typer.Typer(cls=_Verbs, help="Look at links, and ask the networks behind them.", no_args_is_help=True)
profile_app = typer.Typer(cls=_Verbs, help="List, show and check link profiles.", no_args_is_help=True)
prove_app = typer.Typer(cls=_Verbs, help="Prove what is promised, with real processes.", no_args_is_help=True)
app.add_typer(account_app, name="account")
app.add_typer(card_app, name="card")
app.add_typer(config_app, name="config")
app.add_typer(dialect_app, name="dialect")
app.add_typer(fuzz_app, name="fuzz")
app.add_typer(link_app, name="link")
app.add_typer(profile_app, name="profile")
app.add_typer(prove_app, name="prove")

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="TWINRAIL_CONFIG", help="Settings file (TOML); defaults without one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")]
# Every verb, for the reference page; test and bench pass `--help` on to what they run.
VERBS = (
    *("", "serve", "demo", "send", "replay", "migrate", "doctor", "health", "config show"),
    *("decode", "diagnose", "diff", "redact", "convert", "sample"),
    *("fuzz frames", "prove kill"),
    *("account open", "account change", "account credit", "account show", "account list"),
    *("card open", "card change", "card show"),
    *("dialect list", "dialect show", "dialect check", "dialect import"),
    *("link list", "link ask", "link send"),
    *("profile list", "profile show", "profile check"),
)
PassOn = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def main() -> None:
    """Run the command line; what the environment gets wrong ends in one line and exit code 3."""
    try:
        app(prog_name="twinrail")
    except (SettingsError, StoreError) as error:
        _fail(str(error), ENVIRONMENT_ERROR)
    except (DecodeError, EncodeError) as error:
        _fail(str(error), 1)
    except TwinrailError as error:
        _fail(str(error), 1)
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        where = f": {error.filename}" if error.filename else ""
        remedy = ": see ./twinrail doctor" if isinstance(error, ConnectionError) else ""
        _fail(why + where + remedy, ENVIRONMENT_ERROR)


def _fail(text: str, code: int) -> None:
    print(f"twinrail: {text}", file=sys.stderr)
    sys.exit(code)


def _settings(config: Path | None) -> "Settings":
    import os

    from twinrail.settings import load_settings

    return load_settings(config, os.environ)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        print(f"twinrail {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(config: Config = None) -> None:
    """Run the engine until SIGTERM or Ctrl-C, then drain."""
    settings = _settings(config)
    from twinrail import assembly

    raise typer.Exit(assembly.serve(settings))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself: 0 when every expected answer came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything at work: a database, links, recorded card traffic, a payment file and an instant payment."""
    from twinrail import demo as demonstration

    raise typer.Exit(demonstration.run(once=once, as_json=as_json))


@app.command(context_settings=PassOn, add_help_option=False)
def test(context: typer.Context) -> None:
    """Run the test suite against an embedded PostgreSQL; arguments go to pytest."""
    from twinrail import cli_checkout

    cli_checkout.test(context.args)


@app.command(context_settings=PassOn, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure and print one table, peers beside us: bench [--json] [--list] [NAME...]."""
    from twinrail import cli_checkout

    cli_checkout.bench(context.args)


Source = Annotated[
    str, typer.Argument(help="Hex, a hex dump, base64, the name of a file, or - for standard input.", metavar="MESSAGE")
]
DialectName = Annotated[
    str | None,
    typer.Option("--dialect", help="Name of a dialect, or a dialect file (.toml); all are tried without it."),
]
FrameName = Annotated[str | None, typer.Option("--frame", help='Name of the frame around it, or "none".')]
HeaderName = Annotated[str | None, typer.Option("--header", help='Name of the header before it, or "none".')]
DialectFiles = Annotated[
    list[Path] | None, typer.Option("--dialect-file", help="File of a dialect that a profile speaks; repeat for more.")
]


@app.command()
def decode(
    source: Source,
    dialect: DialectName = None,
    frame: FrameName = None,
    header: HeaderName = None,
    as_json: AsJson = False,
) -> None:
    """Say what every element of an ISO 8583 message means, masked, and why it is read so; 1 where it is none."""
    from twinrail import cli_decode

    raise typer.Exit(cli_decode.run(source, dialect=dialect, frame=frame, header=header, as_json=as_json))


@app.command()
def diagnose(
    source: Source,
    dialect: DialectName = None,
    frame: FrameName = None,
    header: HeaderName = None,
    as_json: AsJson = False,
) -> None:
    """Say in plain words why a message does not read as believed, and what reads it; 0 where it reads."""
    from twinrail import cli_decode

    raise typer.Exit(cli_decode.run_diagnose(source, dialect=dialect, frame=frame, header=header, as_json=as_json))


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="A message, as for decode.")],
    b: Annotated[str, typer.Argument(help="Another one, in whatever dialect.")],
    ignore: Annotated[str, typer.Option(help="Elements that may differ, as in 7,11,37 or 55.9F26.")] = "",
    dialect: DialectName = None,
    frame: FrameName = None,
    header: HeaderName = None,
    as_json: AsJson = False,
) -> None:
    """Compare two messages, masked, composites opened; 1 where they differ."""
    from twinrail import cli_tools

    raise typer.Exit(
        cli_tools.run_diff(a, b, dialect=dialect, frame=frame, header=header, ignore=ignore, as_json=as_json)
    )


@app.command()
def redact(
    source: Source,
    dialect: DialectName = None,
    frame: FrameName = None,
    header: HeaderName = None,
) -> None:
    """Print a message without its cardholder data, as hex that still decodes; 1 where that cannot be sure.

    What was replaced is said on standard error.
    """
    from twinrail import cli_tools

    raise typer.Exit(cli_tools.run_redact(source, dialect=dialect, frame=frame, header=header))


@app.command()
def convert(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="DIALECT", help="Name of a dialect, or a dialect file (.toml).")],
    dialect: DialectName = None,
    frame: FrameName = None,
    header: HeaderName = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 where something cannot be carried.")] = False,
) -> None:
    """Print a message in another dialect, as hex: its card number is in it.

    Elements go by name; whatever cannot be carried is said on standard error, and so is what had to change.
    """
    from twinrail import cli_tools

    raise typer.Exit(cli_tools.run_convert(source, to=to, dialect=dialect, frame=frame, header=header, strict=strict))


@app.command()
def sample(
    mti: Annotated[str, typer.Argument(metavar="MTI", help="Message type, as in 0100.")],
    dialect: Annotated[str, typer.Option(help="Name of a dialect, or a dialect file (.toml).")] = "iso1987-ascii",
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="4=000000001000; may be repeated.")
    ] = None,
    frame: FrameName = None,
    header: HeaderName = None,
    as_json: AsJson = False,
) -> None:
    """Make up a plausible message with a published test card number: hex, or with --json what send reads."""
    from twinrail import cli_tools

    raise typer.Exit(
        cli_tools.run_sample(mti, dialect=dialect, given=given or [], frame=frame, header=header, as_json=as_json)
    )


@app.command()
def send(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the issuer listens.")],
    message: Annotated[Path, typer.Argument(help='JSON: {"mti": "0100", "elements": {"4": "000000001000", ...}}.')],
    expect: Annotated[
        list[str] | None, typer.Option("--expect", metavar="ELEMENT=VALUE", help="39=00; may be repeated.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Link profile of the address: a name, or a profile file (.toml).")
    ] = "card-1987",
    dialect_file: DialectFiles = None,
    timeout: Annotated[float, typer.Option(min=0.01, max=600, help="Seconds to wait for the reply.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Send one message, show request, reply and latency; 1 where an expectation fails or no reply comes.

    The values "auto" of elements 7, 11, 12, 13 and 37 are filled in.
    """
    from twinrail import cli_send

    raise typer.Exit(
        cli_send.run(
            address,
            message,
            expect=expect or [],
            profile=profile,
            timeout_s=timeout,
            as_json=as_json,
            dialects=dialect_file or [],
        )
    )


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="Recording (JSONL).")],
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the issuer listens.")],
    speed: Annotated[float, typer.Option(min=0.001, max=1_000_000, help="2 is twice as fast.")] = 1.0,
    report: Annotated[Path | None, typer.Option(help="Write the differences to this file as JSON.")] = None,
    profile_file: Annotated[
        list[Path] | None, typer.Option(help="File of a link profile that was recorded; repeat for more.")
    ] = None,
    dialect_file: DialectFiles = None,
    as_json: AsJson = False,
) -> None:
    """Play recorded traffic with its timing and compare the replies; 1 where they differ."""
    from twinrail import cli_send

    raise typer.Exit(
        cli_send.replay(
            recording,
            address,
            speed=speed,
            report=report,
            as_json=as_json,
            profiles=profile_file or [],
            dialects=dialect_file or [],
        )
    )


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the tables of the database up to this version."""
    from twinrail import cli_operate

    raise typer.Exit(cli_operate.migrate(_settings(config)))


@app.command()
def doctor(config: Config = None, as_json: AsJson = False) -> None:
    """Look at what the engine needs of this machine and name the remedies; 3 where something fails."""
    settings = _settings(config)
    from twinrail import doctor as examination

    raise typer.Exit(examination.run(settings, as_json=as_json))


@app.command()
def health(config: Config = None, as_json: AsJson = False) -> None:
    """Say whether the engine is alive and ready; 1 where it is not."""
    from twinrail import cli_operate

    raise typer.Exit(cli_operate.health(_settings(config), as_json=as_json))


@config_app.command("show")
def config_show(config: Config = None) -> None:
    """Print the settings in force as JSON, without the database's address."""
    print(_settings(config).model_dump_json(indent=2, exclude={"database_url"}))


@fuzz_app.command("frames")
def fuzz_frames(
    dialect: Annotated[
        str | None, typer.Option(help="Name of a dialect, or a dialect file (.toml); all are damaged without it.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=10**12, help="How many in all.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same frames.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the work.")] = 1,
    corpus: Annotated[Path, typer.Option(help="Folder for the frame that breaks a promise.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Damage synthetic messages and judge what the decoder makes of each; 1 where a promise is broken.

    Judged are the promises D1 to D9 of docs/how-to/fuzz.md; the frame is written to a file of the corpus folder.
    """
    from twinrail import cli_fuzz

    raise typer.Exit(
        cli_fuzz.frames(dialect=dialect, count=frames, seed=seed, jobs=jobs, corpus=corpus, as_json=as_json)
    )


@prove_app.command("kill")
def prove_kill(
    n: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How often.")] = 20,
    target: Annotated[str, typer.Option(help="engine or postgres.")] = "engine",
    as_json: AsJson = False,
) -> None:
    """Kill the engine or PostgreSQL under load and show that nothing acknowledged is lost or booked twice."""
    if target not in {"engine", "postgres"}:
        raise typer.BadParameter("engine or postgres", param_hint="--target")
    from twinrail import prove

    raise typer.Exit(prove.kill(n=n, target=target, as_json=as_json))


Id = Annotated[str, typer.Argument(help="Id of the account.")]
Currency = Annotated[str, typer.Option(help="ISO 4217 code, as in EUR.")]
Amount = Annotated[str | None, typer.Option(help='In major units, as in "1250.00".')]
Wait = Annotated[float, typer.Option("--wait", min=0.1, max=3600, help="Seconds to wait for the engine.")]
CommandId = Annotated[
    str | None, typer.Option("--command", help="Id of the command; the same id is never carried out twice.")
]


@account_app.command("open")
def account_open(
    account: Id,
    currency: Currency = "EUR",
    kind: Annotated[str, typer.Option(help="customer, settlement or suspense.")] = "customer",
    credit_limit: Amount = None,
    iban_file: Annotated[str | None, typer.Option(help="File with the IBAN, - for standard input.")] = None,
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Open an account; its IBAN comes from a file or standard input, never from the command line."""
    from twinrail import cli_operate

    settings = _settings(config)
    order = cli_operate.open_account(
        settings,
        account,
        currency=currency,
        kind=kind,
        credit_limit=credit_limit,
        iban_file=iban_file,
        command=command,
    )
    raise typer.Exit(cli_operate.carry_out(settings, order, wait_s=wait))


@account_app.command("change")
def account_change(
    account: Id,
    status: Annotated[str | None, typer.Option(help="open, blocked or closed.")] = None,
    credit_limit: Amount = None,
    currency: Currency = "EUR",
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Change an account's status or credit limit."""
    from twinrail import cli_operate

    order = cli_operate.change_account(
        account, status=status, credit_limit=credit_limit, currency=currency, command=command
    )
    raise typer.Exit(cli_operate.carry_out(_settings(config), order, wait_s=wait))


@account_app.command("credit", cls=_Booking)
def account_credit(
    account: Id,
    amount: Annotated[str, typer.Argument(help='In major units, as in "1250.00".')],
    source: Annotated[str, typer.Option("--from", help="Account that pays.")],
    currency: Currency = "EUR",
    text: Annotated[str, typer.Option(help="What the posting says.")] = "",
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Book an amount onto an account from another, by an operator's order."""
    from twinrail import cli_operate

    order = cli_operate.transfer(source, account, amount=amount, currency=currency, text=text, command=command)
    raise typer.Exit(cli_operate.carry_out(_settings(config), order, wait_s=wait))


@account_app.command("show")
def account_show(account: Id, config: Config = None, as_json: AsJson = False) -> None:
    """Show an account's balances as the database has them; 1 where there is none."""
    from twinrail import cli_operate

    raise typer.Exit(cli_operate.show_account(_settings(config), account, as_json=as_json))


@account_app.command("list")
def account_list(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Accounts at most.")] = 100,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List accounts by id."""
    from twinrail import cli_operate

    raise typer.Exit(cli_operate.list_accounts(_settings(config), limit=limit, as_json=as_json))


PanFile = Annotated[
    str | None, typer.Option("--pan-file", help="File with the card number, - for standard input; asked without it.")
]


@card_app.command("open")
def card_open(
    account: Id,
    expiry: Annotated[str, typer.Option(help="YYMM.")],
    pan_file: PanFile = None,
    amount_limit: Amount = None,
    currency: Currency = "EUR",
    status: Annotated[str, typer.Option(help="active or inactive.")] = "active",
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Issue a card on an account; its number comes from a file, standard input or a prompt."""
    from twinrail import cli_operate

    settings = _settings(config)
    order = cli_operate.open_card(
        settings,
        account,
        pan_file=pan_file,
        expiry=expiry,
        amount_limit=amount_limit,
        currency=currency,
        status=status,
        command=command,
    )
    raise typer.Exit(cli_operate.carry_out(settings, order, wait_s=wait))


@card_app.command("change")
def card_change(
    pan_file: PanFile = None,
    token: Annotated[str | None, typer.Option(help="The card's token instead of its number.")] = None,
    status: Annotated[str | None, typer.Option(help="active, inactive, frozen, lost, stolen or closed.")] = None,
    expiry: Annotated[str | None, typer.Option(help="YYMM.")] = None,
    amount_limit: Amount = None,
    currency: Currency = "EUR",
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Change a card's status, expiry or limit."""
    from twinrail import cli_operate

    settings = _settings(config)
    order = cli_operate.change_card(
        settings,
        pan_file=pan_file,
        token=token,
        status=status,
        expiry=expiry,
        amount_limit=amount_limit,
        currency=currency,
        command=command,
    )
    raise typer.Exit(cli_operate.carry_out(settings, order, wait_s=wait))


@card_app.command("show")
def card_show(
    pan_file: PanFile = None,
    token: Annotated[str | None, typer.Option(help="The card's token instead of its number.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show a card as the database has it; 1 where there is none."""
    from twinrail import cli_operate

    raise typer.Exit(cli_operate.show_card(_settings(config), pan_file=pan_file, token=token, as_json=as_json))


@dialect_app.command("list")
def dialect_list(as_json: AsJson = False) -> None:
    """List the dialects that are built in."""
    from twinrail import cli_dialect

    raise typer.Exit(cli_dialect.show_all(as_json=as_json))


@dialect_app.command("show")
def dialect_show(
    dialect: Annotated[str, typer.Argument(metavar="DIALECT", help="Name of a dialect, or a dialect file (.toml).")],
) -> None:
    """Print a dialect as a file, whole, whatever it builds on."""
    from twinrail import cli_dialect

    raise typer.Exit(cli_dialect.show(dialect))


@dialect_app.command("check")
def dialect_check(
    dialects: Annotated[list[str], typer.Argument(metavar="DIALECT...", help="Dialect files (.toml), or names.")],
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with dialects, and where; 1 where one of them does not load."""
    from twinrail import cli_dialect

    raise typer.Exit(cli_dialect.check(dialects, as_json=as_json))


@dialect_app.command("import")
def dialect_import(
    source: Annotated[str, typer.Argument(metavar="FILE", help="The foreign specification; - for standard input.")],
    name: Annotated[str, typer.Option(help="Name of the dialect.")],
    format_name: Annotated[
        str | None, typer.Option("--format", help="pyiso8583, moov or jpos; guessed without it.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write; standard output without it.")] = None,
) -> None:
    """Make a dialect of a pyiso8583, moov or jPOS specification; what had to be guessed goes to standard error.

    1 where something of it cannot be expressed, or where the dialect does not load as it stands.
    """
    from twinrail import cli_dialect

    raise typer.Exit(cli_dialect.bring_in(source, name=name, format_name=format_name, output=output))


@profile_app.command("list")
def profile_list(as_json: AsJson = False) -> None:
    """List the link profiles that are built in."""
    from twinrail import cli_profile

    raise typer.Exit(cli_profile.show_all(as_json=as_json))


@profile_app.command("show")
def profile_show(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Name of a profile, or a profile file (.toml).")],
    dialect_file: DialectFiles = None,
) -> None:
    """Print a link profile as a file, whole, whatever it builds on."""
    from twinrail import cli_profile

    raise typer.Exit(cli_profile.show(profile, dialect_file or []))


@profile_app.command("check")
def profile_check(
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE...", help="Profile files (.toml), or names.")],
    dialect_file: DialectFiles = None,
) -> None:
    """Say what is wrong with link profiles, and where; 1 where one of them cannot be used."""
    from twinrail import cli_profile

    raise typer.Exit(cli_profile.check(profiles, dialect_file or []))


NetworkName = Annotated[
    str, typer.Argument(metavar="NETWORK", help="Name of a link, or of the network of its profile.")
]


@link_app.command("list")
def link_list(config: Config = None, as_json: AsJson = False) -> None:
    """Say how the links of a running engine are, and which answers nobody waited for; 1 where no engine runs."""
    from twinrail import cli_link

    raise typer.Exit(cli_link.show(_settings(config), as_json=as_json))


@link_app.command("ask")
def link_ask(
    network: NetworkName,
    function: Annotated[str, typer.Argument(help="sign_on, sign_off or echo.")],
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Sign on to a network, sign off until the next sign-on, or test it with an echo, on each of its open links."""
    from twinrail import cli_link

    raise typer.Exit(cli_link.ask(_settings(config), network, function, command=command, wait_s=wait))


@link_app.command("send")
def link_send(
    network: NetworkName,
    mti: Annotated[str, typer.Argument(metavar="MTI", help="Message type, as in 0620.")],
    given: Annotated[
        list[str] | None, typer.Option("--set", help="NUMBER=VALUE of an element; only those that are public.")
    ] = None,
    command: CommandId = None,
    wait: Wait = 10.0,
    config: Config = None,
) -> None:
    """Owe a network a message: it is sent, and repeated as the profile says, until the network accepts it."""
    from twinrail import cli_link

    raise typer.Exit(cli_link.send(_settings(config), network, mti, given or [], command=command, wait_s=wait))
