"""What Atria's answers plainly say, read without the connector: flat records in a list, or in a list under an envelope."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from reconcile_app.core.amounts import MAX_QUANTITY, SCALE
from tests.fuzz.plain import ABSENT, Members, NotPlain, Number, exactly_decimal, find
from tests.fuzz.said_autotask import Fact, Said

CODE = ("customercode", "customershortcode", "shortcode", "customershortname", "code")
SKU = ("sku", "productsku", "productcode", "stockcode")
QUANTITY = ("quantity", "thismonthcount", "count")
IDENTIFIER = ("customeraccountcode", "accountcode", "billingidentifier", "billingid", "customerbillingidentifier")
UPN = ("userprincipalname", "upn")
ENVELOPES = ("data", "value", "items", "results", "invoices")
_OBJECTS = ("customer", "billto", "billtocustomer", "billedby", "billedbycustomer")
_NESTED = ("lines", "items", "invoicelines", "details")


def normal(name: str) -> str:
    """Names as Atria's are compared."""
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def records_of(value: Any) -> list[Any]:
    """The records of an answer.

    Raises:
        NotPlain: there is no list.
    """
    if isinstance(value, list) and not isinstance(value, Members):
        return value
    for name in ENVELOPES:
        inner = find(value, name, normal=normal)
        if isinstance(inner, list) and not isinstance(inner, Members):
            return inner
    raise NotPlain("no list")


def first_of(record: Any, names: Sequence[str]) -> str | None:
    """The first of these names that holds a text, as trimmed text; numbers and flags as they are written.

    Raises:
        NotPlain: one of them holds a list or an object, or two different values.
    """
    for name in names:
        value = find(record, name, normal=normal)
        if value is ABSENT or value is None:
            continue
        text = _scalar(value).strip()
        if text:
            return text
    return None


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise NotPlain("a list or an object where text belongs")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise NotPlain("half a character")
    return str(value)


def flat(record: Any) -> Any:
    """A record without objects and lists where such may stand.

    Raises:
        NotPlain: it has one; what it says then takes more than a look.
    """
    if not isinstance(record, Members):
        raise NotPlain("no object")
    for name, value in record:
        if normal(name) in _OBJECTS and value is not None:
            raise NotPlain("an object of its own")
        if normal(name) in _NESTED and isinstance(value, list):
            raise NotPlain("lines of its own")
    return record


def table_said(value: Any, *columns: Sequence[str]) -> Said:
    """Facts of every record by these names."""
    facts: list[Fact] = []
    sure = True
    for record in records_of(value):
        try:
            facts.append(tuple(first_of(flat(record), names) for names in columns))
        except NotPlain:
            sure = False
    return Said(tuple(facts), sure)


def invoice_said(value: Any) -> Said:
    """``(customer, SKU, quantity)`` of every record; the quantity in ten-thousandths, absent where it cannot be used."""
    facts: list[Fact] = []
    sure = True
    for record in records_of(value):
        try:
            code, sku = first_of(flat(record), CODE), first_of(record, SKU)
            amount = amount_of(find(record, *QUANTITY, normal=normal))
        except NotPlain:
            sure = False
            continue
        sure = sure and code is not None
        facts.append((code, sku, amount))
    return Said(tuple(facts), sure)


def amount_of(value: Any) -> int | None:
    """Ten-thousandths; absent where the value is no number of four decimals and a size that anybody could mean."""
    if isinstance(value, bool) or not isinstance(value, str):
        return None
    text = str(value).strip()
    if not isinstance(value, Number) and not _is_plain(text):
        return None
    exact = exactly_decimal(text)
    if exact is None or abs(exact) * SCALE > MAX_QUANTITY:
        return None
    scaled = exact * SCALE
    return int(scaled) if scaled == scaled.to_integral_value() else None


def _is_plain(text: str) -> bool:
    try:
        return text.isascii() and "_" not in text and text[:1] != "+" and Decimal(text).is_finite()
    except ArithmeticError:
        return False


def periods_said(value: Any) -> set[tuple[date, date]]:
    """First and last day of every period.

    Raises:
        NotPlain: one of them cannot be read.
    """
    found = find(value, "billingperiods", "billperiods", "periods", normal=normal)
    if found is ABSENT:
        found = find(find(value, *ENVELOPES, normal=normal), "billingperiods", "billperiods", "periods", normal=normal)
    if not isinstance(found, list) or isinstance(found, Members):
        raise NotPlain("no list of periods")
    return {
        (_day(find(each, "startdate", "start", normal=normal)), _day(find(each, "enddate", "end", normal=normal))) for each in found
    }


def _day(value: Any) -> date:
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError as error:
        raise NotPlain("no day") from error
