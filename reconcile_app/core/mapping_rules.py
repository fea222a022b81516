"""What an operator has decided about where billed lines belong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRule:
    """One billing customer belongs to this company, and, where ``contract_id`` is given, to this contract."""

    customer_code: str
    company_id: str
    contract_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRule:
    """A SKU means this service, for every customer. An empty service id means: not a product of the PSA."""

    sku: str
    service_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRule:
    """One customer's SKU belongs to this very line of this contract."""

    customer_code: str
    sku: str
    contract_id: str
    line_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """A row that is left alone on purpose.

    ``key`` is the row key. ``until`` is the last day it holds (absent: for ever). ``wake_above`` ends it as soon as the billed
    quantity is above (ten-thousandths).
    """

    key: str
    reason: str
    by: str
    created: date
    until: date | None = None
    wake_above: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRules:
    """Everything an operator has decided about where lines belong.

    ``customers`` by customer code, ``products`` by SKU, ``lines`` by (customer code, SKU), ``ignores`` by row key.
    ``waiting`` holds customers whose identifier or SKU was changed in the billing source but not reprocessed yet:
    customer code → name of the field. ``version`` rises with every change.
    """

    version: int = 0
    customers: Mapping[str, CustomerRule] = field(default_factory=dict)
    products: Mapping[str, ProductRule] = field(default_factory=dict)
    lines: Mapping[tuple[str, str], LineRule] = field(default_factory=dict)
    ignores: Mapping[str, IgnoreRule] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
