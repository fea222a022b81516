"""The first workspace: rules, runs, decisions, pushed quantities, notes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table."""
    op.create_table("rule_set", *_pair(), sa.Column("version", sa.Integer, nullable=False))
    _rules("customer_rule", _key("customer_code"), _text("company_id"), _text("contract_id"))
    _rules("product_rule", _key("sku"), _text("service_id"))
    _rules("line_rule", _key("customer_code"), _key("sku"), _text("contract_id"), _text("line_id"))
    _rules(
        "ignore_rule",
        _key("row_key"),
        _text("reason"),
        _text("author"),
        _text("created"),
        sa.Column("until", sa.Text),
        sa.Column("wake_above", sa.BigInteger),
    )
    _rules("waiting", _key("customer_code"), _text("field"))
    op.create_table(
        "run",
        _key("run_id"),
        _text("created"),
        _text("period_start"),
        _text("period_end"),
        _text("billing"),
        _text("psa"),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("warnings", sa.Integer, nullable=False),
        sa.Column("money", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        _text("result"),
        _text("counts"),
        _text("document"),
    )
    op.create_index("run_by_time", "run", ["created"])
    op.create_table("decision", _key("run_id"), _key("row_key"), sa.Column("selected", sa.Boolean, nullable=False))
    op.create_table(
        "pushed",
        sa.Column("id", sa.Integer, primary_key=True),
        _text("tenant"),
        _text("line_id"),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        _text("pushed_on"),
        _text("run_id"),
        sa.UniqueConstraint("tenant", "line_id", "run_id", name="one_push_per_line_and_run"),
    )
    op.create_table("note", *_pair(), _key("row_key"), _text("text"), _text("author"), _text("created"))


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _pair() -> list[sa.Column[str]]:
    return [_key("billing"), _key("psa")]


def _rules(name: str, *columns: sa.Column[str] | sa.Column[int]) -> None:
    owner = sa.ForeignKeyConstraint(["billing", "psa"], ["rule_set.billing", "rule_set.psa"], ondelete="CASCADE")
    op.create_table(name, *_pair(), *columns, owner)
