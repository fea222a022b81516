"""P7 and P8: the comparison itself, against one bare pandas merge of the same frames; and a mapping fix against all of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pandas as pd

from benchmarks.measure import Result, Scale, by_turns
from benchmarks.worlds import STRANGE_SKU, basis
from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.accounts import Known
from reconcile_app.core.basis import Basis, Run, prepare
from reconcile_app.core.compare import compare
from reconcile_app.core.findings import CodeTable
from reconcile_app.core.frames import BILLED_LINES
from reconcile_app.core.mapping import ways_of
from reconcile_app.core.mapping_rules import MappingRules, ProductRule
from reconcile_app.core.run import assemble

CODES: CodeTable = next(spec.codes for spec in CONNECTORS if spec.key == "autotask")


def merged(fetched: Basis) -> pd.DataFrame:
    """The billed lines of the selected period and the contract lines, joined by their own ids in one call."""
    return fetched.billing.lines.merge(
        fetched.psa.lines, how="outer", left_on=["billing_identifier", "sku"], right_on=["company_id", "service_id"]
    )


def all_merged(fetched: Basis) -> pd.DataFrame:
    """All three frames that a comparison lays side by side, joined by their own ids in two calls."""
    both = fetched.billing.lines.merge(fetched.billing.previous_lines, how="outer", on=["billing_identifier", "sku"])
    return both.merge(fetched.psa.lines, how="outer", left_on=["billing_identifier", "sku"], right_on=["company_id", "service_id"])


def p7(scale: Scale) -> Iterator[Result]:
    """The whole comparison, its growth, and the join alone."""
    taken = []
    for rows in scale.sizes:
        fetched = basis(rows)
        ours, reference = by_turns(partial(assemble, fetched, CODES), partial(all_merged, fetched), scale.times)
        taken.append(ours)
        note = "reference: bare pandas merge of the same three frames"
        yield Result(
            line="P7", what=f"compare {rows:,} lines of two periods", ours=ours, reference=reference, at_most=5.0, note=note
        )
        yield _one_period(fetched, rows, scale)
        yield _join(fetched, rows, scale)
    if len(taken) == 2:
        yield Result(
            line="P7",
            what=f"growth for {scale.sizes[1] // scale.sizes[0]} times the rows",
            ours=taken[1],
            reference=taken[0],
            at_most=12.0,
        )


def _one_period(fetched: Basis, rows: int, scale: Scale) -> Result:
    nothing = replace(fetched.billing, previous=None, previous_complete=False, previous_lines=BILLED_LINES.empty())
    alone = replace(fetched, billing=nothing)
    ours, reference = by_turns(partial(assemble, alone, CODES), partial(merged, alone), scale.times)
    note = "reference: one bare pandas merge"
    return Result(line="P7", what=f"compare {rows:,} lines of one period", ours=ours, reference=reference, at_most=5.0, note=note)


def _join(fetched: Basis, rows: int, scale: Scale) -> Result:
    prepared = prepare(fetched)
    known = Known(companies=prepared.offered.companies, contracts=prepared.offered.contracts, unread={}, claims=prepared.claims)
    ways = ways_of(prepared.billed, prepared.offered, known, fetched.rules, fetched.effective_date)
    ours, reference = by_turns(lambda: compare(fetched, prepared, ways), lambda: merged(fetched), scale.times)
    return Result(
        line="P7",
        what=f"the join alone, {rows:,}",
        ours=ours,
        reference=reference,
        at_most=1.0,
        note="datacompy is not installed; reference: bare pandas merge",
    )


def p8(scale: Scale) -> Iterator[Result]:
    """A SKU gets its service: everything after the fetch again, with both sides coded already."""
    for rows in scale.sizes:
        fetched = basis(rows)
        run: Run = assemble(fetched, CODES)
        rule = ProductRule(sku=STRANGE_SKU, service_id="600")
        mended = replace(fetched, rules=MappingRules(version=1, products={STRANGE_SKU: rule}))
        ours, reference = by_turns(partial(assemble, mended, CODES, run), partial(assemble, mended, CODES), scale.times)
        yield Result(
            line="P8", what=f"mapping fix, {rows:,}", ours=ours, reference=reference, at_most=0.5, note="reference: full comparison"
        )
