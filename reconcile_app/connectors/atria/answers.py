"""What Atria's other answers and its token say: periods and customers, the share of a period, the filters, the expiry. Pure."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import pandas as pd

from reconcile_app.connectors.atria.names import ENVELOPES, FILTER_NAMES, normal
from reconcile_app.connectors.atria.records import TITLE, BadRecord, Fields, field, fields_of, text_of, values_of
from reconcile_app.connectors.decode import decode, unreadable
from reconcile_app.connectors.doubled import doubled_key
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.frames import CUSTOMERS, REJECTED
from reconcile_app.core.period import Period

_PERIODS = ("billingperiods", "billperiods", "periods")
_CUSTOMERS = ("customers",)
_CUSTOMER_COLUMNS = tuple(CUSTOMERS.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The answer to ``parameters``: periods newest first, ``CUSTOMERS``, and the customers that could not be read."""

    periods: tuple[Period, ...]
    customers: pd.DataFrame
    rejected: pd.DataFrame


def read_parameters(content: bytes) -> Parameters:
    """Periods and customers.

    Raises:
        AnswerUnreadable: a list is missing, or a period cannot be read. No period is left out, for the one before would be
            taken for it.
    """
    fields = decode(content, Fields, title=TITLE)
    if name := doubled_key(content):
        raise unreadable(TITLE, f"Ambiguous: the field {name} stands there twice.")
    if field(fields, *_PERIODS) is None:
        wrapped = field(fields, *ENVELOPES)
        fields = decode(bytes(wrapped), Fields, title=TITLE) if wrapped is not None else fields
    periods = {_period(raw, position) for position, raw in enumerate(_list(fields, _PERIODS, "billingPeriods"))}
    customers, rejected = _customers(_list(fields, _CUSTOMERS, "customers"))
    return Parameters(periods=tuple(sorted(periods, reverse=True)), customers=customers, rejected=rejected)


def _list(fields: Fields, names: Sequence[str], shown: str) -> list[msgspec.Raw]:
    raw = field(fields, *names)
    if raw is None:
        raise unreadable(TITLE, f"Field {shown} missing - at `$`.")
    return decode(bytes(raw), list[msgspec.Raw], title=TITLE)


def _period(raw: msgspec.Raw, position: int) -> Period:
    try:
        fields = fields_of(raw)
        start, end = (_day(field(fields, *names), names[0]) for names in (("startdate", "start"), ("enddate", "end")))
        if end < start:
            raise BadRecord("It ends before it starts.")
    except BadRecord as error:
        raise unreadable(TITLE, f"{error} - at `$.billingPeriods[{position}]`.") from error
    return Period(start, end)


def _day(raw: msgspec.Raw | None, name: str) -> date:
    day = parse_day(text_of(raw, name) if raw is not None else None)
    if day is None:
        raise BadRecord(f"Field {name} holds no date.")
    return day


def parse_day(text: str | None) -> date | None:
    """The calendar date of an ISO 8601 date or time (``2024-12-25``, ``2024-12-25T00:00:00``, also with ``Z``), or None."""
    try:
        return datetime.fromisoformat(text).date() if text else None
    except ValueError:
        return None


def _customers(records: Sequence[msgspec.Raw]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows: list[dict[str, str | None]] = []
    faults: list[tuple[str, str]] = []
    for raw in records:
        try:
            values = values_of(_named_customer(fields_of(raw)), _CUSTOMER_COLUMNS)
            if values.get("customer_code") is None:
                raise BadRecord("It has no customer code.")
            rows.append(values)
        except BadRecord as error:
            faults.append((str(error), bytes(raw).decode("utf-8", "replace")))
    rejected = REJECTED.build(
        {
            "side": ["billing"] * len(faults),
            "source": ["parameters"] * len(faults),
            "customer_code": [None] * len(faults),
            "reason": [reason for reason, _ in faults],
            "raw": [raw for _, raw in faults],
        }
    )
    return CUSTOMERS.build({name: [row.get(name) for row in rows] for name in _CUSTOMER_COLUMNS}), rejected


def _named_customer(fields: Fields) -> Fields:
    """In a list of customers a plain ``name`` is the customer's."""
    if not any(normal(name) == "customername" for name in fields) and (name := field(fields, "name")) is not None:
        return {**fields, "customerName": name}
    return fields


def filter_name(document: bytes, call: str, wanted: str) -> str | None:
    """How the service's own description (Swagger 2 or OpenAPI 3) calls a filter of a call, or None when it has none.

    Raises:
        AnswerUnreadable: it is no such description.
    """
    paths = decode(document, dict[str, Any], title=TITLE).get("paths")
    if not isinstance(paths, dict):
        raise unreadable(TITLE, "The description has no paths.")
    offered = {
        normal(str(parameter.get("name"))): str(parameter.get("name"))
        for path, operations in paths.items()
        if path.casefold().endswith(f"/billing/{{enddate}}{call}")
        for parameter in _parameters(operations)
        if str(parameter.get("in", "query")) == "query"
    }
    return next((offered[name] for name in FILTER_NAMES[wanted] if name in offered), None)


def _parameters(operations: object) -> list[dict[str, Any]]:
    if not isinstance(operations, dict):
        return []
    read = operations.get("get")
    listed = [operations.get("parameters"), read.get("parameters") if isinstance(read, dict) else None]
    return [parameter for part in listed if isinstance(part, list) for parameter in part if isinstance(parameter, dict)]


def only_customer(table: pd.DataFrame, customer: str) -> pd.DataFrame:
    """The rows of this customer code, without regard to case."""
    keep = table["customer_code"].str.casefold().eq(customer.strip().casefold()).fillna(value=False)
    return table[keep.to_numpy(dtype=bool)].reset_index(drop=True)


def as_percent(table: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The table with ``duration_percent`` between 0 and 100.

    Atria's scale is not published: the one (0–1 or 0–100) that fits the days in the rows better over the whole table wins; without
    days any value above 1 means 0–100.
    """
    values = [_decimal(text) for text in table["duration_percent"]]
    fraction = _is_fraction(values, [_share(row, period) for row in zip(table["start"], table["end"], strict=True)])
    texts = zip(table["duration_percent"], values, strict=True)
    scaled = [text if value is None else f"{(value * (100 if fraction else 1)).normalize():f}" for text, value in texts]
    return table.assign(duration_percent=pd.array(scaled, dtype=pd.StringDtype("python")))


def _is_fraction(values: Sequence[Decimal | None], shares: Sequence[Decimal | None]) -> bool:
    known = [(value, share) for value, share in zip(values, shares, strict=True) if value is not None and share is not None]
    if known:
        as_fraction = sum((abs(value - share) for value, share in known), Decimal(0))
        return as_fraction < sum((abs(value / 100 - share) for value, share in known), Decimal(0))
    present = [value for value in values if value is not None]
    return bool(present) and max(present) <= 1


def _share(days: tuple[Any, Any], period: Period) -> Decimal | None:
    start, end = (parse_day(text if isinstance(text, str) else None) for text in days)
    if start is None or end is None:
        return None
    active = (min(end, period.end) - max(start, period.start)).days + 1
    return Decimal(max(0, active)) / Decimal((period.end - period.start).days + 1)


def _decimal(text: object) -> Decimal | None:
    try:
        value = Decimal(text) if isinstance(text, str) and len(text) <= 40 else None
    except InvalidOperation:
        return None
    return value if value is not None and value.is_finite() else None


class _Claims(msgspec.Struct):
    exp: int | float | None = None


def token_expiry(token: str) -> datetime | None:
    """When a token ends by its own account (``exp`` of a JSON web token, not verified), or None for one that does not tell."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        expiry = decode(payload, _Claims, title=TITLE).exp
        return datetime.fromtimestamp(expiry, UTC) if expiry is not None else None
    except (binascii.Error, ValueError, OverflowError, OSError, AnswerUnreadable):
        return None
