"""Answers to writes whose body cannot be used: never a receipt, never a refusal, decided by reading."""

from collections.abc import Iterator

import pytest

from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.judge import OpState
from reconcile_app.sandbox.server import Sandbox
from tests.faults.wire_bench import check_doubt, on, running

WHENS = ("before", "after", "late")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running() as started:
        yield started


@pytest.mark.fault("F-24", "W", "before")
@pytest.mark.fault("F-24", "W", "after")
@pytest.mark.fault("F-24", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["short", "broken_chunk", "broken_gzip"])
async def test_a_body_that_ends_early_or_is_damaged(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-24", name, when), when)


@pytest.mark.fault("F-25", "W", "before")
@pytest.mark.fault("F-25", "W", "after")
@pytest.mark.fault("F-25", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["truncated", "trailing_text", "utf16", "bad_utf8", "empty"])
async def test_text_that_is_no_whole_json(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-25", name, when), when)


@pytest.mark.fault("F-25", "W", "after")
async def test_a_byte_order_mark_is_tolerated(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-25", "byte_order_mark", "after")
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.VERIFIED], 1, ["us"])


@pytest.mark.fault("F-26", "W", "before")
@pytest.mark.fault("F-26", "W", "after")
@pytest.mark.fault("F-26", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["untyped", "plain_text"])
async def test_json_that_does_not_call_itself_json(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-26", name, when), when)


@pytest.mark.fault("F-27", "W", "before")
@pytest.mark.fault("F-27", "W", "after")
@pytest.mark.fault("F-27", "W", "late")
@pytest.mark.parametrize(
    ("name", "when"),
    [("gzip_bomb", "before"), ("gzip_bomb", "after"), ("nested", "before"), ("nested", "after"), ("nested", "late")],
)
async def test_an_answer_that_unpacks_to_gigabytes(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-27", name, when)
        check_doubt(pushed, when)
        if name == "gzip_bomb":
            assert any("Answer too large" in view.ops[0].message for view in bench.views)


@pytest.mark.fault("F-28", "W", "before")
@pytest.mark.fault("F-28", "W", "after")
@pytest.mark.fault("F-28", "W", "late")
@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("name", ["null_list", "renamed_field"])
async def test_json_of_another_shape(box: Sandbox, name: str, when: str) -> None:
    async with on(box) as bench:
        check_doubt(await bench.struck("F-28", name, when), when)


@pytest.mark.fault("F-28", "W", "after")
async def test_more_fields_than_known_do_not_matter(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-28", "extra_field", "after")
        assert (pushed.states, pushed.commits) == ([OpState.VERIFIED], ["us"])


@pytest.mark.fault("F-29", "W", "before")
@pytest.mark.fault("F-29", "W", "after")
@pytest.mark.fault("F-29", "W", "late")
@pytest.mark.parametrize("when", WHENS)
async def test_a_receipt_for_another_line_is_none(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        cost = {"kind": ChangeKind.SET_UNIT_COST, "target": 20_000, "unit_cost_before": 31_000, "unit_cost_target": 32_000}
        plan = await bench.plan(bench.changes(1, **cost))
        bench.strike("F-29", "other_echo", when)
        pushed = await bench.push(plan)
        assert OpState.UNKNOWN in pushed.passed
        assert pushed.sends == 1
        assert pushed.first_commits == {"before": [], "after": ["us"], "late": ["late"]}[when]
        assert pushed.states == [OpState.NEEDS_REVIEW]
        assert pushed.messages[0].startswith("The PSA confirmed something else than we sent.")
