"""The addition that takes the place of one that ends: what it takes over, and when that cannot be. Pure functions.

Taken over is everything that can be written and says how the line is invoiced. Left to ConnectWise is
``prorateCurrentPeriodFlag``: it belongs to the new start, and an old line that was not prorated would keep the new one from it.
"""

import msgspec

from reconcile_app.connectors.connectwise.comparable import digest_of, members_of
from reconcile_app.connectors.connectwise.frames import last_billed_day
from reconcile_app.connectors.connectwise.wire import Addition, Agreement, day, money
from reconcile_app.core.amounts import format_amount
from reconcile_app.core.changes import Change
from reconcile_app.core.ids import Json, canonical_json, sha256_hex

_VALUES = (
    "lessIncluded", "unitPrice", "unitCost", "billCustomer", "taxableFlag", "serialNumber", "invoiceDescription",
    "purchaseItemFlag", "specialOrderFlag", "sequenceNumber",
)  # fmt: skip
_REFERENCES = ("opportunity", "invoiceGrouping")
_CUSTOM = "customFields"
_COMPARED = tuple(name for name in (*_VALUES, *_REFERENCES, _CUSTOM) if name != "serialNumber")
"""A serial number may be set by ConnectWise itself."""


class _Reference(msgspec.Struct):
    id: int


def taken_over(raw: bytes) -> str:
    """The members that a new line takes from this row, as JSON text with the very numbers that were read.

    Raises:
        ValueError: the row holds something that is not of the published kind.
    """
    members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    told = {name: bytes(members[name]).decode() for name in _VALUES if name in members}
    for name in _REFERENCES:
        if name in members and bytes(members[name]) != b"null":
            told[name] = f'{{"id":{msgspec.json.decode(members[name], type=_Reference).id}}}'
    custom = bytes(members.get(_CUSTOM, b"")).decode()
    if custom not in ("", "[]"):
        told[_CUSTOM] = custom
    return "{" + ",".join(f'"{name}":{value}' for name, value in told.items() if value != "null") + "}"


def body_of(change: Change, takes_over: str) -> bytes:
    """The body of the request that makes the new line."""
    members = msgspec.json.decode(takes_over, type=dict[str, msgspec.Raw])
    told = {name: bytes(value).decode() for name, value in members.items()}
    told.setdefault("billCustomer", '"Billable"')
    if change.unit_cost_target is not None:
        told["unitCost"] = format_amount(change.unit_cost_target)
    first = {
        "product": f'{{"id":{change.service_id}}}',
        "quantity": format_amount(change.quantity_target),
        "effectiveDate": f'"{change.effective_date.isoformat()}T00:00:00Z"',
    }
    return ("{" + ",".join(f'"{name}":{value}' for name, value in {**first, **told}.items()) + "}").encode()


def wanted(change: Change, takes_over: str) -> str:
    """What the new line must say in the members that it took over."""
    return shown(change, takes_over, body_of(change, takes_over))


def shown(change: Change, takes_over: str, raw: bytes) -> str:
    """What a row says in the members that it should have taken over; equal to ``wanted`` where it has."""
    try:
        row, body = members_of(raw), members_of(body_of(change, takes_over))
        return sha256_hex(canonical_json({name: _told(name, row.get(name)) for name in _COMPARED if name in body}))
    except (RecursionError, ValueError):
        return digest_of(raw, ())


def _told(name: str, value: Json) -> Json:
    """A reference is its id, a custom field its id and value; ConnectWise adds names to both."""
    if name in _REFERENCES and isinstance(value, dict):
        return value.get("id")
    if name == _CUSTOM and isinstance(value, list):
        return [[each.get("id"), each.get("value")] if isinstance(each, dict) else each for each in value]
    return value


def stays_whole(change: Change, row: Addition, agreement: Agreement | None, unusable: bool) -> str:
    """Why the quantity of a line is replaced in place although the connection ends lines and makes new ones; empty: it is not.

    ``unusable``: the catalog holds the product inactive, as a bundle, or not at all.
    """
    at, start, cancelled = change.effective_date, day(row.effective_date), last_billed_day(day(row.cancelled_date))
    begins = day(agreement.bill_start_date) if agreement else None
    reasons = {
        "the agreement does not prorate.": agreement is None or not agreement.prorate_flag,
        "the line itself starts on that day.": start is not None and start >= at,
        f"the line ends on {cancelled} already.": cancelled is not None,
        f"the agreement bills from {begins} on only.": begins is not None and at < begins,
        "its price or cost is not shown to the API member and could not be taken over.":
            money(row.unit_price) is None or money(row.unit_cost) is None,
        # A line of 0 shows the same before and after its end, so that nothing could confirm it.
        "its quantity is 0.": change.quantity_before == 0,
        "its product is inactive in the catalog, and no new line may have it.": unusable,
    }
    return next((text for text, applies in reasons.items() if applies), "")
