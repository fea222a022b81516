"""The comparison on the desk: mapping fixes, ignore rules and ticks re-run it from what was fetched, without network.

Everything an operator decides here can be taken back with undo; a push cannot, and is not touched by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reconcile_app.core.basis import Basis, Run
from reconcile_app.core.decisions import DecisionSheet, taken_back
from reconcile_app.core.findings import CodeTable
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.run import assemble, with_decisions
from reconcile_app.core.settings import CompareOptions
from reconcile_app.services.stores import SnapshotStore, WorkspaceStore

K = TypeVar("K")
V = TypeVar("V")

_DEEPEST = 200
"""How many steps can be taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What undo restores, and the words for what was done after it."""

    words: str
    rules: MappingRules
    decisions: Mapping[str, bool]
    options: CompareOptions


class Workspace:
    """One run that is being worked on."""

    def __init__(self, store: WorkspaceStore, snapshots: SnapshotStore) -> None:
        self._store = store
        self._snapshots = snapshots
        self._run: Run | None = None
        self._codes: CodeTable = {}
        self._undo: list[_Decided] = []
        self._redo: list[_Decided] = []
        self._turn = asyncio.Lock()

    @property
    def run(self) -> Run | None:
        """The run on the desk."""
        return self._run

    @property
    def rules(self) -> MappingRules:
        """The rules the run was made with."""
        return self._run.basis.rules if self._run else MappingRules()

    @property
    def can_undo(self) -> str:
        """What undo would take back, in words; empty: nothing."""
        return self._undo[-1].words if self._undo else ""

    @property
    def can_redo(self) -> str:
        """What redo would do again, in words; empty: nothing."""
        return self._redo[-1].words if self._redo else ""

    async def lay_out(self, basis: Basis, codes: CodeTable, *, keep_history: bool = False, kept: bool = False) -> Run:
        """Make a run of what was fetched and put it on the desk. ``kept``: it was just read from where runs are kept."""
        async with self._turn:
            run = await asyncio.to_thread(assemble, basis, codes, self._run)
            if not kept:
                await asyncio.to_thread(self._snapshots.save, basis)
            self._run, self._codes = run, codes
            if not keep_history:
                self._undo.clear()
                self._redo.clear()
            return run

    async def map_customer(self, rule: CustomerRule) -> Run:
        """Say where a customer belongs."""
        return await self._rule(
            f"mapping of customer {rule.customer_code}",
            lambda rules: replace(rules, customers={**rules.customers, rule.customer_code: rule}),
        )

    async def map_product(self, rule: ProductRule) -> Run:
        """Say which service a SKU means."""
        return await self._rule(
            f"mapping of SKU {rule.sku}", lambda rules: replace(rules, products={**rules.products, rule.sku: rule})
        )

    async def map_line(self, rule: LineRule) -> Run:
        """Say which line one customer's SKU belongs to."""
        key = (rule.customer_code, rule.sku)
        return await self._rule(
            f"mapping of SKU {rule.sku} of {rule.customer_code}", lambda rules: replace(rules, lines={**rules.lines, key: rule})
        )

    async def unmap(self, rule: CustomerRule | ProductRule | LineRule) -> Run:
        """Take a mapping back."""
        if isinstance(rule, CustomerRule):
            code = rule.customer_code
            return await self._rule(
                f"unmapping of customer {code}", lambda rules: replace(rules, customers=_without(rules.customers, [code]))
            )
        sku = rule.sku
        if isinstance(rule, ProductRule):
            return await self._rule(
                f"unmapping of SKU {sku}", lambda rules: replace(rules, products=_without(rules.products, [sku]))
            )
        key = (rule.customer_code, sku)
        return await self._rule(
            f"unmapping of SKU {sku} of {rule.customer_code}", lambda rules: replace(rules, lines=_without(rules.lines, [key]))
        )

    async def ignore(self, rules: Sequence[IgnoreRule]) -> Run:
        """Leave rows alone on purpose."""
        added = {rule.key: rule for rule in rules}
        return await self._rule(f"ignoring {_rows(len(added))}", lambda known: replace(known, ignores={**known.ignores, **added}))

    async def unignore(self, keys: Collection[str]) -> Run:
        """Look at rows again."""
        return await self._rule(f"lifting {_rows(len(keys))}", lambda rules: replace(rules, ignores=_without(rules.ignores, keys)))

    async def mark_waiting(self, customer_code: str, field: str) -> Run:
        """Say that an identifier or SKU was changed in the billing source; an empty field clears it."""
        told = {customer_code: field} if field else {}
        return await self._rule(
            f"waiting mark of {customer_code}",
            lambda rules: replace(rules, waiting={**_without(rules.waiting, [customer_code]), **told}),
        )

    async def decide(self, keys: Collection[str], selected: bool) -> Run:
        """Tick or untick rows."""
        async with self._turn:
            run, words = self._required(), f"{'ticking' if selected else 'unticking'} {_rows(len(keys))}"
            wanted = {**run.basis.decisions, **dict.fromkeys(keys, selected)}
            return await self._done(words, run.basis, with_decisions(run, wanted))

    async def take_back(self, sheet: DecisionSheet) -> Run:
        """Tick and untick as an edited Excel log says.

        Raises:
            PlanRefused: it belongs to another comparison.
        """
        async with self._turn:
            run = self._required()
            told = await asyncio.to_thread(taken_back, run, sheet)
            if not told:
                return run
            wanted = {**run.basis.decisions, **told}
            return await self._done(f"decisions of {_rows(len(told))} from a workbook", run.basis, with_decisions(run, wanted))

    async def set_options(self, options: CompareOptions) -> Run:
        """Change an option that needs no network."""
        async with self._turn:
            basis = self.basis
            return await self._done("change of options", basis, await self._assembled(replace(basis, options=options)))

    async def undo(self) -> Run:
        """Take the last decision back."""
        return await self._step(self._undo, self._redo)

    async def redo(self) -> Run:
        """Do the decision again that was taken back last."""
        return await self._step(self._redo, self._undo)

    async def replace_basis(self, basis: Basis) -> Run:
        """The same run from fresher data; decisions stay, and so does what can be undone."""
        return await self.lay_out(basis, self._codes, keep_history=True)

    async def _rule(self, words: str, change: Callable[[MappingRules], MappingRules]) -> Run:
        """Change the rules as they are kept now, which for an old run are not those it was made with."""
        async with self._turn:
            basis = self.basis
            kept = await asyncio.to_thread(self._store.rules, basis.billing.side.connection, basis.psa.side.connection)
            rules = replace(change(kept), version=kept.version + 1)
            return await self._done(words, replace(basis, rules=kept), await self._assembled(replace(basis, rules=rules)))

    async def _step(self, source: list[_Decided], other: list[_Decided]) -> Run:
        async with self._turn:
            if not source:
                return self._required()
            basis, back = self.basis, source[-1]
            same = replace(back.rules, version=basis.rules.version) == basis.rules
            # Built on the version that is shown: where another window has saved since, the store refuses instead of losing that.
            rules = basis.rules if same else replace(back.rules, version=basis.rules.version + 1)
            run = await self._assembled(replace(basis, rules=rules, decisions=back.decisions, options=back.options))
            await self._lay(run)
            other.append(_decided(source.pop().words, basis))
            return run

    async def _done(self, words: str, before: Basis, run: Run) -> Run:
        """A decision takes effect: it is kept, then shown, and can be taken back."""
        await self._lay(run)
        self._undo.append(_decided(words, before))
        del self._undo[:-_DEEPEST]
        self._redo.clear()
        return run

    async def _assembled(self, basis: Basis) -> Run:
        return await asyncio.to_thread(assemble, basis, self._codes, self._run)

    async def _lay(self, run: Run) -> None:
        """Keep a run, then put it on the desk: what could not be kept is not shown as done."""
        await asyncio.to_thread(self._keep, self.basis, run.basis)
        self._run = run

    def _keep(self, old: Basis, new: Basis) -> None:
        if old.rules is not new.rules:
            self._store.save_rules(new.billing.side.connection, new.psa.side.connection, new.rules)
        if old.decisions is not new.decisions:
            self._store.save_decisions(new.run_id, new.decisions)
        if old.rules is not new.rules or old.options is not new.options:
            # A run opens again as it was, and these belong to it.
            self._snapshots.save(new)

    @property
    def basis(self) -> Basis:
        """What the run on the desk was made of."""
        return self._required().basis

    def _required(self) -> Run:
        if self._run is None:
            raise LookupError("there is no run on the desk")
        return self._run


def _decided(words: str, before: Basis) -> _Decided:
    return _Decided(words=words, rules=before.rules, decisions=before.decisions, options=before.options)


def _without(mapping: Mapping[K, V], keys: Collection[K]) -> dict[K, V]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
