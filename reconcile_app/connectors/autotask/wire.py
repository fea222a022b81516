"""Autotask on the wire: its rows as typed values, the bodies of its queries and writes, and what its answers are.

Pure functions over bytes. Field names are those of the REST entities, with ``_id`` for a trailing ``ID``. Pages are decoded at once
into strict types; only one that does not fit is looked at row by row, so that a bad row costs that row and not the page.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar, cast

import msgspec

from reconcile_app.connectors.decode import unreadable
from reconcile_app.connectors.doubled import doubled_key, may_repeat
from reconcile_app.connectors.http import Answer, decode
from reconcile_app.core.amounts import SCALE, AmountError, is_whole, parse_quantity
from reconcile_app.core.errors import AnswerUnreadable

TITLE = "Autotask"
_ENVELOPE_KEYS = 6  # items, pageDetails, and in it count, requestCount, prevPageUrl, nextPageUrl
PAGE = 500
"""Most rows of a page, and most values of an ``in`` condition."""


def wire_name(name: str) -> str:
    """The API's spelling of a field: ``contract_service_id`` → ``contractServiceID``."""
    first, *rest = name.split("_")
    return first + "".join("ID" if part == "id" else part.capitalize() for part in rest)


Units = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Id = Annotated[int, msgspec.Meta(ge=0, le=10**18)]
Calls = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class Row(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """Every entity has an id. Rows hold plain values only, so the garbage collector need not look at thousands of them."""

    id: Id


class Company(Row, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """``Companies``. Id 0 is the provider's own company."""

    company_name: str
    company_number: str | None = None
    is_active: bool | None = True


class Contract(Row, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """``Contracts``. Both dates belong to the contract."""

    company_id: Id
    contract_name: str | None = None
    contract_number: str | None = None
    contract_type: int | None = None
    status: int | None = None
    start_date: datetime
    end_date: datetime
    renewed_contract_id: Id | None = None
    last_modified_date_time: datetime | None = None


class Service(Row, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """``Services``, the catalog."""

    name: str
    description: str | None = None
    invoice_description: str | None = None
    sku: str | None = None
    is_active: bool | None = True
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None


class OwnCompany(Row, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """Company 0, by what of it never changes."""

    company_name: str | None = None
    create_date: str | None = None


class Line(Row, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """``ContractServices``: a service on a contract, without a quantity. ``unit_price`` is the list price, not the sold one."""

    contract_id: Id
    service_id: Id
    invoice_description: str | None = None
    internal_description: str | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    internal_currency_unit_price: Decimal | None = None
    internal_currency_adjusted_price: Decimal | None = None


class UnitRow(Row, frozen=True, kw_only=True, rename=wire_name, gc=False):
    """``ContractServiceUnits``: the units in force between two days. ``units`` is absent where the wire holds no whole number."""

    contract_id: Id
    contract_service_id: Id | None = None
    service_id: Id
    start_date: datetime
    end_date: datetime
    units: Units | None
    approve_and_post_date: datetime | None = None


class Zone(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """``zoneInformation``: where a user's tenant lives; ``ci`` names its database."""

    url: str
    zone_name: str | None = None
    ci: int | None = None


class Threshold(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """``ThresholdInformation``: calls of all integrations together in the running window."""

    external_request_threshold: Calls
    request_threshold_timeframe: Calls
    current_timeframe_request_count: Calls


class Rights(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name):
    """``entityInformation``: 0 none, 1 all, 2 restricted."""

    user_access_for_query: int | None = None
    user_access_for_create: int | None = None
    user_access_for_update: int | None = None


class EntityInformation(msgspec.Struct, frozen=True):
    """The answer of ``{entity}/entityInformation``."""

    info: Rights


class PickValue(msgspec.Struct, frozen=True):
    """One entry of a picklist; ``value`` is text although the field is a number."""

    value: str
    label: str = ""


class FieldInfo(msgspec.Struct, frozen=True, rename=wire_name):
    """One field of ``entityInformation/fields``."""

    name: str
    picklist_values: list[PickValue] | None = None


class Fields(msgspec.Struct, frozen=True):
    """The answer of ``{entity}/entityInformation/fields``."""

    fields: list[FieldInfo]


class Count(msgspec.Struct, frozen=True, rename=wire_name):
    """The answer of ``{entity}/query/count``."""

    query_count: Calls


class _PageDetails(msgspec.Struct, rename=wire_name):
    # Without a default: a page that does not say whether another follows may be any part of the list.
    next_page_url: str | None
    count: int | None = None


R = TypeVar("R", bound=Row)
T = TypeVar("T")


class _Page(msgspec.Struct, Generic[R], rename=wire_name):
    items: list[R]
    page_details: _PageDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row, or a field of one, that could not be used. ``lost``: the row is missing; ``ids`` are its ids as far as readable."""

    source: str
    reason: str
    raw: str
    lost: bool
    ids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead(Generic[R]):
    """One page of a query."""

    rows: Sequence[R]
    faults: Sequence[Fault]
    next_url: str


def read_page(content: bytes, row: type[R], source: str) -> PageRead[R]:
    """Decode a page of ``row``.

    Raises:
        AnswerUnreadable: it is no page, it holds another number of rows than it says, or a row says the same thing twice.
    """
    try:
        page = decode(content, _page_type(row), title=TITLE)
    except AnswerUnreadable:
        page = None
    if page is None or _may_repeat(content, row, len(page.items)):
        _refuse_doubled(content)
    if page is None or (row is UnitRow and any(item.units is None for item in cast("list[UnitRow]", page.items))):
        return _slow_page(content, row, source)
    _check_count(page.page_details.count, len(page.items))
    return PageRead(rows=cast("list[R]", page.items), faults=(), next_url=page.page_details.next_page_url or "")


@functools.cache
def _page_type(row: type[Row]) -> "type[_Page[Row]]":
    return cast("type[_Page[Row]]", _Page[row])  # type: ignore[valid-type]  # parametrized with a class known at run time only


def _may_repeat(content: bytes, row: type[Row], rows: int) -> bool:
    fields = fields_of(row)  # user-defined fields come without having been asked for
    keys = rows * (len(fields) + (b'"userDefinedFields"' in content)) + _ENVELOPE_KEYS
    # A key that took the place of another one leaves their number as it was.
    return may_repeat(content, keys) or any(content.count(f'"{name}"'.encode()) != rows for name in fields)


def _refuse_doubled(content: bytes) -> None:
    if name := doubled_key(content):
        raise unreadable(TITLE, f"Ambiguous: the field {name} stands there twice.")


def decode_once(content: bytes, type_: type[T]) -> T:
    """``decode`` of an answer that is no list.

    Raises:
        AnswerUnreadable: also where an object says the same thing twice.
    """
    _refuse_doubled(content)
    return decode(content, type_, title=TITLE)


def _check_count(said: int | None, count: int) -> None:
    if said is not None and said != count:
        raise AnswerUnreadable(
            f"Unreadable answer from {TITLE}.",
            f"A page announces {said} rows and holds {count}.",
            meaning="What is missing is unknown, not zero.",
            next_step="Compare again.",
        )


def _slow_page(content: bytes, row: type[R], source: str) -> PageRead[R]:
    envelope = {name.casefold(): raw for name, raw in decode(content, dict[str, msgspec.Raw], title=TITLE).items()}
    items = decode(bytes(envelope.get("items", b"")), list[msgspec.Raw], title=TITLE)
    detail = decode(bytes(envelope.get("pagedetails", b"")), dict[str, msgspec.Raw], title=TITLE)
    details = {name.casefold(): raw for name, raw in detail.items()}
    rows: list[R] = []
    faults: list[Fault] = []
    for raw in items:
        reader = _RowReader(bytes(raw), source)
        value = reader.read(row)
        faults.extend(reader.faults)
        if value is not None:
            rows.append(value)
    _check_count(decode(bytes(details.get("count", b"null")), int | None, title=TITLE), len(items))  # type: ignore[arg-type]  # a union is decodable
    if "nextpageurl" not in details:
        raise unreadable(TITLE, "Field nextPageUrl missing - at `$.pageDetails`.")
    following = decode(bytes(details["nextpageurl"]), str | None, title=TITLE)  # type: ignore[arg-type]  # as above
    return PageRead(rows=rows, faults=faults, next_url=following or "")


class _RowReader:
    """Reads one row field by field, names compared without case, and remembers what could not be used."""

    def __init__(self, raw: bytes, source: str) -> None:
        self._raw = raw
        self._source = source
        self._fields: dict[str, bytes] = {}
        self.faults: list[Fault] = []

    def read(self, row: type[R]) -> R | None:
        try:
            given = decode(self._raw, dict[str, msgspec.Raw], title=TITLE)
        except AnswerUnreadable:
            self._fault("The row is no object.", lost=True)
            return None
        self._fields = {name.casefold(): bytes(value) for name, value in given.items()}
        values: dict[str, Any] = {}
        for info in msgspec.structs.fields(row):
            text = self._fields.get(info.encode_name.casefold())
            value, fits = _value(info, text)
            if not fits:
                said = "is missing" if text is None else f"is {text.decode('utf-8', 'replace')[:60]}"
                may_stay = info.name == "units" or not info.required
                self._fault(f"Field {info.encode_name} {said}.", lost=not may_stay)
                if not may_stay:
                    return None
            values[info.name] = value
        return row(**values)

    def _fault(self, reason: str, *, lost: bool) -> None:
        ids = {
            name: value for name in ("id", "companyID", "contractID", "contractServiceID") if (value := self._id(name)) is not None
        }
        self.faults.append(Fault(source=self._source, reason=reason, raw=self._raw.decode("utf-8", "replace"), lost=lost, ids=ids))

    def _id(self, name: str) -> int | None:
        return _whole_number(self._fields.get(name.casefold(), b"null"))


def _value(info: msgspec.structs.FieldInfo, text: bytes | None) -> tuple[Any, bool]:
    """The value of a field and whether the wire's text fits; an absent optional field fits its default."""
    if info.name == "units":
        units = _units(text or b"null")
        return units, units is not None
    if text is None:
        return (None, False) if info.required else (info.default, True)
    try:
        return msgspec.json.decode(text, type=info.type), True
    except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError):
        pass
    value = _date_only(text) if info.name.endswith("_date") else _whole_number(text) if info.name.endswith("id") else None
    return value, value is not None


def _units(text: bytes) -> int | None:
    """Whole units from a JSON number; text, fractions, booleans and absurd numbers are none."""
    try:
        amount = parse_quantity(text.decode("ascii"))
    except (AmountError, UnicodeError):
        return None
    return amount // SCALE if is_whole(amount) and amount >= 0 else None


def _date_only(text: bytes) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text.decode("ascii").strip('"')), datetime.min.time())
    except ValueError:
        return None


def _whole_number(text: bytes) -> int | None:
    digits = text.strip(b'" ')
    return int(digits) if digits.isdigit() and len(digits) <= 18 else None


# Requests


def condition(op: str, name: str, value: object = None) -> dict[str, object]:
    """One condition of a query."""
    return {"op": op, "field": name, "value": value}


def query_body(fields: Sequence[str], *conditions: Mapping[str, object]) -> bytes:
    """The body of a query for these fields; conditions are joined by *and*."""
    return msgspec.json.encode({"MaxRecords": PAGE, "IncludeFields": list(fields), "Filter": list(conditions)})


def count_body(query: bytes) -> bytes:
    """The body that asks how many rows a query finds in all."""
    return msgspec.json.encode({"Filter": msgspec.json.decode(query)["Filter"]})


def fields_of(row: type[Row], *, without: frozenset[str] = frozenset()) -> list[str]:
    """The API's names of the fields that a row type reads."""
    return [info.encode_name for info in msgspec.structs.fields(row) if info.encode_name not in without]


def day_start(day: date) -> str:
    """A calendar date as the API wants it; the time is dropped there without conversion."""
    return f"{day.isoformat()}T00:00:00"


def day_end(day: date) -> str:
    """The last second of a day, for conditions."""
    return f"{day.isoformat()}T23:59:59"


# Answers


def error_texts(content: bytes) -> list[str]:
    """The texts of the API's own error answer ``{"errors": [...]}``; empty where it is none."""
    try:
        answer = decode(content, dict[str, msgspec.Raw], title=TITLE)
        errors = next((bytes(raw) for name, raw in answer.items() if name.casefold() == "errors"), b"[]")
        return [text for text in decode(errors, list[str], title=TITLE) if text.strip()]
    except AnswerUnreadable:
        return []


def is_crowded(answer: Answer) -> bool:
    """Whether an answer says that too many requests ran at once; its status is not documented."""
    return answer.status >= 400 and any(word in answer.content[:4096] for word in (b"thread threshold", b"Itgenatr005"))
