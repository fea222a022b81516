"""The control calls of a sandbox that runs in another process: what other users do, and what goes wrong, for the demo."""

from collections.abc import Mapping
from datetime import date
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec


class Bystanders:
    """Everybody else who works with Atria and a PSA while the program runs.

    Args:
        settings: what ``sandbox serve`` printed.
        psa: the kind of PSA.
    """

    def __init__(self, settings: Mapping[str, Mapping[str, Any]], psa: str) -> None:
        self._atria = str(settings["atria"]["base_url"])
        self._token = str(settings["atria"]["secrets"]["token"])
        # Every simulator answers control calls on each of its addresses.
        self._psa = next(str(value) for value in settings[psa].values() if str(value).startswith("http"))

    def adjust(self, line: str, change: int, day: date) -> None:
        """Change the quantity of a contract line from a day on, as another user of the PSA does."""
        _call("POST", self._psa, "/__sim/adjust", {"line": line, "change": change, "date": day.isoformat()})

    def remove_contract(self, contract: str) -> None:
        """Delete a contract in the PSA."""
        _call("POST", self._psa, "/__sim/remove-contract", {"contract": contract})

    def damage_a_customer_record(self) -> None:
        """Let Atria's next list of customers hold one record more, whose code is no text."""
        told = _call("GET", self._atria, "/api/Billing/parameters", headers={"Authorization": f"Bearer {self._token}"})
        told["customers"].append({"customerId": 0, "customerCode": ["OLD", "NEW"], "customerName": "Merged Twice Limited"})
        body = msgspec.json.encode(told).decode()
        _call("POST", self._atria, "/__sim/faults", {"kind": "status", "status": 200, "path": "billing/parameters", "body": body})


def _call(method: str, address: str, path: str, order: object = None, headers: Mapping[str, str] | None = None) -> Any:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        connection.request(method, path, msgspec.json.encode(order) if order is not None else None, dict(headers or {}))
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise ValueError(f"{path}: {content.decode('utf-8', 'replace')[:200]}")
    return msgspec.json.decode(content)
