import string

from reconcile_app.core.codes import RC_CODES, code_table, render
from reconcile_app.core.findings import BLOCKS, Code, Kind, Level, Scope, blocks

PLACEHOLDERS = {
    "customer_code",
    "customer_name",
    "billing_identifier",
    "line_description",
    "sku",
    "old_quantity",
    "new_quantity",
    "error",
    "count",
    "contract_type",
    "contract_name",
    "start_date",
    "end_date",
    "psa",
    "permission",
    "object",
    "id",
    "other_customer_code",
    "bill_to_code",
    "used_code",
    "old_cost",
    "new_cost",
    "match_field",
    "field",
    "pending_quantity",
    "pending_date",
    "last_pushed_quantity",
    "push_date",
    "side",
    "current_quantity",
    "reason",
}


def test_the_common_codes_are_numbered_without_gap() -> None:
    assert [code.id for code in RC_CODES.values()] == [f"RC{number:02d}" for number in range(1, 22)]


def test_every_placeholder_is_one_that_somebody_fills() -> None:
    used = {name for code in RC_CODES.values() for _, name, _, _ in string.Formatter().parse(code.template) if name is not None}
    assert used | {"billing_identifier", "customer_name"} == PLACEHOLDERS


def test_what_needs_a_person_says_what_to_do() -> None:
    for code in RC_CODES.values():
        assert code.title
        assert code.resolution, code.id
        assert code.level in (Level.ERROR, Level.WARNING, Level.INFO)


def test_rendering_leaves_blanks_and_keeps_braces_of_values() -> None:
    assert render("{a} {b}", {"a": "{b}"}) == "{b} "


def test_what_to_do_is_said_in_the_words_of_the_psa_and_the_texts_stay() -> None:
    own = {Kind.NO_SKU: Code(id="XX05", level=Level.WARNING, title="no SKU", template="")}
    table = code_table(own, {"contract": "agreement", "service": "product", "company": "company", "line": "addition"})
    assert table[Kind.NO_SKU] is own[Kind.NO_SKU]
    ambiguous, twice = table[Kind.CONTRACT_AMBIGUOUS], table[Kind.SERVICE_DUPLICATED]
    assert (ambiguous.title, twice.title) == ("several agreements", "product twice")
    assert ambiguous.resolution == "Choose the agreement that carries these products: Choose agreement…"
    assert {kind: code.template for kind, code in table.items() if kind in RC_CODES} == {k: c.template for k, c in RC_CODES.items()}
    assert code_table(own, {"contract": "contract", "line": "contract service"}) == {**RC_CODES, **own}


def test_a_kind_that_is_not_listed_blocks_nothing() -> None:
    assert blocks(Kind.UNCHANGED) is Scope.NOTHING
    assert blocks(Kind.NO_RECORDS) is Scope.RUN
    assert Kind.COST_UPDATED not in BLOCKS
