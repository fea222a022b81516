"""What Atria may call a field, and what we call it.

The names on the wire are not published; they are read without regard to case, ``_``, ``-`` and blanks (Atria REST API, the
fields of ``invoice``, ``summary``, ``detail`` and ``analysis``). Names are tried in the order given here.
"""

import functools
from collections.abc import Iterable, Mapping

ENVELOPES = ("data", "value", "items", "results", "invoices")
"""Under one of these the list may be wrapped."""

TOTALS = ("totalcount", "total", "totalrecords", "recordcount", "@odata.count")
"""Under one of these such an envelope may say how many records there are."""

NEXT_LINKS = ("nextlink", "nextpageurl", "nextpage", "@odata.nextlink", "next")
"""Under one of these it would say where the list goes on."""

NESTED_LINES = ("lines", "items", "invoicelines", "details")
"""Under one of these an invoice may hold the lines of a customer."""

CUSTOMER_OBJECTS = {
    "customer": "customer",
    "billto": "bill_to",
    "billtocustomer": "bill_to",
    "billedby": "bill_to",
    "billedbycustomer": "bill_to",
}
"""Objects that may hold a customer's code, name and identifier, and the prefix of our columns."""

_CODE = ("code", "shortcode", "shortname")
_NAME = ("name", "fullname")
_IDENTIFIER = ("accountcode", "billingidentifier", "billingid", "identifier")
_PAYERS = ("billtocustomer", "billto", "billedbycustomer", "billedby")

PARTS: Mapping[str, tuple[str, ...]] = {"code": _CODE, "name": _NAME, "identifier": _IDENTIFIER}
"""Names inside a customer object."""


def _payer(suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(prefix + suffix for prefix in _PAYERS for suffix in suffixes)


ALIASES: Mapping[str, tuple[str, ...]] = {
    "customer_code": ("customercode", "customershortcode", "shortcode", "customershortname", "code"),
    "customer_name": ("customername", "customerfullname", "fullname"),
    "billing_identifier": ("customeraccountcode", "accountcode", "billingidentifier", "billingid", "customerbillingidentifier"),
    "bill_to_code": _payer(_CODE),
    "bill_to_name": _payer(_NAME),
    "bill_to_identifier": _payer(_IDENTIFIER),
    "sku": ("sku", "productsku", "productcode", "stockcode"),
    "service_code": ("servicecode",),
    "service_name": ("servicename",),
    "plan_name": ("serviceplanname", "planname", "userplanname"),
    "instance_name": ("instancename",),
    "line_description": ("linedescription", "description"),
    "summary_description": ("summarydescription", "summarygrouping", "summary"),
    "quantity": ("quantity", "thismonthcount", "count"),
    "prior_quantity": ("lastmonthcount", "priorquantity", "previouscount"),
    "difference": ("difference", "change"),
    "user_name": ("userfullname", "username"),
    "user_upn": ("userprincipalname", "upn"),
    "sku_type": ("skutype",),
    "billable": ("billable", "isbillable", "billableflag"),
    "override_reason": ("overridereason", "nonbillablereason"),
    "action": ("action",),
    "actioned_at": ("actioneddate",),
    "actioned_by": ("actionedby",),
    "start": ("startdate",),
    "end": ("enddate",),
    "duration_percent": ("durationpercent",),
    "address": ("address",),
    "city": ("city",),
    "state": ("state",),
    "zip_code": ("zipcode",),
    "country": ("country",),
    "contact_name": ("contactname",),
    "contact_email": ("contactemail", "contactemailaddress"),
    "phone": ("phone",),
}

_CUSTOMER = ("customer_code", "customer_name", "billing_identifier")
_PAYER = ("bill_to_code", "bill_to_name", "bill_to_identifier")
_USER = ("user_name", "user_upn", "service_code", "service_name", "plan_name", "instance_name", "sku")

WHO = (*_CUSTOMER, *_PAYER)
"""Text columns of an invoice row that repeat for each customer."""
WHAT = ("sku", "service_code", "service_name", "line_description")
"""Text columns of an invoice row that repeat for each product."""

SUMMARY = (*_CUSTOMER, "sku", "billable", "summary_description", "prior_quantity", "difference", "quantity")
DETAIL = (
    *_CUSTOMER,
    *_USER,
    "sku_type",
    "billable",
    "override_reason",
    "line_description",
    "action",
    "actioned_at",
    "actioned_by",
    "start",
    "end",
)
ANALYSIS = (
    *_CUSTOMER,
    "address",
    "city",
    "state",
    "zip_code",
    "country",
    "contact_name",
    "contact_email",
    "phone",
    *_PAYER,
    *_USER,
    "line_description",
    "summary_description",
    "billable",
    "override_reason",
    "start",
    "end",
    "duration_percent",
    "quantity",
)

FILTER_NAMES = {"customer": ("customer", "customercode", "customername", "customerid")}
"""What the service's own description may call a filter of ours; by code first."""


@functools.lru_cache(maxsize=1024)  # The same few names stand in every record.
def normal(name: str) -> str:
    """The name as names are compared."""
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def candidates(names: Iterable[str], columns: Iterable[str]) -> dict[str, list[str]]:
    """For each of our columns the wire names that carry it, best first; columns nobody carries are left out."""
    known = {normal(name): name for name in names}
    found = {column: [known[alias] for alias in ALIASES[column] if alias in known] for column in columns}
    if "line_description" in found and not found["line_description"]:
        found["line_description"] = [known[alias] for alias in ALIASES["summary_description"] if alias in known]
    return {column: wire for column, wire in found.items() if wire}
