"""The Atria connector against the simulated Atria: whatever variant is switched on, the same is read."""

from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest

from reconcile_app.connectors.atria import Atria, build
from reconcile_app.core.ports import BuildContext, CheckResult
from reconcile_app.core.settings import Connection, Secret
from reconcile_app.sandbox.server import Sandbox
from tests.fakes.clock import VirtualClock

VARIANTS = [
    {"casing": "pascal"},
    {"nesting": "nested"},
    {"bill_to": "object"},
    {"envelope": "data"},
    {"envelope": "items"},
    {"envelope": "invoices"},
    {"absent": "missing"},
    {"absent": "empty"},
    {"duration": "one"},
    {"dates": "date"},
    {"dates": "zulu"},
    {"prefix": "double"},
    {"casing": "pascal", "nesting": "nested", "bill_to": "object", "envelope": "value", "absent": "missing", "prefix": "double"},
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("demo", seed=3, today=date(2026, 11, 26), psas=(), ticking=False) as running:
        yield running


async def connect(sandbox: Sandbox) -> Atria:
    given = dict(sandbox.settings["atria"])
    secrets = {name: Secret(value) for name, value in given.pop("secrets").items()}
    connection = Connection(name="atria", kind="atria", values={name: str(value) for name, value in given.items()}, secrets=secrets)
    return await build(connection, BuildContext(clock=VirtualClock(), progress=lambda told: None))


async def everything(sandbox: Sandbox) -> list[pd.DataFrame]:
    """All that the five calls give, in an order of its own."""
    atria = await connect(sandbox)
    try:
        periods = await atria.periods()
        lines = await atria.invoice(periods[1])
        assert lines.complete
        assert lines.rejected.empty
        code = str(lines.frame["customer_code"].iloc[0])
        tables = [
            (await atria.customers()).frame,
            lines.frame.drop(columns=["raw", "raw_quantity"]),
            await atria.summary(periods[1]),
            await atria.detail(periods[1], code),
            await atria.analysis(periods[1], code.lower()),
        ]
    finally:
        await atria.aclose()
    assert all(len(table) for table in tables)
    clean = [table.drop(columns=[name for name in ("start", "end", "actioned_at") if name in table]) for table in tables]
    return [table.sort_values(list(table.columns), ignore_index=True) for table in clean]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: " ".join(variant.values()))
async def test_every_variant_reads_the_same(sandbox: Sandbox, variant: dict[str, str]) -> None:
    usual = await everything(sandbox)
    sandbox.switch("atria", **variant)
    for before, after in zip(usual, await everything(sandbox), strict=True):
        pd.testing.assert_frame_equal(before, after)


async def test_the_summary_agrees_with_the_invoice(sandbox: Sandbox) -> None:
    """Invoice quantity of a customer and SKU is this month's count of its billable rows."""
    _, lines, summary, _, _ = await everything(sandbox)
    billable = summary[(summary["billable"] == "true").fillna(value=False)]
    counted = billable["quantity"].dropna().astype("Float64").sum()
    assert lines["quantity"].dropna().sum() / 10_000 == pytest.approx(float(counted))


async def test_the_check_is_all_green(sandbox: Sandbox) -> None:
    atria = await connect(sandbox)
    checks = await atria.check()
    assert CheckResult.MISSING not in {check.result for check in checks}
    assert "customers" in checks[-1].detail
    await atria.aclose()
