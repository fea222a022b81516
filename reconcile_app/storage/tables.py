"""Tables of the workspace database. Quantities and money are whole ten-thousandths; dates and times are ISO 8601 text.

The migrations build these tables; a test compares the two.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, Integer, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _amount(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _rules(name: str, *columns: Column[str] | Column[int]) -> Table:
    """A table of rules: belongs to a rule set and goes with it."""
    owner = ForeignKeyConstraint(["billing", "psa"], ["rule_set.billing", "rule_set.psa"], ondelete="CASCADE")
    return Table(name, METADATA, _key("billing"), _key("psa"), *columns, owner)


rule_set = Table("rule_set", METADATA, _key("billing"), _key("psa"), Column("version", Integer, nullable=False))
"""One set of rules per pair of connections; ``version`` rises by one with every change."""

customer_rule = _rules("customer_rule", _key("customer_code"), _text("company_id"), _text("contract_id"))
product_rule = _rules("product_rule", _key("sku"), _text("service_id"))
line_rule = _rules("line_rule", _key("customer_code"), _key("sku"), _text("contract_id"), _text("line_id"))
ignore_rule = _rules(
    "ignore_rule",
    _key("row_key"),
    _text("reason"),
    _text("author"),
    _text("created"),
    Column("until", Text),
    Column("wake_above", BigInteger),
)
waiting = _rules("waiting", _key("customer_code"), _text("field"))

run = Table(
    "run",
    METADATA,
    _key("run_id"),
    _text("created"),
    _text("period_start"),
    _text("period_end"),
    _text("billing"),
    _text("psa"),
    Column("row_count", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    _amount("money"),
    Column("complete", Boolean, nullable=False),
    _text("result"),
    _text("counts"),
    _text("document"),
    Index("run_by_time", "created"),
)

decision = Table("decision", METADATA, _key("run_id"), _key("row_key"), Column("selected", Boolean, nullable=False))
"""Ticks may be stored before their run is."""

pushed = Table(
    "pushed",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("tenant"),
    _text("line_id"),
    _amount("quantity"),
    _text("pushed_on"),
    _text("run_id"),
    UniqueConstraint("tenant", "line_id", "run_id", name="one_push_per_line_and_run"),
)
"""Stays when its run is deleted: the next comparison needs it."""

note = Table("note", METADATA, _key("billing"), _key("psa"), _key("row_key"), _text("text"), _text("author"), _text("created"))

HEAD = "0001"
"""The newest revision in ``migrations/versions``."""
