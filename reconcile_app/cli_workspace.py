"""The workspace of the command line: setting a damaged one aside, how long data is kept, and deleting all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconcile_app.cli_output import Output
from reconcile_app.core.errors import WrongUse

commands = typer.Typer(help="What is kept on this computer: mappings, ticks, runs, journals.", no_args_is_help=True)


@commands.command("set-aside")
def set_aside(context: typer.Context) -> int:
    """Move a damaged workspace out of the way; the next start makes an empty one."""
    from reconcile_app.composition import Composition

    aside = Composition(context.obj).set_workspace_aside()
    output = Output()
    output.line(f"The damaged workspace is now {aside}.")
    output.line("The next start makes an empty one. Connections, secrets and the journals of pushes are untouched.")
    return 0


@commands.command("tidy")
def tidy(
    context: typer.Context,
    months: Annotated[int | None, typer.Option("--runs", help="Keep runs and what they pushed for so many months.")] = None,
    days: Annotated[int | None, typer.Option("--fetched", help="Keep what runs fetched for so many days.")] = None,
) -> int:
    """Delete what became too old. Numbers given here are remembered; what is not settled always stays."""
    from reconcile_app.composition import Composition

    keeping, gone = Composition(context.obj).tidy(months, days)
    output = Output()
    output.line(f"Kept: runs and pushes for {keeping.journal_months} months, fetched data for {keeping.snapshot_days} days.")
    output.line(f"Deleted: fetched data of {len(gone.snapshots)} runs, {len(gone.runs)} runs, {gone.pushes} pushes.")
    return 0


@commands.command("delete-everything")
def delete_everything(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete.")] = False,
    open_too: Annotated[bool, typer.Option("--open-too", help="Also when a change is not settled.")] = False,
) -> int:
    """Delete every file of this installation and every secret of its connections."""
    from reconcile_app.composition import Composition

    composition = Composition(context.obj)
    folder: Path = composition.paths.root
    if not yes:
        raise WrongUse(
            "Nothing was deleted.", f"This deletes all of {folder} and every secret of its connections, for good.",
            next_step="Export the Excel logs you need, then add --yes.",
        )
    composition.delete_everything(open_ones_too=open_too)
    Output().line(f"Everything in {folder} is deleted, and the secrets of its connections.")
    return 0
