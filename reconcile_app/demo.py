"""The operator's month without a window, on sample data: a story whose one Excel log holds every kind of case."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from reconcile_app.cli_jobs import print_run, select_exactly
from reconcile_app.cli_output import Output
from reconcile_app.core.amounts import format_amount
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import WrongUse
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule
from reconcile_app.core.settings import CompareOptions
from reconcile_app.sample import BILLING, SampleData, psa_kinds
from reconcile_app.sandbox.remote import Bystanders

WORKBOOK = "reconcile-demo.xlsx"

_OPTIONS = CompareOptions(allow_create=True, overwrite_cost=True)
_CREDIT = "Credit for a returned server; settled with an invoice of its own."


async def run_headless(out: Path, output: Output, psa: str = "") -> int:
    """Push a line, let others work, compare, mend and decide, push, export.

    Args:
        out: the folder of the Excel log.
        output: where the story is told.
        psa: the kind of PSA it happens in; the first that the sandbox offers when left out.

    Returns:
        0 done; 1 done, and some lines of the sample data need a person, as they are meant to.

    Raises:
        WrongUse: the sandbox has no such PSA.
    """
    data = await asyncio.to_thread(SampleData)
    try:
        offered = psa_kinds(data.settings)
        if psa and psa not in offered:
            raise WrongUse(f"The sandbox has no PSA {psa[:40]!r}.", next_step=f"Use one of: {', '.join(offered)}.")
        return await _Month(data, output, psa or offered[0]).tell(out)
    finally:
        await asyncio.to_thread(data.close)


class _Month:
    """The story, step by step. The customers are those of the sandbox's demo."""

    def __init__(self, data: SampleData, output: Output, psa: str) -> None:
        self._session = data.composition.session
        self._psa = psa
        self._title_of_psa, self._contract = next(
            (spec.title, spec.vocabulary.get("contract", "contract")) for spec in self._session.specs() if spec.key == psa
        )
        self._operator = data.composition.operator
        self._today = data.composition.clock.today()
        self._others = Bystanders(data.settings, psa)
        self._output = output

    async def tell(self, out: Path) -> int:
        """All of it."""
        await self._earlier()
        self._title(f"3. Compare Atria with {self._title_of_psa} (sample data on this computer).")
        run = await self._compare()
        print_run(self._output, run)
        run = await self._decide(run)
        result = await self._push(run)
        self._title("6. Keep the log, and compare again.")
        self._say(f"Excel log: {await self._session.export(out / WORKBOOK)}")
        again = (await self._compare()).summary
        self._say(f"{again.equal} of {again.rows} lines are equal now; {again.blocked} still need a person.")
        return 1 if again.blocked or result != "finished" else 0

    async def _earlier(self) -> None:
        self._output.line("1. Some days ago: compare, map a customer by hand, push one line.")
        run = await self._compare()
        own = run.rows[(run.rows["customer_code"] == "IRON").to_numpy(dtype=bool)].iloc[0]
        rule = CustomerRule(customer_code="IRON", company_id=own["company_id"], contract_id=own["contract_id"])
        run = await self._session.map_customer(rule)
        self._say(f"IRON is mapped to its {self._contract} {own['contract_name']}.")
        run = await select_exactly(self._session, run, [_row(run, "ASP", "602")["key"]])
        plan = await self._session.review()
        view = await self._session.push(plan, str(plan.totals.lines), lambda view: None)
        self._say(f"ASP, Hosted Exchange Advanced, 12 to 14: {view.message}.")

        self._title("2. Since then other people have worked in both systems.")
        before = run.basis.effective_date - timedelta(days=5)
        await asyncio.to_thread(self._others.adjust, _row(run, "ASP", "602")["line_id"], 1, before)
        await asyncio.to_thread(self._others.remove_contract, own["contract_id"])
        await asyncio.to_thread(self._others.damage_a_customer_record)
        self._say(f"{self._title_of_psa}: ASP's line was raised once more, and the {self._contract} of IRON was deleted.")
        self._say("Atria: the record of one customer comes damaged.")

    async def _compare(self) -> Run:
        run = await self._session.compare(BILLING, self._psa, _OPTIONS, self._output.progress)
        self._output.progress_done()
        return run

    async def _decide(self, run: Run) -> Run:
        self._title("4. Mend what can be mended here, and decide.")
        company = str(_row(run, "HARLEQ", "604")["company_id"])
        contracts = await self._session.contracts_of(company)
        first = contracts.sort_values("contract_id").iloc[0]
        await self._session.map_customer(CustomerRule(customer_code="HARLEQ", company_id=company, contract_id=first["contract_id"]))
        self._say(f"HARLEQ has several {self._contract}s (RC01): it belongs to {first['contract_name']}.")
        await self._session.mark_waiting("STONE", "Billing Identifier")
        self._say("STONE: its identifier was corrected in Atria; it waits for the reprocess there (RC11).")
        credit = IgnoreRule(key=_row(run, "NEGAT", "610")["key"], reason=_CREDIT, by=self._operator, created=self._today)
        await self._session.ignore([credit])
        self._say(f"NEGAT, Server Backup, is ignored: {_CREDIT}")
        line = _row(run, "CANTER", "605")
        await asyncio.to_thread(self._others.adjust, line["line_id"], 3, run.basis.effective_date)
        run = await self._session.recheck(["CANTER"], self._output.progress)
        self._output.progress_done()
        self._say("CANTER: a colleague says it is right now; checked again alone (RC14): " + _row(run, "CANTER", "605")["status"])
        self._say("ASP was changed after our push (RC17): left unticked until somebody has asked why (RC12).")
        self._say(f"IRON stays blocked until it is mapped again (RC06). {run.summary.blocked} lines are blocked in all.")
        return await self._session.decide([_row(run, "ASP", "602")["key"]], False)

    async def _push(self, run: Run) -> str:
        self._title("5. Push what is ticked, and set what is gone to zero.")
        gone = (run.rows["change"] == ChangeKind.ZERO_LINE.value).to_numpy(dtype=bool, na_value=False) & run.rows["selectable"]
        run = await select_exactly(self._session, run, run.rows.loc[run.rows["selected"] | gone, "key"].tolist())
        plan = await self._session.review()
        totals = plan.totals
        self._say(f"{totals.lines} lines, {totals.customers} customers, {format_amount(totals.money)} per period.")
        for reason in plan.confirm_reasons:
            self._say(f"Confirmed by typing {totals.lines}: {reason}")
        await asyncio.to_thread(self._others.adjust, _row(run, "FERN", "604")["line_id"], 2, run.basis.effective_date)
        self._say("While you read this, somebody changes FERN's line: it is not written over (RC20).")
        view = await self._session.push(plan, str(totals.lines), lambda view: None)
        self._say(view.message)
        return view.result

    def _title(self, text: str) -> None:
        self._output.line()
        self._output.line(text)

    def _say(self, text: str) -> None:
        self._output.line(f"   {text}")


def _row(run: Run, customer: str, sku: str) -> dict[str, str]:
    """The row of a customer's SKU, with its texts."""
    rows = run.rows
    wanted = (rows["customer_code"] == customer).to_numpy(dtype=bool) & (rows["sku"] == sku).to_numpy(dtype=bool, na_value=False)
    return {str(name): str(value) for name, value in rows[wanted].iloc[0].items()}
