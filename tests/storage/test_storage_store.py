import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile_app.core.basis import LastPush
from reconcile_app.core.errors import NotFound, SettingsError, StorageError
from reconcile_app.core.history import RowNote, StoredPush, StoredRun
from reconcile_app.core.mapping_rules import CustomerRule, LineRule, MappingRules, ProductRule
from reconcile_app.storage.store import WorkspaceStore
from tests.fakes.snapshot_basis import RULES

NOW = datetime(2026, 11, 26, 8, 15, 0, 123_456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace.db"


@pytest.fixture
def store(path: Path) -> Iterator[WorkspaceStore]:
    opened = WorkspaceStore(path)
    yield opened
    opened.close()


def run(run_id: str = "20261126-081500-3fa9c1", *, minutes: int = 0) -> StoredRun:
    return StoredRun(
        run_id=run_id,
        created=NOW + timedelta(minutes=minutes),
        period_start=date(2026, 10, 26),
        period_end=date(2026, 11, 25),
        billing="atria",
        psa="autotask",
        rows=220,
        warnings=15,
        money=-4_125_000,
        complete=True,
        counts={"rows": 220, "raised": 14},
        document='{"rows": []}',
    )


# rules -----------------------------------------------------------------------------------------------------------------------
def test_before_anything_is_decided_there_are_no_rules(store: WorkspaceStore) -> None:
    assert store.rules("atria", "autotask") == MappingRules()


def test_rules_belong_to_a_pair_of_connections(store: WorkspaceStore) -> None:
    rules = replace(RULES, version=1)
    store.save_rules("atria", "autotask", rules)
    assert store.rules("atria", "autotask") == rules
    assert store.rules("atria", "connectwise") == MappingRules()
    assert store.rules("autotask", "atria") == MappingRules()


def test_the_whole_set_is_replaced(store: WorkspaceStore) -> None:
    store.save_rules("a", "p", replace(RULES, version=1))
    smaller = MappingRules(version=2, products={"1": ProductRule(sku="1", service_id="")})
    store.save_rules("a", "p", smaller)
    assert store.rules("a", "p") == smaller
    store.save_rules("a", "p", MappingRules(version=3))
    assert store.rules("a", "p") == MappingRules(version=3)


@pytest.mark.parametrize("version", [0, 1, 2, 4, -1])
def test_a_change_by_somebody_else_is_never_overwritten(store: WorkspaceStore, version: int) -> None:
    for step in (1, 2):
        store.save_rules("a", "p", replace(RULES, version=step))
    with pytest.raises(StorageError, match="changed meanwhile"):
        store.save_rules("a", "p", MappingRules(version=version))
    assert store.rules("a", "p") == replace(RULES, version=2)


def test_of_many_who_save_at_once_exactly_one_wins(path: Path, store: WorkspaceStore) -> None:
    def save(number: int) -> str:
        own = WorkspaceStore(path)
        try:
            own.save_rules("a", "p", MappingRules(version=1, products={str(number): ProductRule(sku=str(number), service_id="1")}))
        except StorageError:
            return ""
        finally:
            own.close()
        return str(number)

    with ThreadPoolExecutor(4) as pool:
        winners = [number for number in pool.map(save, range(8)) if number]
    assert len(winners) == 1
    assert list(store.rules("a", "p").products) == winners


def test_what_is_read_while_somebody_saves_is_one_version_and_no_mixture(path: Path, store: WorkspaceStore) -> None:
    def save_all() -> None:
        own = WorkspaceStore(path)
        for version in range(1, 61):
            text = str(version)
            own.save_rules(
                "a",
                "p",
                MappingRules(version=version, products={text: ProductRule(sku=text, service_id="1")}, waiting={text: "field"}),
            )
        own.close()

    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save_all)
        while not saving.done():
            rules = store.rules("a", "p")
            expected = [str(rules.version)] if rules.version else []
            assert list(rules.products) == list(rules.waiting) == expected
        saving.result()
    assert store.rules("a", "p").version == 60


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.tuples(TEXTS, TEXTS, TEXTS), max_size=6))
def test_whatever_text_a_rule_holds_comes_back(store: WorkspaceStore, texts: set[tuple[str, str, str]]) -> None:
    rules = MappingRules(
        version=store.rules("a", "p").version + 1,
        customers={a: CustomerRule(customer_code=a, company_id=b, contract_id=c) for a, b, c in texts},
        lines={(a, b): LineRule(customer_code=a, sku=b, contract_id=c, line_id=a) for a, b, c in texts},
        waiting={a: b for a, b, _ in texts},
    )
    store.save_rules("a", "p", rules)
    assert store.rules("a", "p") == rules


def test_text_that_cannot_be_stored_is_told_and_nothing_is_half_saved(store: WorkspaceStore) -> None:
    store.save_rules("a", "p", replace(RULES, version=1))
    with pytest.raises(StorageError):
        store.save_rules("a", "p", MappingRules(version=2, products={"\ud800": ProductRule(sku="\ud800", service_id="1")}))
    assert store.rules("a", "p") == replace(RULES, version=1)


# runs ------------------------------------------------------------------------------------------------------------------------
def test_runs_come_newest_first_without_their_documents(store: WorkspaceStore) -> None:
    for minutes in (5, 0, 9):
        store.save_run(run(f"run-{minutes}", minutes=minutes))
    assert [found.run_id for found in store.runs()] == ["run-9", "run-5", "run-0"]
    assert {found.document for found in store.runs()} == {""}
    assert store.run("run-5") == run("run-5", minutes=5)
    assert replace(store.runs()[1], document=run().document) == run("run-5", minutes=5)


def test_a_run_is_replaced_and_its_result_told_later(store: WorkspaceStore) -> None:
    store.save_run(run())
    store.save_run(replace(run(), rows=221, complete=False))
    store.set_result(run().run_id, "finished, 2 open")
    [found] = store.runs()
    assert (found.rows, found.complete, found.result) == (221, False, "finished, 2 open")


def test_a_run_that_is_not_there(store: WorkspaceStore) -> None:
    for attempt in (lambda: store.run("none"), lambda: store.set_result("none", "finished")):
        with pytest.raises(NotFound):
            attempt()


def test_decisions_are_replaced_as_a_whole_and_may_come_before_their_run(store: WorkspaceStore) -> None:
    store.save_decisions(run().run_id, {"b": True, "a": False})
    assert store.decisions(run().run_id) == {"a": False, "b": True}
    store.save_decisions(run().run_id, {"c": True})
    assert store.decisions(run().run_id) == {"c": True}
    assert store.decisions("other") == {}
    store.save_decisions(run().run_id, {})
    assert store.decisions(run().run_id) == {}


def test_a_deleted_run_leaves_what_it_pushed(store: WorkspaceStore) -> None:
    store.save_run(run())
    store.save_decisions(run().run_id, {"a": True})
    store.save_pushed("t", "8001", 125_000, date(2026, 11, 26), run().run_id)
    store.delete_run(run().run_id)
    store.delete_run(run().run_id)
    assert store.runs() == []
    assert store.decisions(run().run_id) == {}
    assert store.last_pushed("t") == {"8001": LastPush(quantity=125_000, pushed_on=date(2026, 11, 26))}


@pytest.mark.parametrize("name", ["atria", "autotask"])
def test_a_forgotten_connection_takes_every_pair_of_its_own_with_it(store: WorkspaceStore, name: str) -> None:
    store.save_run(run())
    store.save_decisions(run().run_id, {"a": True})
    store.save_run(replace(run("other"), billing="b", psa="p"))
    store.save_decisions("other", {"a": True})
    for pair in (("atria", "autotask"), ("b", "p")):
        store.save_rules(*pair, replace(RULES, version=1))
        store.save_note(*pair, RowNote(key="k", text="t", by="Kim", created=NOW))
    store.save_pushed("t", "8001", 125_000, date(2026, 11, 26), run().run_id)
    store.forget_connection(name)
    assert [found.run_id for found in store.runs()] == ["other"]
    assert (store.decisions(run().run_id), store.decisions("other")) == ({}, {"a": True})
    assert store.rules("atria", "autotask") == MappingRules()
    assert store.rules("b", "p") == replace(RULES, version=1)
    assert (store.notes("atria", "autotask"), list(store.notes("b", "p"))) == ({}, ["k"])
    assert list(store.last_pushed("t")) == ["8001"]
    store.save_rules("atria", "autotask", replace(RULES, version=1))


# pushed ----------------------------------------------------------------------------------------------------------------------
def test_the_last_push_of_a_line_is_the_one_that_was_saved_last(store: WorkspaceStore) -> None:
    store.save_pushed("t", "1", 10_000, date(2026, 11, 26), "run-1")
    store.save_pushed("t", "1", 30_000, date(2026, 11, 20), "run-2")
    store.save_pushed("t", "2", -5, date(2026, 11, 26), "run-1")
    store.save_pushed("other", "1", 7, date(2026, 11, 26), "run-1")
    store.save_pushed("t", "1", 20_000, date(2026, 11, 26), "run-1")
    assert store.last_pushed("t") == {
        "1": LastPush(quantity=30_000, pushed_on=date(2026, 11, 20)),
        "2": LastPush(quantity=-5, pushed_on=date(2026, 11, 26)),
    }
    assert store.pushes("t", "1") == [
        StoredPush(tenant="t", line_id="1", quantity=20_000, pushed_on=date(2026, 11, 26), run_id="run-1"),
        StoredPush(tenant="t", line_id="1", quantity=30_000, pushed_on=date(2026, 11, 20), run_id="run-2"),
    ]
    assert store.last_pushed("nobody") == {}


def test_quantities_beyond_32_bits_are_kept_exactly(store: WorkspaceStore) -> None:
    store.save_pushed("t", "1", 10**12 * 10_000 + 1, date(2026, 11, 26), "run-1")
    assert store.last_pushed("t")["1"].quantity == 10**12 * 10_000 + 1


# notes -----------------------------------------------------------------------------------------------------------------------
def test_a_row_has_one_note(store: WorkspaceStore) -> None:
    first = RowNote(key="ASP/1/650", text="Ask Kim", by="Robin", created=NOW)
    store.save_note("a", "p", first)
    assert store.notes("a", "p") == {"ASP/1/650": first}
    second = replace(first, text="Asked")
    store.save_note("a", "p", second)
    assert store.notes("a", "p") == {"ASP/1/650": second}
    store.save_note("a", "p", replace(first, text=""))
    assert store.notes("a", "p") == {}


# the file --------------------------------------------------------------------------------------------------------------------
def test_everything_is_there_next_time(path: Path, store: WorkspaceStore) -> None:
    store.save_run(run())
    store.save_rules("a", "p", replace(RULES, version=1))
    store.close()
    again = WorkspaceStore(path)
    assert again.run(run().run_id) == run()
    assert again.rules("a", "p") == replace(RULES, version=1)
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists")
def test_the_file_is_private(path: Path, store: WorkspaceStore) -> None:
    store.save_run(run())
    assert {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}


def test_two_programs_can_work_with_it(path: Path, store: WorkspaceStore) -> None:
    other = WorkspaceStore(path)
    other.save_run(run("other"))
    store.save_run(run("mine", minutes=1))
    assert [found.run_id for found in other.runs()] == [found.run_id for found in store.runs()] == ["mine", "other"]
    other.close()


def test_a_database_that_is_held_by_another_program_is_told(path: Path, store: WorkspaceStore) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="in use"):
        store.save_run(run())
    holder.execute("ROLLBACK")
    holder.close()
    store.save_run(run())


@pytest.mark.parametrize("address", ["nonsense", "mysterydb://x/y", "postgresql://user:canary-0815@127.0.0.1:1/none"])
def test_an_address_that_cannot_be_used_is_told_without_its_password(address: str) -> None:
    with pytest.raises((SettingsError, StorageError)) as refused:
        WorkspaceStore(address)
    assert "canary-0815" not in f"{refused.value} {refused.value.details}"
