"""The command line: the same services as the window, for schedulers, scripts and tests.

Exit status: 0 done; 1 done, something needs a person; 2 wrong use or settings; 3 a side could not be read; 4 nothing was pushed.
With ``--json -`` only JSON goes to standard output; progress and errors go to standard error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from reconcile_app import __version__, cli_workspace
from reconcile_app.cli_output import Output
from reconcile_app.core.errors import ReconcileError, WrongUse

T = TypeVar("T")

program = typer.Typer(
    name="reconcile-app",
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    no_args_is_help=False,
    help="Makes sure that what was provisioned is what gets invoiced.",
)
connections_commands = typer.Typer(help="List, add, remove and verify connections.", no_args_is_help=True)
runs_commands = typer.Typer(help="List and show saved runs.", no_args_is_help=True)
sandbox_commands = typer.Typer(help="The simulators: sample data, training and tests.", no_args_is_help=True)
program.add_typer(connections_commands, name="connections")
program.add_typer(runs_commands, name="runs")
program.add_typer(cli_workspace.commands, name="workspace")
program.add_typer(sandbox_commands, name="sandbox")

JsonFile = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write JSON to this file; - is standard output.")]
XlsxFile = Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="Write the Excel log.")]


def main() -> None:
    """Run the program and exit with its status."""
    try:
        status = program(standalone_mode=False)
    except ReconcileError as error:
        Output().error(error)
        sys.exit(error.exit_code)
    except typer.Exit as leaving:
        sys.exit(leaving.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - click's usage errors have no public family; everything else is raised again
        _usage_error(error)
    sys.exit(status if isinstance(status, int) else 0)


def _usage_error(error: Exception) -> None:
    """Wrong use is told in a line and ends with 2; anything else is a fault of the program and keeps its traceback."""
    show = getattr(error, "show", None)
    if show is None:
        raise error
    show()
    sys.exit(2)


@program.callback()
def start(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep everything in this folder instead of the user's own.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Open the window when no command is given."""
    context.obj = data_dir
    if version:
        sys.stdout.write(f"Reconcile {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from reconcile_app.opening import open_window

        raise typer.Exit(open_window(data_dir))


@program.command()
def demo(
    context: typer.Context,
    headless: Annotated[bool, typer.Option(help="Compare, push and export without a window.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the Excel log goes.")] = Path("demo-out"),
    psa: Annotated[str, typer.Option(metavar="KIND", help="With --headless: autotask or connectwise; default: the first.")] = "",
) -> int:
    """The whole job against the sandbox."""
    if headless:
        from reconcile_app.demo import run_headless

        return _wait(run_headless(out, Output(), psa))
    if psa:
        raise WrongUse("--psa goes with --headless.", next_step="In the window choose the connection at the top.")
    from reconcile_app.opening import open_window

    return open_window(context.obj, sample=True)


@program.command(hidden=True)
def smoke(context: typer.Context) -> int:
    """Open the window on sample data, paint it once, close it."""
    from reconcile_app.opening import open_window

    return open_window(None, sample=True, close_after_compare=True)


@connections_commands.command("list")
def connections_list(context: typer.Context, json_file: JsonFile = None) -> int:
    """Every configured connection."""
    from reconcile_app.composition import Composition

    views = Composition(context.obj).session.connections()
    output = Output(json_file)
    output.json(
        [
            {
                "name": view.connection.name,
                "kind": view.connection.kind,
                "values": dict(view.connection.values),
                "stored_secrets": sorted(view.stored_secrets),
                "sandbox": view.sandbox,
            }
            for view in views
        ]
    )
    output.table(
        ("Name", "System", "Settings", "Secrets stored"),
        [
            (
                view.connection.name,
                view.spec.title,
                ", ".join(f"{k}={v}" for k, v in view.connection.values.items()),
                ", ".join(sorted(view.stored_secrets)),
            )
            for view in views
        ],
        empty="There are no connections yet. Add one: reconcile-app connections add NAME --kind KIND",
    )
    return 0


@connections_commands.command("add")
def connections_add(
    context: typer.Context,
    name: str,
    kind: Annotated[str, typer.Option(help="atria, autotask, connectwise …")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A setting; may be given several times.")
    ] = None,
    secrets_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON object with the secrets, - for standard input; otherwise they are asked for."),
    ] = None,
) -> int:
    """Add or replace a connection; secrets are asked for and never shown."""
    from reconcile_app.composition import Composition

    session = Composition(context.obj).session
    values = dict(_pair(text) for text in set_ or ())
    spec = next((spec for spec in session.specs() if spec.key == kind), None)
    if spec is None:
        raise WrongUse(f"There is no connector {kind}.", f"Known: {', '.join(spec.key for spec in session.specs())}.")
    secrets = _secrets_file(secrets_from) if secrets_from else {}
    if not secrets_from and sys.stdin.isatty():
        for field in spec.fields:
            if field.secret:
                secrets[field.name] = typer.prompt(f"{field.label} (empty: keep)", default="", hide_input=True, show_default=False)
    session.save_connection(name, kind, values, secrets)
    output = Output()
    output.line(f"Saved {name}. Check it: reconcile-app connections verify {name}")
    if session.secrets_note and secrets:
        output.line(session.secrets_note)
    return 0


@connections_commands.command("remove")
def connections_remove(
    context: typer.Context, name: str, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> int:
    """Remove a connection, its secrets and its mappings."""
    from reconcile_app.composition import Composition

    session = Composition(context.obj).session
    if not yes and (not sys.stdin.isatty() or not typer.confirm(f"Remove {name}, its secrets and its mappings?")):
        raise WrongUse(f"{name} was not removed.", next_step="Add --yes to remove it.")
    session.remove_connection(name)
    Output().line(f"Removed {name}.")
    return 0


@connections_commands.command("verify")
def connections_verify(context: typer.Context, name: str, json_file: JsonFile = None) -> int:
    """Check every permission in one pass."""
    from reconcile_app.composition import Composition
    from reconcile_app.core.ports import CheckResult

    view = _wait(Composition(context.obj).session.verify(name))
    output = Output(json_file)
    output.json(
        {
            "connection": name,
            "health": view.health.value,
            "words": view.words,
            "checks": [
                {"name": c.name, "needed_for": c.needed_for, "result": c.result.value, "grant": c.grant, "detail": c.detail}
                for c in view.checks
            ],
        }
    )
    output.table(
        ("Permission", "Result", "Needed for", "What to grant, and where"),
        [(c.name, c.result.value, c.needed_for, " ".join(part for part in (c.grant, c.detail) if part)) for c in view.checks],
    )
    output.line(view.words)
    return 1 if any(check.result is CheckResult.MISSING for check in view.checks) else 0


@connections_commands.command("offers")
def connections_offers(context: typer.Context, name: str, json_file: JsonFile = None) -> int:
    """What the system offers for settings of a connection, such as names to choose from."""
    from reconcile_app.cli_offers import offers_job
    return _wait(offers_job(context.obj, Output(json_file), name))


@program.command()
def periods(context: typer.Context, billing: Annotated[str, typer.Option(metavar="NAME")], json_file: JsonFile = None) -> int:
    """The billing periods that the source knows, newest first."""
    from reconcile_app.composition import Composition

    found = _wait(Composition(context.obj).session.periods(billing))
    output = Output(json_file)
    output.json([{"start": period.start.isoformat(), "end": period.end.isoformat()} for period in found])
    output.table(("Start", "End"), [(period.start.isoformat(), period.end.isoformat()) for period in found])
    return 0


@program.command()
def compare(
    context: typer.Context,
    billing: Annotated[str, typer.Option(metavar="NAME", help="The billing source.")],
    psa: Annotated[str, typer.Option(metavar="NAME", help="The PSA.")],
    period: Annotated[str, typer.Option(help="Previous, Current or YYYY-MM-DD.")] = "Previous",
    customers: Annotated[str, typer.Option(metavar="A,B", help="Customer codes; empty: all.")] = "",
    allow_create: Annotated[bool, typer.Option("--allow-create", help="Create missing lines.")] = False,
    prorated: Annotated[bool, typer.Option("--prorated", help="Changes take effect today.")] = False,
    overwrite_cost: Annotated[
        bool, typer.Option("--overwrite-cost", help="Write the unit cost together with the quantity.")
    ] = False,
    effective_date: Annotated[str, typer.Option(metavar="DATE", help="An explicit effective date, YYYY-MM-DD.")] = "",
    zero_removed: Annotated[bool, typer.Option(help="Propose 0 for services that are gone since the previous period.")] = True,
    json_file: JsonFile = None,
    xlsx: XlsxFile = None,
) -> int:
    """Compare both sides and save the run."""
    from reconcile_app.cli_jobs import compare_job, options_from

    options = options_from(period, customers, effective_date, prorated, allow_create, overwrite_cost, zero_removed)
    return _wait(compare_job(context.obj, Output(json_file), billing, psa, options, xlsx))


@program.command()
def push(
    context: typer.Context,
    run: Annotated[str, typer.Option(metavar="ID", help="The run to push.")],
    select: Annotated[
        str,
        typer.Option(
            metavar="all|FILE",
            help="all: what the comparison pre-selected; a JSON list of row keys; or the Excel log (.xlsx) with edited decisions.",
        ),
    ] = "all",
    customers: Annotated[str, typer.Option(metavar="A,B", help="Only these customers.")] = "",
    include_zero: Annotated[bool, typer.Option("--include-zero", help="Also set removed services to zero.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    json_file: JsonFile = None,
    xlsx: XlsxFile = None,
) -> int:
    """Write the selected changes of a run."""
    from reconcile_app.cli_jobs import push_job

    return _wait(push_job(context.obj, Output(json_file), run, select, _codes(customers), include_zero, yes, xlsx))


@program.command()
def undo(
    context: typer.Context,
    run: Annotated[str, typer.Option(metavar="ID", help="The run whose newest push is undone, or one push by its id.")],
    customers: Annotated[str, typer.Option(metavar="A,B", help="Only these customers.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    json_file: JsonFile = None,
    xlsx: XlsxFile = None,
) -> int:
    """Take a finished push back, as far as nobody touched its lines since; without --yes only say what would be done."""
    from reconcile_app.cli_undo import undo_job

    return _wait(undo_job(context.obj, Output(json_file), run, _codes(customers), yes, xlsx))


@program.command()
def recover(context: typer.Context, json_file: JsonFile = None) -> int:
    """Settle what an interrupted push left in doubt. Writes nothing to the PSA."""
    from reconcile_app.cli_jobs import recover_job

    return _wait(recover_job(context.obj, Output(json_file)))


@runs_commands.command("list")
def runs_list(context: typer.Context, json_file: JsonFile = None) -> int:
    """Saved runs, newest first."""
    from reconcile_app.cli_jobs import list_runs

    return list_runs(context.obj, Output(json_file))


@runs_commands.command("show")
def runs_show(context: typer.Context, run_id: str, json_file: JsonFile = None) -> int:
    """A saved run as it was."""
    from reconcile_app.cli_jobs import show_run

    return _wait(show_run(context.obj, Output(json_file), run_id))


@program.command()
def export(context: typer.Context, file: Path, run: Annotated[str, typer.Option(metavar="ID")]) -> int:
    """Write the Excel log of a run."""
    from reconcile_app.cli_jobs import export_job

    return _wait(export_job(context.obj, Output(), run, file))


@sandbox_commands.command("serve")
def sandbox_serve(
    psa: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Which PSAs; default: all.")] = None,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="demo, empty, large or huge.")] = "demo",
    seed: int = 1,
    port: Annotated[int, typer.Option(help="The first port; 0: any.")] = 0,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="Append every committed write to this file.")] = None,
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", hidden=True, help="Also stop when standard input ends.")
    ] = False,
) -> int:
    """Serve the simulators on loopback until stopped; prints one JSON line with the addresses."""
    from reconcile_app.parent import input_end
    from reconcile_app.sandbox.server import serve

    ended = input_end() if until_input_ends else None
    try:
        serve(psas=tuple(psa) if psa else None, scenario=scenario, seed=seed, port=port, ledger_file=ledger, stop=ended)
    except (KeyError, ValueError) as error:
        raise WrongUse("The sandbox was not started.", str(error)) from error
    return 0


def _wait(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code.strip() for code in text.split(",") if code.strip())


def _pair(text: str) -> tuple[str, str]:
    field, found, value = text.partition("=")
    if not found:
        raise WrongUse(f"{text} is no FIELD=VALUE.", next_step="Write --set base_url=https://…")
    return field.strip(), value.strip()


def _secrets_file(path: str) -> dict[str, str]:
    try:
        told = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUse(
            "The secrets could not be read.", str(error), next_step="Give a JSON object with field names and values."
        ) from error
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise WrongUse("The secrets are no JSON object of texts.", next_step='Write {"token": "…"}.')
    return told
