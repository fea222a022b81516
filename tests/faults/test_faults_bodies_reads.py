"""Reading bodies that are cut, damaged, mislabelled, bombs, or of another shape: taken as a whole or not at all."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.desk_fixture import told
from tests.faults.read_bench import ReadBench, started

PRODUCTS = ("atria", "autotask")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadBench]:
    with started(tmp_path_factory.mktemp("desk")) as bench:
        yield bench


@pytest.mark.fault("F-24", "R")
@pytest.mark.parametrize(("product", "name"), [("atria", "short"), ("autotask", "broken_chunk"), ("atria", "broken_gzip")])
async def test_a_body_that_is_damaged_on_the_way_is_read_again(desk: ReadBench, product: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-24", name, times=2)
    await bench.check_passing()
    bench.again().strike(product, "F-24", name, times=None)
    assert "It ended early or was damaged on the way." in await bench.check_unknown(product)


@pytest.mark.fault("F-25", "R")
@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("atria", "truncated"),
        ("autotask", "truncated"),
        ("atria", "trailing_text"),
        ("autotask", "utf16"),
        ("atria", "bad_utf8"),
        ("autotask", "bad_utf8"),
        ("autotask", "empty"),
    ],
)
async def test_text_that_is_no_whole_json_is_refused_as_a_whole(desk: ReadBench, product: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-25", name, times=None)
    words = await bench.check_unknown(product)
    assert f"Unreadable answer from {product.capitalize()}." in words


@pytest.mark.fault("F-25", "R")
@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_byte_order_mark_is_tolerated(desk: ReadBench, product: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-25", "byte_order_mark", times=None)
    await bench.check_passing()


@pytest.mark.fault("F-26", "R")
@pytest.mark.parametrize(
    ("product", "name", "shown"), [("atria", "untyped", "not given"), ("autotask", "plain_text", "text/plain")]
)
async def test_json_must_call_itself_json(desk: ReadBench, product: str, name: str, shown: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-26", name, times=None)
    words = await bench.check_unknown(product)
    assert f"Unreadable answer from {product.capitalize()}. Its type is {shown} instead of JSON." in words


@pytest.mark.fault("F-27", "R")
@pytest.mark.parametrize(
    ("product", "name", "words"),
    [
        ("atria", "gzip_bomb", "Answer too large; refused above 64 MiB."),
        ("atria", "nested", "Unreadable answer from Atria."),
        ("autotask", "nested", "It is nested too deeply."),
    ],
)
async def test_a_bomb_is_refused_while_it_arrives(desk: ReadBench, product: str, name: str, words: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-27", name, times=None)
    struck = len(bench.box.faults.struck)
    said = await bench.check_unknown(product)
    assert words in said
    assert f"Unreadable answer from {product.capitalize()}." in said
    # it is not fetched a second time for the same question
    assert len(bench.box.faults.struck) - struck <= 2


@pytest.mark.fault("F-28", "R")
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("name", ["object_for_list", "null_list"])
async def test_what_is_no_list_is_refused_with_its_place(desk: ReadBench, product: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-28", name, times=None)
    words = await bench.check_unknown(product)
    assert f"Unreadable answer from {product.capitalize()}." in words
    assert "$" in words or "xpected" in words


@pytest.mark.fault("F-28", "R")
@pytest.mark.parametrize(
    ("name", "field"), [("missing_field", "units"), ("renamed_field", "serviceID"), ("missing_field", "startDate")]
)
async def test_a_field_that_is_missing_is_named_and_its_lines_are_unknown(desk: ReadBench, name: str, field: str) -> None:
    bench = desk.again()
    bench.strike("autotask", "F-28", name, field=field, times=None)
    run = await bench.compare()
    assert set(run.rows["status"]) == {"unknown"}
    assert not run.rows["selectable"].any()
    reasons = set(run.basis.psa.rejected["reason"]) if len(run.basis.psa.rejected) else {run.basis.psa.side.error}
    assert any(f"Field {field} is missing." in reason for reason in reasons), reasons


@pytest.mark.fault("F-28", "R")
@pytest.mark.parametrize(
    ("name", "field"), [("missing_field", "quantity"), ("renamed_field", "quantity"), ("missing_field", "customerCode")]
)
async def test_a_field_that_is_missing_in_billing_is_never_a_number(desk: ReadBench, name: str, field: str) -> None:
    bench = desk.again()
    bench.strike("atria", "F-28", name, field=field, times=None)
    run = await bench.compare()
    assert not run.rows["selectable"].any()
    assert not run.rows["selected"].any()
    assert {"RC18", "AT07", "RC19", "AT03", "AT23"} & set(run.log["code"])


@pytest.mark.fault("F-28", "R")
@pytest.mark.parametrize("product", PRODUCTS)
async def test_more_fields_than_known_do_not_matter(desk: ReadBench, product: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-28", "extra_field", times=None)
    await bench.check_passing()


@pytest.mark.fault("F-28", "R")
@pytest.mark.parametrize("name", ["missing_field", "renamed_field"])
async def test_records_without_sku_are_blocked_and_no_line_is_taken_for_removed_by_itself(desk: ReadBench, name: str) -> None:
    bench = desk.again()
    bench.strike("atria", "F-28", name, field="sku", times=None)
    run = await bench.compare()
    records = run.rows[run.rows["billed_quantity"].notna().to_numpy(dtype=bool)]
    assert set(records["status"]) == {"blocked"}
    assert not run.rows["selected"].any()
    assert len(told(run.log, "AT07")) == 2
