"""What stands behind the window until the session is loaded: a desk with nothing on it."""

from __future__ import annotations

from typing import Any

from reconcile_app.core.mapping_rules import MappingRules


class StartingDesk:
    """Implements the parts of ``services.desk.Desk`` that an empty window asks for; anything else cannot be reached yet."""

    @property
    def run(self) -> None:
        """There is no comparison yet."""
        return

    @property
    def rules(self) -> MappingRules:
        """No rules."""
        return MappingRules()

    @property
    def can_undo(self) -> str:
        """Nothing to take back."""
        return ""

    @property
    def can_redo(self) -> str:
        """Nothing to do again."""
        return ""

    @property
    def secrets_note(self) -> str:
        """Nothing to tell."""
        return ""

    @property
    def journal_problems(self) -> tuple[str, ...]:
        """No journal was looked at."""
        return ()

    def specs(self) -> tuple[Any, ...]:
        """No connectors are loaded."""
        return ()

    def connections(self) -> list[Any]:
        """No connections are loaded."""
        return []

    def runs(self) -> list[Any]:
        """No runs are loaded."""
        return []

    def notes(self) -> dict[str, str]:
        """Nothing was written beside rows."""
        return {}

    async def alarms(self) -> dict[str, str]:
        """Nothing is watched."""
        return {}
