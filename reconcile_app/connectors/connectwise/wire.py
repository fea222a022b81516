"""ConnectWise on the wire: its rows as typed values, its error body, and its answers read row by row.

Pure functions over bytes. Rows are decoded into strict types one by one, so that a bad row costs that row and not the page.
Quantities stay text until they are parsed exactly; they never pass through float. The row as received is kept beside its values,
because a write is judged by everything ConnectWise says about a line.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from reconcile_app.connectors.decode import unreadable
from reconcile_app.connectors.doubled import doubled_key
from reconcile_app.connectors.http import Answer, decode
from reconcile_app.core.amounts import AmountError, parse_money, parse_quantity
from reconcile_app.core.errors import AnswerUnreadable

TITLE = "ConnectWise"
PAGE = 1000
"""Most rows of a page."""

_UNSET_BEFORE = 1900

Id = Annotated[int, msgspec.Meta(ge=0, le=10**18)]


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Every entity has an id. Members that are not set are left out of the JSON."""

    id: Id

    @property
    def dates(self) -> tuple[str | None, ...]:
        """The members of this row that hold calendar dates."""
        return ()


class Reference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A reference to another entity. Products have no name here."""

    id: Id
    identifier: str | None = None
    name: str | None = None


class Company(Row, frozen=True, kw_only=True, rename="camel"):
    """``/company/companies``. ``identifier`` is the short key that people know as the company ID."""

    identifier: str
    name: str | None = None
    deleted_flag: bool | None = False


class AgreementType(Row, frozen=True, kw_only=True, rename="camel"):
    """``/finance/agreements/types``."""

    name: str
    inactive_flag: bool | None = False


class Agreement(Row, frozen=True, kw_only=True, rename="camel"):
    """``/finance/agreements``. ``end_date`` is absent while the agreement is open-ended."""

    name: str | None = None
    type: Reference
    company: Reference
    start_date: str | None = None
    end_date: str | None = None
    no_ending_date_flag: bool | None = False
    cancelled_flag: bool | None = False
    date_cancelled: str | None = None
    bill_start_date: str | None = None
    prorate_flag: bool | None = False

    @property
    def dates(self) -> tuple[str | None, ...]:
        """Start, end, cancellation and start of billing."""
        return self.start_date, self.end_date, self.date_cancelled, self.bill_start_date


class Addition(Row, frozen=True, kw_only=True, rename="camel"):
    """``/finance/agreements/{id}/additions``. ``quantity`` is the text on the wire; ``info`` says who changed the line last."""

    product: Reference
    quantity: msgspec.Raw = msgspec.Raw()
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    bill_customer: str | None = None
    effective_date: str | None = None
    cancelled_date: str | None = None
    invoice_description: str | None = None
    description: str | None = None
    agreement_id: Id | None = None
    info: dict[str, Any] | None = msgspec.field(default=None, name="_info")

    @property
    def dates(self) -> tuple[str | None, ...]:
        """Start and cancellation."""
        return self.effective_date, self.cancelled_date


class Product(Row, frozen=True, kw_only=True, rename="camel"):
    """``/procurement/catalog``. ``identifier`` is the product ID that SKUs are compared with."""

    identifier: str
    description: str | None = None
    inactive_flag: bool | None = False
    product_class: str | None = None
    price: Decimal | None = None
    cost: Decimal | None = None


class Rights(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One row of ``/system/mySecurity``: how far the API member may go with one function. Levels: None, My, All."""

    module_name: str | None = None
    module_description: str | None = None
    module_function_name: str | None = None
    module_function_description: str | None = None
    add_level: str | None = None
    edit_level: str | None = None
    inquire_level: str | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``{list}/count``."""

    count: Id


class CompanyInfo(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """``/login/companyinfo/{company}``: company discovery."""

    company_name: str | None = None
    codebase: str | None = None
    version_number: str | None = None
    company_id: str | None = msgspec.field(default=None, name="CompanyID")


FIELDS: Mapping[type[Row], str] = {
    Company: "id,identifier,name,deletedFlag",
    AgreementType: "id,name,inactiveFlag",
    Agreement: "id,name,type/id,type/name,company/id,startDate,endDate,noEndingDateFlag,cancelledFlag,dateCancelled,billStartDate,"
    "prorateFlag",
    Product: "id,identifier,description,inactiveFlag,productClass,price,cost",
}
"""What is asked for of each entity. Additions are always read whole: everything about them is evidence."""

R = TypeVar("R", bound=Row)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[R]):
    """A row and the JSON it was read from."""

    row: R
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row, or a member of one, that could not be used. ``lost``: the row is missing; ``ids`` are its ids as far as readable."""

    source: str
    reason: str
    raw: str
    lost: bool
    ids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRead(Generic[R]):
    """The rows of one answer."""

    rows: Sequence[Seen[R]]
    faults: Sequence[Fault]

    @property
    def came(self) -> int:
        """Rows that came, unusable ones included."""
        return len(self.rows) + len(self.faults)


def read_list(content: bytes, row: type[R], source: str) -> RowsRead[R]:
    """Decode an answer that is a bare JSON array of ``row``.

    Raises:
        AnswerUnreadable: it is no array, or an object in it says the same thing twice.
    """
    return read_rows(decode_once(content, list[msgspec.Raw]), row, source)


def decode_once(content: bytes, type_: type[T]) -> T:
    """``decode``, refusing objects that hold a key twice: nobody can tell which value was meant.

    Raises:
        AnswerUnreadable: the answer is not what the API promises.
    """
    name = doubled_key(content)
    if name:
        raise unreadable(TITLE, f"Ambiguous: the field {name} stands there twice.")
    return decode(content, type_, title=TITLE)


def read_rows(raws: Sequence[msgspec.Raw], row: type[R], source: str) -> RowsRead[R]:
    """Decode rows one by one; one that does not fit becomes a fault."""
    decoder = _decoder(row)
    rows: list[Seen[R]] = []
    faults: list[Fault] = []
    for raw in raws:
        text = bytes(raw)
        try:
            value = decoder.decode(text)
            _check_dates(value)
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
            faults.append(_fault(text, source, " ".join(str(error).split())[:300]))
        else:
            rows.append(Seen(row=value, raw=text))
    return RowsRead(rows=rows, faults=faults)


@functools.cache
def _decoder(row: type[R]) -> "msgspec.json.Decoder[R]":
    return msgspec.json.Decoder(row)


def _check_dates(row: Row) -> None:
    for text in row.dates:
        day(text)


class _Ids(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw()
    company: msgspec.Raw = msgspec.Raw()


def _fault(raw: bytes, source: str, reason: str) -> Fault:
    ids: dict[str, int] = {}
    try:
        found = msgspec.json.decode(raw, type=_Ids)
        company = msgspec.json.decode(found.company, type=_Ids).id if bytes(found.company)[:1] == b"{" else msgspec.Raw()
        digits = {"id": bytes(found.id).strip(b'" '), "company": bytes(company).strip(b'" ')}
        ids = {name: int(value) for name, value in digits.items() if value.isdigit() and len(value) <= 18}
    except (msgspec.MsgspecError, RecursionError):
        pass
    return Fault(source=source, reason=reason or "The row cannot be read.", raw=raw.decode("utf-8", "replace"), lost=True, ids=ids)


@functools.lru_cache(maxsize=8192)
def day(text: str | None) -> date | None:
    """The calendar date of ``yyyy-MM-ddTHH:mm:ssZ``; its time is dropped, because day values stand at midnight. Absent, blank and
    the empty date of databases (year 1) mean that none is set.

    Raises:
        ValueError: it is no date.
    """
    if text is None or not text.strip():
        return None
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.{1,30})?", text.strip(), re.ASCII):
        raise ValueError(f"{text[:40]!r} is no date")
    found = date.fromisoformat(text.strip()[:10])
    return None if found.year < _UNSET_BEFORE else found


def amount_of(quantity: msgspec.Raw) -> int | None:
    """A quantity in ten-thousandths; None where the wire holds no exact number (text, null, too many decimals, absent)."""
    try:
        return parse_quantity(bytes(quantity).decode("ascii"))
    except (AmountError, UnicodeError):
        return None


@functools.lru_cache(maxsize=8192)  # A tenant has few different prices, however many lines it has.
def money(value: Decimal | None) -> int | None:
    """Money in ten-thousandths; absent where the API shows none (a blocked price, for instance) or an absurd one."""
    try:
        return None if value is None else parse_money(str(value))
    except AmountError:
        return None


_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


@functools.lru_cache(maxsize=2**16)
def visible(text: str | None) -> str | None:
    """Trimmed text without the invisible marks that pasted identifiers carry; blank text is absent."""
    return (_INVISIBLE.sub("", text).strip() or None) if text is not None else None


# Errors


class _Detail(msgspec.Struct):
    message: str | None = None
    field: str | None = None


class _ErrorBody(msgspec.Struct):
    code: str
    message: str
    errors: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """ConnectWise's own error body (``ErrorResponseMessage``). ``texts``: its message, then those of its details."""

    code: str
    texts: Sequence[str]

    @property
    def not_signed_in(self) -> bool:
        """Whether it says that the keys were not accepted, under whatever status."""
        return self.code == "Unauthorized" or any("UserNotAuthenticated" in text for text in self.texts)

    @property
    def no_such_record(self) -> bool:
        """Whether it names a record that is not there, which an unknown route or a wrong code base does not."""
        return self.code == "NotFound"


def error_of(answer: Answer) -> ApiError | None:
    """The API's own error body, or None: a gateway, a proxy or a sign-in page may have answered in its place."""
    if not answer.is_json:
        return None
    try:
        body = decode(answer.content, _ErrorBody, title=TITLE)
    except AnswerUnreadable:
        return None
    if not body.code.strip() or not body.message.strip():
        return None
    return ApiError(code=body.code.strip(), texts=[body.message.strip(), *_details(bytes(body.errors))])


def _details(errors: bytes) -> list[str]:
    try:
        details = decode(errors, list[_Detail], title=TITLE) if errors[:1] == b"[" else []
    except AnswerUnreadable:
        return []
    return [f"{each.field}: {each.message}" if each.field else each.message for each in details if each.message]
