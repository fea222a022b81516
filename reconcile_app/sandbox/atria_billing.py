"""What Atria answers, computed from the processed layer so that all four calls agree.

For one period: this = carried + added, last = carried + removed, difference = this - last. What was added and removed within
one and the same period was there at neither end and gives no row. Quantities are ten-thousandths.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time

from reconcile_app.sandbox.atria_state import Assignment, Customer, Layer, Period, Plan, Rule, User

Wire = dict[str, object]
_DAY_END = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class BillRow:
    """One item of one period."""

    customer: Customer
    bill_to: Customer
    plan: Plan
    user: User | None
    instance: str | None
    sku: str | None
    billable: bool
    reason: str | None
    action: str
    actioned_at: datetime
    actioned_by: str
    start: datetime
    end: datetime
    quantity: int
    summary: str
    period: Period

    @property
    def line(self) -> str:
        """The detailed text."""
        return f"{self.user.full_name}, {self.summary}" if self.user else self.summary

    @property
    def counts(self) -> bool:
        """Whether it is there at the end of the period."""
        return self.action != "Removed"

    @property
    def duration(self) -> float:
        """Share of the period in which it was there, 0 to 1."""
        return ((self.end.date() - self.start.date()).days + 1) / self.period.days


def bill_rows(layer: Layer, period: Period) -> list[BillRow]:
    """Every item of a period, by customer, SKU, text and person."""
    rules = sorted((rule for rule in layer.rules if rule.valid_from <= period.end <= rule.valid_to), key=lambda rule: rule.order)
    first, last = datetime.combine(period.start, time()), datetime.combine(period.end, _DAY_END)
    rows = [
        _row(layer, assignment, rules, period, (first, last), action)
        for assignment in layer.assignments
        if (action := _action(assignment, first, last))
    ]
    rows.sort(key=lambda row: (row.customer.code, row.sku or "", row.summary, row.line))
    return rows


def _action(assignment: Assignment, first: datetime, last: datetime) -> str:
    """What happened to it in the period; empty when it belongs to no end of it."""
    start, end = assignment.start, assignment.end
    if start > last or (end is not None and end < first):
        return ""
    gone = end is not None and end <= last
    if start >= first:
        return "" if gone else "Added"
    return "Removed" if gone else "Carried"


def _row(
    layer: Layer, item: Assignment, rules: list[Rule], period: Period, bounds: tuple[datetime, datetime], action: str
) -> BillRow:
    customer, plan = layer.customers[item.customer], layer.plans[item.plan]
    sku = layer.skus.get((item.customer, item.plan), plan.sku)
    reason = None
    for rule in rules:
        if _matches(rule, customer, plan, item.user, sku):
            reason = rule.reason
    removed = action == "Removed" and item.end is not None
    first, last = bounds
    return BillRow(
        customer=customer,
        bill_to=layer.customers.get(customer.billed_by, customer),
        plan=plan,
        user=item.user,
        instance=item.instance,
        sku=sku,
        billable=reason is None,
        reason=reason,
        action=action,
        actioned_at=item.end if removed and item.end else item.start,
        actioned_by=item.removed_by if removed else item.added_by,
        start=max(item.start, first),
        end=min(item.end or last, last),
        quantity=item.quantity,
        summary=_summary(plan, item),
        period=period,
    )


def _summary(plan: Plan, item: Assignment) -> str:
    return f"{plan.service_name}, {item.instance}" if item.instance else plan.pattern


def _matches(rule: Rule, customer: Customer, plan: Plan, user: User | None, sku: str | None) -> bool:
    actual = {"plan": str(plan.id), "customer": customer.code, "customer_kind": customer.kind, "sku": (sku or "").strip()}
    if rule.field == "user":
        return user is not None and rule.value.lower() in user.principal_name.lower()
    return actual[rule.field] == rule.value


def number(amount: int) -> float:
    """A quantity as a JSON number with a decimal point."""
    return amount / 10_000


def count(amount: int) -> int | float:
    """A count as a JSON number: whole where it is whole."""
    return amount // 10_000 if amount % 10_000 == 0 else amount / 10_000


def _who(customer: Customer) -> Wire:
    return {"customerCode": customer.code, "customerName": customer.name, "customerAccountCode": customer.identifier or None}


def _payer(customer: Customer) -> Wire:
    return {
        "billToCustomerCode": customer.code,
        "billToCustomerName": customer.name,
        "billToCustomerAccountCode": customer.identifier or None,
    }


def _moment(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


def summary(rows: Iterable[BillRow], by_customer: bool) -> list[Wire]:
    """The period against the one before, per SKU and text, and per customer when asked."""
    totals: dict[tuple[str, str | None, bool, str], list[int]] = {}
    customers: dict[str, Customer] = {}
    for row in rows:
        code = row.customer.code if by_customer else ""
        customers[code] = row.customer
        cell = totals.setdefault((code, row.sku, row.billable, row.summary), [0, 0])
        cell[0] += row.quantity if row.action != "Added" else 0
        cell[1] += row.quantity if row.counts else 0
    nobody: Wire = {"customerCode": None, "customerName": None, "customerAccountCode": None}
    return [
        {
            **(_who(customers[code]) if by_customer else nobody),
            "productSku": sku,
            "billable": billable,
            "summaryGrouping": text,
            "lastMonthCount": count(last),
            "difference": count(this - last),
            "thisMonthCount": count(this),
        }
        for (code, sku, billable, text), (last, this) in totals.items()
    ]


def invoice(rows: Iterable[BillRow]) -> list[Wire]:
    """Billable rows that count, one per customer, SKU and summary text."""
    totals: dict[tuple[str, str | None, str], tuple[BillRow, int]] = {}
    for row in rows:
        if row.billable and row.counts:
            key = (row.customer.code, row.sku, row.summary)
            totals[key] = (row, row.quantity + (totals[key][1] if key in totals else 0))
    return [
        {
            **_who(row.customer),
            **_payer(row.bill_to),
            "sku": row.sku,
            "serviceCode": row.plan.service_code,
            "serviceName": row.plan.service_name,
            "lineDescription": row.summary,
            "quantity": number(quantity),
        }
        for row, quantity in totals.values()
    ]


def detail(rows: Iterable[BillRow]) -> list[Wire]:
    """Every item with what happened to it."""
    return [
        {
            **_who(row.customer),
            **_person(row),
            "sku": row.sku,
            "skuType": row.plan.level,
            "billable": row.billable,
            "overrideReason": row.reason,
            "lineDescription": row.line,
            "action": row.action,
            "actionedDate": _moment(row.actioned_at),
            "actionedBy": row.actioned_by,
            "startDate": _moment(row.start),
            "endDate": _moment(row.end),
        }
        for row in rows
    ]


def analysis(rows: Iterable[BillRow]) -> list[Wire]:
    """Every item with address and share of the period. What is gone at the end of the period has quantity 0."""
    return list(_analysis(rows))


def _analysis(rows: Iterable[BillRow]) -> Iterator[Wire]:
    for row in rows:
        customer = row.customer
        yield {
            **_who(customer),
            "address": customer.address or None,
            "city": customer.city or None,
            "state": None,
            "zipCode": customer.zip_code or None,
            "country": customer.country or None,
            "contactName": customer.contact_name or None,
            "contactEmail": customer.contact_email or None,
            "phone": None,
            **_payer(row.bill_to),
            **_person(row),
            "sku": row.sku,
            "lineDescription": row.line,
            "summaryDescription": row.summary,
            "billable": row.billable,
            "overrideReason": row.reason,
            "startDate": _moment(row.start),
            "endDate": _moment(row.end),
            "durationPercent": round(row.duration * 100, 2),
            "quantity": number(row.quantity if row.counts else 0),
        }


def _person(row: BillRow) -> Wire:
    return {
        "userFullName": row.user.full_name if row.user else None,
        "userPrincipalName": row.user.principal_name if row.user else None,
        "serviceCode": row.plan.service_code,
        "serviceName": row.plan.service_name,
        "servicePlanName": row.plan.name,
        "instanceName": row.instance,
    }
