"""What other users, the invoicing clerk and the administrator of the simulated ConnectWise PSA do: its control calls."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from reconcile_app.core.amounts import SCALE, format_amount
from reconcile_app.sandbox.connectwise_additions import Addition, Record
from reconcile_app.sandbox.connectwise_errors import ApiError
from reconcile_app.sandbox.connectwise_state import ConnectWiseState
from reconcile_app.sandbox.connectwise_tables import ENTITIES
from reconcile_app.sandbox.connectwise_write import Write, change, create, delete
from reconcile_app.sandbox.ledger import Origin
from reconcile_app.sandbox.simulator import Control, Order

_ADDITION, _AGREEMENT = ENTITIES["Addition"], ENTITIES["Agreement"]


class Others:
    """Everybody else. Quantities are plain numbers, lines and agreements their ids, dates ISO text."""

    def __init__(self, state: ConnectWiseState) -> None:
        self.state = state

    def controls(self) -> dict[str, Control]:
        """Every control call by name."""
        return {
            "line": self.line,
            "set-quantity": self.set_quantity,
            "adjust": self.adjust,
            "change-line": self.change_line,
            "cancel-line": self.cancel_line,
            "remove-line": self.remove_line,
            "add-line": self.add_line,
            "change-agreement": self.change_agreement,
            "cancel-agreement": self.cancel_agreement,
            "remove-agreement": self.remove_agreement,
            "remove-contract": self.remove_contract,
            "invoice": self.invoice,
            "permission": self.permission,
            "member": self.member,
            "limit": self.limit,
            "unreadable": self.unreadable,
        }

    def line(self, order: Order) -> dict[str, object]:
        """The truth about a line: its quantity in ten-thousandths, and whether it bills on ``date`` (today)."""
        line = self._line(order)
        day = date.fromisoformat(order["date"]) if "date" in order else self.state.clock.today()
        bills = any(one is line for one in self.state.billing(line.agreement_id, day))
        return {"quantity": line.quantity, "billed": line.billed(), "bills": bills, "agreement": line.agreement_id}

    def set_quantity(self, order: Order) -> dict[str, str]:
        """Another user sets a line's quantity: ``line``, ``quantity``."""
        line = self._line(order)
        self._patch(line, {"quantity": order["quantity"]})
        return {"quantity": format_amount(line.quantity or 0)}

    def adjust(self, order: Order) -> dict[str, str]:
        """Another user raises or lowers a line's quantity: ``line``, ``change``."""
        quantity = self._line(order).quantity or 0
        return self.set_quantity({**order, "quantity": (quantity + int(order["change"]) * SCALE) / SCALE})

    def change_line(self, order: Order) -> None:
        """Another user changes other members of a line: ``line``, and each member as on the wire; null takes it away."""
        self._patch(self._line(order), {name: value for name, value in order.items() if name != "line"})

    def cancel_line(self, order: Order) -> None:
        """Another user cancels a line: ``line``, ``date`` (today)."""
        self._patch(self._line(order), {"cancelledDate": order.get("date", self.state.clock.today().isoformat())})

    def remove_line(self, order: Order) -> None:
        """Another user deletes a line: ``line``."""
        delete(self._write(), _ADDITION, self._line(order))

    def add_line(self, order: Order) -> dict[str, int]:
        """Another user adds a line: ``agreement``, ``product`` (identifier), ``quantity``, and any member as on the wire."""
        body = {name: value for name, value in order.items() if name != "agreement"}
        body["product"] = {"identifier": order["product"]}
        made = self._told(
            lambda raw: create(self._write(), _ADDITION, raw, int(order["agreement"])), {"billCustomer": "Billable", **body}
        )
        return {"line": made.id}

    def change_agreement(self, order: Order) -> None:
        """Another user changes an agreement: ``agreement``, and each member as on the wire; null takes it away."""
        self._patch(self._agreement(order), {name: value for name, value in order.items() if name != "agreement"})

    def cancel_agreement(self, order: Order) -> None:
        """Another user cancels an agreement: ``agreement``, ``date`` (today)."""
        day = order.get("date", self.state.clock.today().isoformat())
        self._patch(self._agreement(order), {"cancelledFlag": True, "dateCancelled": day})

    def remove_agreement(self, order: Order) -> None:
        """Another user deletes an agreement with its lines: ``agreement``."""
        self.state.remove_agreement(self._agreement(order).id, Origin())

    def remove_contract(self, order: Order) -> None:
        """``remove-agreement`` by the name that every simulated PSA knows it by: ``contract``."""
        self.remove_agreement({"agreement": order["contract"]})

    def invoice(self, order: Order) -> dict[str, object]:
        """Invoice an agreement: ``agreement``, ``through``."""
        made = self.state.invoice(self._agreement(order), date.fromisoformat(order["through"]))
        return {"invoice": made.get("invoiceNumber")}

    def permission(self, order: Order) -> None:
        """Change the API member's role: ``function`` (Agreements …), ``right`` (add, edit, delete, inquire), ``level``."""
        if order["level"] not in {"None", "My", "All"}:
            raise ValueError("level takes None, My, All")
        self.state.user.rights[str(order["function"]), str(order["right"])] = str(order["level"])
        self.state.touch()

    def member(self, order: Order) -> None:
        """Hide amounts from the API member: ``block_price``, ``block_cost``."""
        user = self.state.user
        user.block_price = bool(order.get("block_price", user.block_price))
        user.block_cost = bool(order.get("block_cost", user.block_cost))

    def limit(self, order: Order) -> None:
        """Set limits: ``per_minute`` (0: none), ``retry_after`` seconds, ``url`` characters, ``bundle`` requests."""
        state = self.state
        state.per_minute = int(order.get("per_minute", state.per_minute))
        state.retry_after = int(order.get("retry_after", state.retry_after))
        state.url_limit = int(order.get("url", state.url_limit))
        state.bundle_limit = int(order.get("bundle", state.bundle_limit))

    def unreadable(self, order: Order) -> None:
        """Let reading an agreement's additions fail with the server's time-out: ``agreement``, ``on`` (true)."""
        number = self._agreement(order).id
        (self.state.unreadable.add if order.get("on", True) else self.state.unreadable.discard)(number)

    def _line(self, order: Order) -> Addition:
        return self.state.additions[int(order["line"])]

    def _agreement(self, order: Order) -> Record:
        return self.state.records["Agreement"][int(order["agreement"])]

    def _write(self) -> Write:
        return Write(self.state, self.state.user, Origin())

    def _patch(self, record: Record | Addition, members: Mapping[str, Any]) -> None:
        entity = _ADDITION if isinstance(record, Addition) else _AGREEMENT
        operations = [{"op": "replace", "path": name, "value": value} for name, value in members.items()]
        self._told(lambda raw: change(self._write(), entity, record, raw, whole=False), operations)

    def _told(self, act: Any, body: object) -> Any:
        """Do something as another user would; a refusal is told as an error of the control call."""
        try:
            return act(msgspec.json.encode(body))
        except ApiError as refusal:
            raise ValueError(f"{refusal.message} {refusal.flaws}") from refusal
