"""The command line's choices: what a system offers for the settings of a connection."""

from __future__ import annotations

from pathlib import Path

from reconcile_app.cli_output import Output
from reconcile_app.composition import Composition


async def offers_job(data_dir: Path | None, output: Output, name: str) -> int:
    """Ask the system of a saved connection and print field: values."""
    session = Composition(data_dir).session
    view = session.connection(name)
    offers = await session.offers(view.connection.kind, view.connection.values, {}, name)
    output.json({"connection": name, "offers": {field: list(values) for field, values in offers.items()}})
    for field, values in offers.items():
        output.line(f"{field}: {', '.join(values) or 'nothing to choose from'}")
    return 0
