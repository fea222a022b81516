"""Questions to the desk that are answered at once, or that a page or dialog awaits itself. They change nothing.

Types of the desk are imported for annotations only: pandas must not be loaded before the first paint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from reconcile_app.core.mapping_rules import CustomerRule, LineRule, MappingRules, ProductRule

if TYPE_CHECKING:
    import pandas as pd

    from reconcile_app.core.findings import Code, CodeTable, Kind
    from reconcile_app.core.ports import ConnectorSpec
    from reconcile_app.core.run import Run
    from reconcile_app.services.desk import ConnectionView, Desk, RuleEffect, RunView, Suggestion


class Inquiry(QObject):
    """What is on the desk. ``operator`` signs ignore rules; ``today`` is injectable."""

    def __init__(self, desk: Desk, parent: QObject | None, operator: str, today: Callable[[], date] | None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._operator = operator
        self._today = today or (lambda: datetime.now().astimezone().date())

    @property
    def run(self) -> Run | None:
        """The comparison on the desk."""
        return self._desk.run

    @property
    def rules(self) -> MappingRules:
        """The mapping rules and ignore rules in force."""
        return self._desk.rules

    @property
    def can_undo(self) -> str:
        """What undo would take back, in words; empty: nothing."""
        return self._desk.can_undo

    @property
    def can_redo(self) -> str:
        """What redo would do again, in words; empty: nothing."""
        return self._desk.can_redo

    @property
    def secrets_note(self) -> str:
        """Empty, or why secrets are kept for this session only."""
        return self._desk.secrets_note

    @property
    def today(self) -> date:
        """The date of this computer."""
        return self._today()

    @property
    def operator(self) -> str:
        """Who is working here."""
        return self._operator

    def specs(self) -> tuple[ConnectorSpec, ...]:
        """Every kind of system that can be connected."""
        return self._desk.specs()

    def connections(self) -> list[ConnectionView]:
        """Every configured connection."""
        return self._desk.connections()

    def connection(self, name: str) -> ConnectionView | None:
        """The connection of this name."""
        return next((view for view in self._desk.connections() if view.connection.name == name), None)

    def codes(self) -> dict[str, Code]:
        """Code id → code, of the PSA of the current run and of this program."""
        return {code.id: code for code in self._code_table().values()}

    def kinds(self) -> dict[str, Kind]:
        """Code id → kind of finding, for the same codes."""
        return {code.id: kind for kind, code in self._code_table().items()}

    def _code_table(self) -> CodeTable:
        from reconcile_app.core.codes import RC_CODES

        psa = self.psa_spec
        return psa.every_code if psa is not None else RC_CODES

    @property
    def psa_spec(self) -> ConnectorSpec | None:
        """What the connector of the current run's PSA says about itself."""
        run = self._desk.run
        kind = run.basis.psa.side.kind if run is not None else ""
        return next((spec for spec in self._desk.specs() if spec.key == kind), None)

    def vocabulary(self, word: str) -> str:
        """The PSA's own word for ``company``, ``contract``, ``line`` or ``service``."""
        psa = self.psa_spec
        return psa.vocabulary.get(word, word) if psa is not None else word

    def company_url(self, company_id: str) -> str:
        """The https address of a company in the PSA's own pages, or empty where there is none."""
        run = self._desk.run
        view = self.connection(run.basis.psa.side.connection) if run is not None and company_id else None
        address = view.spec.company_url(view.connection, company_id) if view is not None else ""
        return address if address.startswith("https://") else ""

    async def runs(self) -> list[RunView]:
        """Every saved run, for the history."""
        return await asyncio.to_thread(self._desk.runs)

    async def companies(self) -> pd.DataFrame:
        """Every active company of the PSA."""
        return await self._desk.companies()

    async def contracts_of(self, company_id: str) -> pd.DataFrame:
        """The contracts of a company."""
        return await self._desk.contracts_of(company_id)

    async def lines_of(self, contract_id: str) -> pd.DataFrame:
        """The lines of a contract."""
        return await self._desk.lines_of(contract_id)

    def services(self) -> pd.DataFrame:
        """The catalogue of the PSA as the current run read it."""
        return self._desk.services()

    async def suggest_companies(self, customer_code: str, companies: pd.DataFrame) -> list[Suggestion]:
        """Likely companies of a customer, best first."""
        return await asyncio.to_thread(self._desk.suggest_companies, customer_code, companies)

    async def suggest_services(self, sku: str) -> list[Suggestion]:
        """Likely services of a SKU, best first."""
        return await asyncio.to_thread(self._desk.suggest_services, sku)

    async def effect(self, rule: CustomerRule | ProductRule | LineRule) -> RuleEffect:
        """What a rule would do before it is saved."""
        return await asyncio.to_thread(self._desk.effect, rule)
