"""A desk with state: connections, a run, decisions, rules, undo and a push that goes through its stages. No network, no files."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from reconcile_app.core.changes import Status
from reconcile_app.core.errors import NotFound, PlanRefused
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.mapping import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.period import Period
from reconcile_app.core.plan import Plan
from reconcile_app.core.ports import CheckResult, ConnectorSpec, Progress, ProgressSink
from reconcile_app.core.run import Run
from reconcile_app.core.settings import CompareOptions, Limits
from reconcile_app.core.undo import UndoReview
from reconcile_app.services.desk import ConnectionView, Health, PushListener, PushView, RuleEffect, RunView, Suggestion
from tests.fakes.plans import open_op, planned_op, sample_change, sample_plan, saved_run
from tests.fakes.sample_run import CREATED, EARLIER, OPEN_PERIOD, PERIOD, build_run, sample_run
from tests.fakes.specs import ATRIA, AUTOTASK, checks_of, connection_view
from tests.fakes.undoing import sample_undo

__all__ = ["ATRIA", "AUTOTASK", "FakeDesk", "open_op", "sample_change", "sample_plan", "saved_run"]

class FakeDesk:
    """Implements ``services.desk.Desk``. Tests set ``fail`` (raised by the next call), ``gate`` (a reading waits for it) and
    ``coming`` (the run the next comparison brings); ``calls`` names every request in order."""

    def __init__(self, run: Run | None = None, *, connected: bool = True) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.fail: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.offered: dict[str, tuple[str, ...]] = {}
        self.push_gate: asyncio.Event | None = None
        self.coming: Run = run or sample_run()
        self.progress: list[Progress] = [
            Progress(side="billing", entity="invoice", rows=1240, page=1, pages=1, calls=4, calls_expected=4),
            Progress(side="psa", entity="contract units", rows=980, page=3, pages=7, calls=5, calls_expected=18),
        ]
        self.open: list[OpRecord] = []
        self.found_at_start: list[OpRecord] = []
        self.saved_runs: list[RunView] = []
        self.kept_notes: dict[str, str] = {}
        self.raised: dict[str, str] = {}
        self.secrets_note = ""
        self.journal_problems: tuple[str, ...] = ()
        self.recovery_words = ""
        self.undo_review: UndoReview | None = None
        self._run: Run | None = run
        self._past: list[tuple[str, Run]] = []
        self._future: list[tuple[str, Run]] = []
        self._views: dict[str, ConnectionView] = {}
        self._stopped = False
        if connected:
            self._views["atria"] = connection_view("atria", "atria", ATRIA, {"base_url": "https://atria.contoso.example"})
            self._views["autotask"] = connection_view("autotask", "autotask", AUTOTASK, {"zone_user": "api@contoso.example"})

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error

    # connections -------------------------------------------------------------------------------------------------------------

    def specs(self) -> tuple[ConnectorSpec, ...]:
        return (ATRIA, AUTOTASK)

    def connections(self) -> list[ConnectionView]:
        return list(self._views.values())

    def save_connection(self, name: str, kind: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._called("save_connection", name, kind, dict(values), tuple(secrets))
        spec = next(spec for spec in self.specs() if spec.key == kind)
        before = self._views[name].stored_secrets if name in self._views else frozenset()
        self._views[name] = replace(
            connection_view(name, kind, spec, values), health=Health.NOT_CHECKED, words="Not checked yet", checked=None, checks=(),
            stored_secrets=before | frozenset(secrets), sandbox="127.0.0.1" in values.get("base_url", ""))

    def remove_connection(self, name: str) -> None:
        self._called("remove_connection", name)
        del self._views[name]

    async def verify(self, name: str) -> ConnectionView:
        self._called("verify", name)
        if self.gate is not None:
            await self.gate.wait()
        view = self._views[name]
        checks = checks_of(view.connection.kind)
        limited = any(check.result is CheckResult.MISSING for check in checks)
        self._views[name] = replace(
            view, checks=checks, checked=CREATED, health=Health.LIMITED if limited else Health.OK,
            words="Connected · can read, cannot change contracts" if limited else "Connected")
        return self._views[name]

    async def offers(
        self, kind: str, values: Mapping[str, str], secrets: Mapping[str, str], name: str = ""
    ) -> Mapping[str, tuple[str, ...]]:
        self._called("offers", kind, dict(values), tuple(secrets), name)
        if self.gate is not None:
            await self.gate.wait()
        return self.offered

    def set_health(self, name: str, health: Health, words: str) -> None:
        """Change a light from outside."""
        self._views[name] = replace(self._views[name], health=health, words=words)

    async def periods(self, billing: str) -> list[Period]:
        self._called("periods", billing)
        return [OPEN_PERIOD, PERIOD, EARLIER]

    # comparing ---------------------------------------------------------------------------------------------------------------

    async def compare(self, billing: str, psa: str, options: CompareOptions, progress: ProgressSink) -> Run:
        self._called("compare", billing, psa, options)
        for step in self.progress:
            progress(step)
            await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        self._run = replace(self.coming, basis=replace(self.coming.basis, options=options))
        return self._run

    async def recheck(self, customers: Collection[str], progress: ProgressSink) -> Run:
        self._called("recheck", tuple(customers))
        progress(self.progress[0])
        if self.gate is not None:
            await self.gate.wait()
        return self._now()

    @property
    def run(self) -> Run | None:
        return self._run

    def _now(self) -> Run:
        if self._run is None:
            raise NotFound("There is no comparison yet.", next_step="Press Compare.")
        return self._run

    async def open_run(self, run_id: str) -> Run:
        self._called("open_run", run_id)
        self._run = self.coming
        return self._run

    def runs(self) -> list[RunView]:
        return list(self.saved_runs)

    async def evidence(self, row_key: str) -> pd.DataFrame:
        self._called("evidence", row_key)
        await asyncio.sleep(0)
        return pd.DataFrame({
            "user": ["Ana Ortiz", "Ben Yates", "<b>Chris</b>"], "service": ["Hosted Exchange"] * 3, "plan": ["Advanced"] * 3,
            "action": ["Added", "", "Removed"], "from": ["2026-11-02", "2026-10-26", "2026-10-26"],
            "until": ["", "", "2026-11-14"], "by": ["admin@contoso.example", "", "admin@contoso.example"],
            "share": ["80", "100", "65"],
        }, dtype="string")

    def line_history(self, row_key: str) -> pd.DataFrame:
        self._called("line_history", row_key)
        return pd.DataFrame({
            "time": pd.Series(["2026-09-27 08:10", "2026-10-27 08:14", "2026-11-27 08:15"], dtype="string"),
            "run_id": pd.Series(["20260927-081000-aa", "20261027-081400-bb", "20261127-081500-3f"], dtype="string"),
            "period_end": pd.Series(["2026-09-25", "2026-10-25", "2026-11-25"], dtype="string"),
            "billed": pd.Series([80_000, 100_000, 120_000], dtype="Int64"),
            "contract": pd.Series([80_000, 80_000, 100_000], dtype="Int64"),
            "pushed": pd.Series([None, 100_000, None], dtype="Int64"),
            "result": pd.Series(["equal", "written and confirmed", "compared"], dtype="string"),
        })

    def notes(self) -> dict[str, str]:
        return dict(self.kept_notes)

    def save_note(self, key: str, text: str) -> None:
        self._called("save_note", key, text)
        self.kept_notes.pop(key, None)
        if text:
            self.kept_notes[key] = text

    async def alarms(self) -> dict[str, str]:
        return dict(self.raised)

    # mapping and decisions ---------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> MappingRules:
        return self._run.basis.rules if self._run is not None else MappingRules()

    def _rebuilt(self, words: str, frame: pd.DataFrame, rules: MappingRules | None = None) -> Run:
        before = self._now()
        self._past.append((words, before))
        self._future.clear()
        run = build_run(frame, before.run_id, rules or before.basis.rules)
        self._run = replace(run, basis=replace(run.basis, options=before.basis.options))
        return self._run

    async def decide(self, keys: Collection[str], selected: bool) -> Run:
        self._called("decide", tuple(keys), selected)
        await asyncio.sleep(0)
        frame = self._now().rows.copy()
        frame.loc[frame["key"].isin(list(keys)) & frame["selectable"], "selected"] = selected
        return self._rebuilt(f"{'tick' if selected else 'untick'} {len(keys)} lines", frame)

    async def ignore(self, rules: Sequence[IgnoreRule]) -> Run:
        self._called("ignore", tuple(rules))
        frame, keys = self._now().rows.copy(), [rule.key for rule in rules]
        hit = frame["key"].isin(keys)
        frame.loc[hit, "status"] = Status.IGNORED.value
        frame.loc[hit, ["selected", "selectable"]] = False
        frame.loc[hit, "codes"] = pd.NA
        merged = {**self.rules.ignores, **{rule.key: rule for rule in rules}}
        return self._rebuilt(f"ignore {len(rules)} lines", frame, replace(self.rules, ignores=merged))

    async def unignore(self, keys: Collection[str]) -> Run:
        self._called("unignore", tuple(keys))
        frame = self._now().rows.copy()
        original = self.coming.rows.set_index("key").loc[frame["key"]].reset_index()
        hit = frame["key"].isin(list(keys))
        frame.loc[hit, "status"] = original["status"].replace("ignored", "raise")[hit]
        frame.loc[hit, "codes"] = original["codes"][hit]
        left = {key: rule for key, rule in self.rules.ignores.items() if key not in set(keys)}
        return self._rebuilt("lift ignore rules", frame, replace(self.rules, ignores=left))

    async def mark_waiting(self, customer_code: str, field: str) -> Run:
        self._called("mark_waiting", customer_code, field)
        waiting = {code: name for code, name in self.rules.waiting.items() if code != customer_code}
        if field:
            waiting[customer_code] = field
        return self._rebuilt("waiting for reprocess", self._now().rows, replace(self.rules, waiting=waiting))

    async def map_customer(self, rule: CustomerRule) -> Run:
        self._called("map_customer", rule)
        frame = self._now().rows.copy()
        hit = (frame["customer_code"] == rule.customer_code) & (frame["status"] == Status.BLOCKED.value)
        frame.loc[hit, "status"] = Status.ADD.value
        frame.loc[hit, "codes"] = pd.NA
        frame.loc[hit, "company_id"] = rule.company_id
        frame.loc[hit, "selectable"] = True
        customers = {**self.rules.customers, rule.customer_code: rule}
        return self._rebuilt(f"map {rule.customer_code}", frame, replace(self.rules, customers=customers))

    async def map_product(self, rule: ProductRule) -> Run:
        self._called("map_product", rule)
        return self._rebuilt(f"map SKU {rule.sku}", self._now().rows,
                             replace(self.rules, products={**self.rules.products, rule.sku: rule}))

    async def map_line(self, rule: LineRule) -> Run:
        self._called("map_line", rule)
        return self._rebuilt(f"map a line of {rule.customer_code}", self._now().rows,
                             replace(self.rules, lines={**self.rules.lines, (rule.customer_code, rule.sku): rule}))

    async def unmap(self, rule: CustomerRule | ProductRule | LineRule) -> Run:
        self._called("unmap", rule)
        rules = self.rules
        return self._rebuilt("remove a mapping", self._now().rows, replace(
            rules, customers={k: v for k, v in rules.customers.items() if v != rule},
            products={k: v for k, v in rules.products.items() if v != rule},
            lines={k: v for k, v in rules.lines.items() if v != rule}))

    async def apply_decisions(self, path: Path) -> Run:
        self._called("apply_decisions", path)
        frame = self._now().rows.copy()
        frame["selected"] = False
        return self._rebuilt("decisions from a workbook", frame)

    async def set_options(self, options: CompareOptions) -> Run:
        self._called("set_options", options)
        frame = self._now().rows.copy()
        missing = frame["status"].isin([Status.MISSING.value, Status.ADD.value]) & (frame["codes"].fillna("") != "RC19")
        frame.loc[missing, "status"] = Status.ADD.value if options.allow_create else Status.MISSING.value
        frame.loc[missing, "selectable"] = options.allow_create
        run = self._rebuilt("change options", frame)
        self._run = replace(run, basis=replace(run.basis, options=options))
        return self._run

    async def undo(self) -> Run:
        self._called("undo")
        words, run = self._past.pop()
        self._future.append((words, self._now()))
        self._run = run
        return run

    async def redo(self) -> Run:
        self._called("redo")
        words, run = self._future.pop()
        self._past.append((words, self._now()))
        self._run = run
        return run

    @property
    def can_undo(self) -> str:
        return self._past[-1][0] if self._past else ""

    @property
    def can_redo(self) -> str:
        return self._future[-1][0] if self._future else ""

    async def companies(self) -> pd.DataFrame:
        return self._now().basis.psa.companies

    async def contracts_of(self, company_id: str) -> pd.DataFrame:
        frame = self._now().basis.psa.contracts
        return frame[frame["company_id"] == company_id].reset_index(drop=True)

    async def lines_of(self, contract_id: str) -> pd.DataFrame:
        frame = self._now().basis.psa.lines
        return frame[frame["contract_id"] == contract_id].reset_index(drop=True)

    def services(self) -> pd.DataFrame:
        return self._now().basis.psa.services

    def suggest_companies(self, customer_code: str, companies: pd.DataFrame) -> list[Suggestion]:
        return [
            Suggestion(target_id="174", target_name="ASP Ltd", score=100, exact=True, reason="same name after removing Ltd"),
            Suggestion(target_id="201", target_name="Birch & Rowe Dental", score=62, exact=False, reason="similar name"),
        ]

    def suggest_services(self, sku: str) -> list[Suggestion]:
        return [Suggestion(target_id="650", target_name="Hosted Exchange", score=90, exact=False, reason="similar description")]

    def effect(self, rule: CustomerRule | ProductRule | LineRule) -> RuleEffect:
        return RuleEffect(matched=3, lost=0, left=4)

    # pushing -----------------------------------------------------------------------------------------------------------------

    async def review(self, limits: Limits | None = None, customers: Collection[str] = ()) -> Plan:
        self._called("review", limits, *([tuple(customers)] if customers else []))
        await asyncio.sleep(0)
        chosen = self._now().rows[self._now().rows["selected"]]
        if customers:
            chosen = chosen[chosen["customer_code"].isin(list(customers))]
        if chosen.empty:
            raise PlanRefused("Nothing is selected.", meaning="Nothing was sent.", next_step="Tick the lines to write.")
        return sample_plan(chosen)

    async def push(self, plan: Plan, typed: str, listener: PushListener) -> PushView:
        self._called("push", plan.run_id, typed)
        self._stopped = False
        ops = [planned_op(plan, number, planned.change) for number, planned in enumerate(plan.changes)]
        stages = {op.op_id: "waiting" for op in ops}
        for place, op in enumerate(ops):
            if self._stopped:
                ops[place] = replace(op, state=OpState.CANCELLED)
                stages[op.op_id] = "stopped"
                continue
            for words in ("checking", "sending", "confirming"):
                stages[op.op_id] = words
                listener(PushView(plan=plan, ops=tuple(ops), stages=dict(stages), calls_left=500 - place * 3, result=""))
                await asyncio.sleep(0)
            if self.push_gate is not None:
                await self.push_gate.wait()
            ops[place] = replace(op, state=OpState.VERIFIED, quantity_after=op.change.quantity_target)
            stages[op.op_id] = "done"
        return PushView(plan=plan, ops=tuple(ops), stages=stages, calls_left=400, result="finished")

    async def review_undo(self, run_id: str, limits: Limits | None = None, customers: Collection[str] = ()) -> UndoReview:
        self._called("review_undo", run_id)
        await asyncio.sleep(0)
        if self._run is None:
            self._run = self.coming
        return self.undo_review or sample_undo()

    async def stop_push(self) -> None:
        self._called("stop_push")
        self._stopped = True

    async def open_ops(self) -> list[OpRecord]:
        return list(self.open)

    async def close_op(self, op_id: str, applied: bool, reason: str) -> None:
        self._called("close_op", op_id, applied, reason)
        self.open = [op for op in self.open if op.op_id != op_id]

    async def recover(self) -> list[OpRecord]:
        self._called("recover")
        return list(self.found_at_start)

    async def export(self, path: Path) -> Path:
        self._called("export", path)
        await asyncio.sleep(0)
        return path
