"""The simulated Atria over HTTP: the billing calls, their description, the portal page and the provisioning interface."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

import msgspec

from reconcile_app.core.amounts import SCALE, parse_quantity
from reconcile_app.sandbox import atria_billing as billing
from reconcile_app.sandbox.atria_cortex import cortex_reply
from reconcile_app.sandbox.atria_state import AtriaState, Period
from reconcile_app.sandbox.atria_variants import shape, shape_object, swagger
from reconcile_app.sandbox.gate import Reply, Request, json_reply
from reconcile_app.sandbox.ledger import Origin
from reconcile_app.sandbox.moments import Moments
from reconcile_app.sandbox.simulator import Control, Order, Simulator
from reconcile_app.sandbox.switches import Switches

_BILLING = re.compile(r"(/api)?/api/billing/([^/]+)(?:/([^/]+))?/?", re.IGNORECASE)
_SWAGGER = re.compile(r"/api/swagger/v1/swagger\.json", re.IGNORECASE)
_PAGE = b"<!DOCTYPE html><html><head><title>Atria External API</title></head><body><h1>Atria External API</h1></body></html>"
_HTML = "text/html; charset=utf-8"
_KEPT = 4


class BadParameter(ValueError):
    """A parameter cannot be read; carries its name and text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class AtriaSimulator(Simulator):
    """Answers as section by section of the vendor's description, from the processed layer of the books."""

    name: ClassVar[str] = "atria"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._moments = Moments()
        self._bodies: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._rows: OrderedDict[tuple[int, date], list[billing.BillRow]] = OrderedDict()

    @property
    def state(self) -> AtriaState:
        """The books, looked up anew: a reset replaces them."""
        return self.world.atria

    @property
    def switches(self) -> Switches:
        """The product's variants."""
        return self.state.switches

    def settings(self) -> dict[str, Any]:
        """The connection's fields."""
        token = next(iter(self.state.tokens), "")
        return {"base_url": self.base_url, "customer_key": "customer", "ca_file": "", "secrets": {"token": token}}

    def handle(self, request: Request, origin: Origin) -> Reply:
        """Carry out one request, and what other people do right before and after it."""
        struck = self._moments.due(request)
        self._moments.act(struck, "before", self.controls())
        reply = self._carry_out(request, origin)
        self._moments.act(struck, "after", self.controls())
        return reply

    def _carry_out(self, request: Request, origin: Origin) -> Reply:
        """Route by path, in any case."""
        path = request.path
        if path.lower() == "/cortexapi/default.aspx":
            return cortex_reply(self.state, request, origin)
        if _SWAGGER.fullmatch(path):
            prefix = "/API" if self.switches["prefix"] == "double" else ""
            return json_reply(swagger(prefix, self.state.names))
        if path.lower() in {"/api", "/api/"}:
            return Reply(body=_PAGE, content_type=_HTML)
        found = _BILLING.fullmatch(path)
        if found is None or bool(found.group(1)) != (self.switches["prefix"] == "double"):
            return Reply(status=404)
        if request.method != "GET":
            return Reply(status=405, headers={"Allow": "GET"})
        return self._authorised(request) or self._billing(request, found.group(2), (found.group(3) or "summary").lower())

    def _authorised(self, request: Request) -> Reply | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self.state.tokens.get(value.strip())
        if scheme.lower() != "bearer" or token is None or not token.enabled:
            return Reply(status=401, headers={"WWW-Authenticate": "Bearer"})
        if token.expires <= self.world.clock.now():
            return Reply(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return None if token.developer else Reply(status=403)

    def _billing(self, request: Request, when: str, call: str) -> Reply:
        if when.lower() == "parameters" and call == "summary":
            return json_reply(shape_object(self._parameters(), self.switches))
        calls = {"summary": self._summary, "detail": self._detail, "invoice": self._invoice, "analysis": self._analysis}
        if call not in calls:
            return Reply(status=404)
        variants = (*self.switches.values().values(), *self.state.names.items())
        key = (self.state.version, self.world.today, when, call, request.query, *variants)
        try:
            if key not in self._bodies:
                period = self._period(when)
                rows = calls[call](request, period) if period else []
                self._keep(key, shape(rows, self.switches, invoice=call == "invoice"))
        except BadParameter as problem:
            body = {
                "title": "One or more validation errors occurred.",
                "status": 400,
                "errors": {problem.name: [f"The value '{problem.text}' is not valid."]},
            }
            return Reply(status=400, body=msgspec.json.encode(body), content_type="application/problem+json; charset=utf-8")
        return Reply(body=self._bodies[key])

    def _keep(self, key: tuple[object, ...], answer: object) -> None:
        """Remember an answer: nothing it is made of changes without a new version."""
        self._bodies[key] = msgspec.json.encode(answer)
        if len(self._bodies) > _KEPT:
            self._bodies.popitem(last=False)

    def _parameters(self) -> billing.Wire:
        customers = sorted(self.state.processed.customers.values(), key=lambda customer: customer.code)
        return {
            "billingPeriods": [
                {"billPeriodId": period.id, "startDate": f"{period.start}T00:00:00", "endDate": f"{period.end}T00:00:00"}
                for period in self.state.periods()
            ],
            "customers": [
                {
                    "customerId": customer.id,
                    "customerCode": customer.code,
                    "customerName": customer.name,
                    "customerAccountCode": customer.identifier or None,
                }
                for customer in customers
            ],
        }

    def _period(self, when: str) -> Period | None:
        try:
            day = datetime.fromisoformat(when).date()
        except ValueError as error:
            raise BadParameter("endDate", when) from error
        return next((period for period in self.state.periods() if period.end == day), None)

    def _all(self, period: Period) -> list[billing.BillRow]:
        key = (self.state.version, period.start)
        if key not in self._rows:
            self._rows[key] = billing.bill_rows(self.state.processed, period)
            if len(self._rows) > _KEPT:
                self._rows.popitem(last=False)
        return self._rows[key]

    def _summary(self, request: Request, period: Period) -> list[billing.Wire]:
        rows = self._of_flag(request, self._all(period))
        return billing.summary(rows, self._flag(request, "AggregateByCustomer") is True)

    def _detail(self, request: Request, period: Period) -> list[billing.Wire]:
        rows = self._of_flag(request, self._of_customer(request, self._all(period)))
        service = (self._text(request, "service") or "").lower()
        person = (self._text(request, "user") or "").lower()
        if service:
            rows = [row for row in rows if service in f"{row.plan.service_name}\n{row.plan.service_code}".lower()]
        if person:
            named = [(row, row.user) for row in rows if row.user]
            rows = [row for row, user in named if person in f"{user.full_name}\n{user.principal_name}".lower()]
        return billing.detail(rows)

    def _invoice(self, request: Request, period: Period) -> list[billing.Wire]:
        return billing.invoice(self._of_customer(request, self._all(period)))

    def _analysis(self, request: Request, period: Period) -> list[billing.Wire]:
        return billing.analysis(self._of_customer(request, self._all(period)))

    def _text(self, request: Request, name: str) -> str | None:
        return request.parameter(self.state.names.get(name, name))

    def _flag(self, request: Request, name: str) -> bool | None:
        text = self._text(request, name)
        if text is None or text == "":
            return None
        if text.lower() not in {"true", "false"}:
            raise BadParameter(self.state.names.get(name, name), text)
        return text.lower() == "true"

    def _of_flag(self, request: Request, rows: list[billing.BillRow]) -> list[billing.BillRow]:
        flag = self._flag(request, "billable")
        return rows if flag is None else [row for row in rows if row.billable == flag]

    def _of_customer(self, request: Request, rows: list[billing.BillRow]) -> list[billing.BillRow]:
        code = self._text(request, "customer")
        return [row for row in rows if row.customer.code.lower() == code.lower()] if code else rows

    def controls(self) -> dict[str, Control]:
        """What an operator would do in the portal."""
        return {
            "reprocess": lambda order: self.state.reprocess(),
            "identifier": lambda order: self.state.set_identifier(order["customer"], order.get("identifier"), Origin()),
            "sku": lambda order: self.state.set_sku(int(order["plan"]), order.get("sku"), Origin(), order.get("customer", "")),
            "provision": self._provision,
            "remove": self._remove,
            "token": self._token,
            "names": self._names,
            "moment": self._moments.plan,
            "plans": lambda order: [{"plan": plan.id, "name": plan.pattern, "sku": plan.sku} for plan in self.state.plans.values()],
        }

    def _provision(self, order: Order) -> dict[str, int]:
        """Assign a plan to a customer: ``customer``, ``plan``, ``quantity`` as text, ``start`` as a date."""
        customer, plan = self.state.customers[order["customer"]], self.state.plans[int(order["plan"])]
        quantity = parse_quantity(order["quantity"]) if "quantity" in order else SCALE
        return {"assignment": self.state.assign(customer, plan, start=self._moment(order, "start"), quantity=quantity).id}

    def _remove(self, order: Order) -> dict[str, int]:
        """End every assignment of a plan (or of all plans) at a customer: ``customer``, ``plan``, ``end``."""
        end = self._moment(order, "end")
        ended = [
            item.id
            for item in self.state.assignments.values()
            if item.customer == order["customer"] and item.end is None and order.get("plan") in {None, item.plan}
        ]
        for assignment in ended:
            self.state.remove(assignment, end=end)
        return {"removed": len(ended)}

    def _moment(self, order: Mapping[str, Any], name: str) -> datetime:
        day = date.fromisoformat(order[name]) if name in order else self.world.today
        return datetime.combine(day, time(9))

    def _token(self, order: Order) -> None:
        """Change the account behind the first token: ``expired``, ``enabled``, ``developer``, ``deleted``."""
        value, token = next(iter(self.state.tokens.items()))
        if order.get("deleted"):
            del self.state.tokens[value]
            return
        expires = self.world.clock.now() - timedelta(days=1) if order.get("expired") else token.expires
        self.state.tokens[value] = replace(
            token, expires=expires, enabled=order.get("enabled", token.enabled), developer=order.get("developer", token.developer)
        )

    def _names(self, order: Order) -> dict[str, str]:
        """Give query parameters other names, announced in the description: old name to new name."""
        self.state.names.update({name: str(value) for name, value in order.items()})
        return self.state.names
