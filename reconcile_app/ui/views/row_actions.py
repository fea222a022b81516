"""Which ways out a row has: from the kinds of its findings to the buttons that help, most helpful first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from reconcile_app.core.changes import Status
from reconcile_app.core.findings import Kind
from reconcile_app.ui.messages import NONE, Numbers, day_text, join, shown
from reconcile_app.ui.models.comparison_rows import STATUSES, ComparisonRows, amount, changed_words, field
from reconcile_app.ui.models.prepared import text_of

_MAP_WORDS = {"customer": "Map customer …", "product": "Map product …", "line": "Choose line …"}

_MAPS: dict[Kind, str] = {
    Kind.NO_BILLING_IDENTIFIER: "customer", Kind.COMPANY_NOT_FOUND: "customer", Kind.IDENTIFIER_SHARED: "customer",
    Kind.MAPPING_BROKEN: "customer", Kind.NO_CONTRACT: "contract", Kind.CONTRACT_AMBIGUOUS: "contract",
    Kind.CONTRACT_NOT_STARTED: "contract", Kind.CONTRACT_EXPIRED: "contract", Kind.NO_SKU: "product",
    Kind.SERVICE_NOT_FOUND: "product", Kind.SKU_NOT_VALID: "product", Kind.SERVICE_DUPLICATED: "line", Kind.LINE_MISSING: "line",
}
_CORRECTED: dict[Kind, str] = {
    Kind.NO_BILLING_IDENTIFIER: "Billing Identifier", Kind.COMPANY_NOT_FOUND: "Billing Identifier",
    Kind.IDENTIFIER_SHARED: "Billing Identifier", Kind.NO_SKU: "SKU", Kind.SKU_NOT_VALID: "SKU", Kind.SERVICE_NOT_FOUND: "SKU",
}
"""Findings that are mended in the billing source → the field that is corrected there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One finding of a row in words."""

    code: str
    title: str
    message: str
    resolution: str
    error: bool = False


def map_words(what: str, contract: str) -> str:
    """The label of the button that maps something; ``contract`` is what the PSA calls one."""
    return _MAP_WORDS.get(what, f"Choose {contract} …")


def maps_of(kinds: Iterable[Kind]) -> list[str]:
    """What mapping would help, in order of the findings."""
    return list(dict.fromkeys(_MAPS[kind] for kind in kinds if kind in _MAPS))


def map_target(rows: ComparisonRows, row: int, kinds: Iterable[Kind]) -> str:
    """What the key M maps for a row: what its findings ask for, otherwise the first thing that is missing."""
    wanted = maps_of(kinds)
    if wanted:
        return wanted[0]
    for name, target in (("company_id", "customer"), ("contract_id", "contract"), ("service_id", "product")):
        if not field(rows.run, row, name):
            return target
    return "line"


def corrected_field(kinds: Iterable[Kind]) -> str:
    """The field an operator may have corrected in the billing source, or empty."""
    return next((_CORRECTED[kind] for kind in kinds if kind in _CORRECTED), "")


def findings_of(rows: ComparisonRows, row: int) -> list[Told]:
    """What the log says about a row: its own entries, and those of its customer as a whole."""
    codes = set(rows.combos[rows.combo[row]])
    own = np.flatnonzero(rows.log_row == row).tolist()
    whole = rows.customer_log.get(field(rows.run, row, "customer_code"), [])
    told: dict[str, Told] = {}
    for entry in rows.run.log.iloc[[*own, *whole]].to_dict("records"):
        code, kind = text_of(entry["code"]), text_of(entry["kind"])
        if code not in told and (code in codes or kind == Kind.CHANGED_SINCE_PUSH):
            told[code] = Told(code=code, title="", message=text_of(entry["message"]), resolution=text_of(entry["resolution"]),
                              error=text_of(entry["level"]) == "Error")
    return list(told.values())


def row_words(rows: ComparisonRows, row: int, billing: str, psa: str, numbers: Numbers) -> str:
    """What a row says, what pushing it would do, and whether somebody changed it since our last push."""
    return f"{_status_words(rows, row, billing, psa, numbers)} {changed_words(rows, row, psa)}".strip()


def _status_words(rows: ComparisonRows, row: int, billing: str, psa: str, numbers: Numbers) -> str:
    status = STATUSES[rows.status[row]]
    billed, contract = (_quantity(rows, row, name, numbers) for name in ("billed_quantity", "contract_quantity"))
    both = f"{billing} bills {billed}, {psa} has {contract}."
    if status is Status.BLOCKED and amount(rows.run, row, "contract_quantity") is None:
        both = f"{billing} bills {billed}; which line in {psa} that belongs to is open."
    sentences = {
        Status.EQUAL: f"Both sides have {billed}. Nothing to do.",
        Status.ADD: f"{billing} bills {billed} and {psa} has no line. A push creates it.",
        Status.ZERO: f"{psa} has {contract}, {billing} billed it before and does not any more. A push sets it to 0.",
        Status.MISSING: f"{billing} bills {billed} and {psa} has no line. Creating lines is not allowed in this comparison.",
        Status.UNKNOWN: "A side could not be read completely. Unknown is not zero: nothing can be pushed.",
        Status.PSA_ONLY: f"{psa} has {contract}, and {billing} has no record of it.",
        Status.IGNORED: f"{both} {_ignored_words(rows, row)}",
    }
    if status in (Status.RAISE, Status.LOWER):
        return f"{both} {_push_words(rows, row, billed, numbers)}"
    return sentences.get(status, f"{both} It cannot be pushed before this is settled:")


def _push_words(rows: ComparisonRows, row: int, billed: str, numbers: Numbers) -> str:
    money = amount(rows.run, row, "money_difference")
    worth = f", {numbers.money(money, signed=True)} a month" if money is not None else ""
    units = numbers.signed(int(rows.units[row]))
    return f"A push sets it to {billed} ({units}{worth}) from {day_text(rows.run.basis.effective_date, rows.run.basis.today)}."


def _ignored_words(rows: ComparisonRows, row: int) -> str:
    rule = rows.run.basis.rules.ignores.get(rows.keys[row])
    if rule is None:
        return "Left alone on purpose."
    until = f" until {day_text(rule.until)}" if rule.until is not None else ""
    return f"Left alone{until} by {shown(rule.by, 60) or 'somebody'}: {shown(rule.reason, 200)}."


def _quantity(rows: ComparisonRows, row: int, name: str, numbers: Numbers) -> str:
    value = amount(rows.run, row, name)
    return "none" if value is None else numbers.fixed(value)


def identifiers(rows: ComparisonRows, row: int, vocabulary: Mapping[str, str]) -> list[tuple[str, str]]:
    """The ids of a row that exist, most useful first: what it is the id of, and the id."""
    names = (
        ("line_id", vocabulary.get("line", "line")), ("contract_id", vocabulary.get("contract", "contract")),
        ("company_id", vocabulary.get("company", "company")), ("service_id", vocabulary.get("service", "service")),
        ("billing_identifier", "billing identifier"), ("sku", "SKU"), ("customer_code", "customer code"),
    )
    found = [(word, field(rows.run, row, name)) for name, word in names]
    return [(word, value) for word, value in found if value and value != NONE]


def alarmed_rows(rows: ComparisonRows, alarms: Mapping[str, str]) -> list[tuple[str, str]]:
    """Row key and words for each line that an earlier write may have hit twice or late; a line without a row has an empty key."""
    if not alarms:
        return []
    frame = rows.run.rows
    places = np.flatnonzero(frame["line_id"].isin(list(alarms)).to_numpy(dtype=bool, na_value=False)).tolist()
    told = []
    for place in places:
        service = field(rows.run, place, "service_name") or field(rows.run, place, "description")
        name = join([field(rows.run, place, "customer_name"), service])
        told.append((rows.keys[place], f"{shown(name, 120)}: {shown(alarms[field(rows.run, place, 'line_id')])}"))
    known = {field(rows.run, place, "line_id") for place in places}
    return told + [("", f"Line {shown(line, 60)}: {shown(words)}") for line, words in alarms.items() if line not in known]
