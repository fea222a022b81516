"""The session is the desk that window and command line know, also over the real stores of this computer."""

from pathlib import Path

import pytest

from reconcile_app.core.errors import NotFound
from reconcile_app.core.history import RowNote
from reconcile_app.core.mapping_rules import IgnoreRule, LineRule, ProductRule
from reconcile_app.core.settings import CompareOptions, Connection, Secret
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import Desk
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.session import Session, Stores
from reconcile_app.storage.decision_sheet import read_decisions
from reconcile_app.storage.journal import Journals
from reconcile_app.storage.locks import TenantLocks
from reconcile_app.storage.paths import DataPaths
from reconcile_app.storage.snapshots import Snapshots
from reconcile_app.storage.store import WorkspaceStore
from reconcile_app.storage.workbook import write_workbook
from tests.fakes.comparing import TODAY, row_of
from tests.fakes.office import NO_LIMITS, Office, unwatched
from tests.fakes.psa import Fault


def office() -> Office:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    desk.world.bill("BIR", "999", 1)
    return desk


async def test_the_session_is_a_desk() -> None:
    session = office().session
    desk: Desk = session
    assert desk.run is None
    run = await desk.compare("atria", "autotask", CompareOptions(), unwatched)
    assert desk.run is run
    assert (desk.rules, desk.can_undo, desk.can_redo, desk.secrets_note) == (run.basis.rules, "", "", "")


def methods(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_the_session_has_everything_a_desk_has() -> None:
    assert methods(Desk) <= methods(Session)


async def test_removing_a_connection_takes_secrets_rules_and_runs_along() -> None:
    desk = office()
    desk.connections_store.save(Connection(name="second", kind="atria"))
    desk.secrets.set("second", "token", Secret("t"))
    gone = await desk.compare()
    await desk.session.map_product(ProductRule(sku="999", service_id="712"))
    desk.workspace.save_note("atria", "autotask", RowNote(key="k", text="x", by="Ada", created=desk.clock.now()))
    desk.clock.advance(60)
    stays = await desk.session.compare("second", "autotask", CompareOptions(), unwatched)
    desk.session.remove_connection("atria")
    assert [view.connection.name for view in desk.session.connections()] == ["autotask", "second"]
    assert [view.run_id for view in desk.session.runs()] == [stays.run_id]
    assert list(desk.snapshots.held) == [stays.run_id]
    assert desk.workspace.rules("atria", "autotask").products == {}
    assert desk.workspace.notes("atria", "autotask") == {}
    assert ("atria", "token") not in desk.secrets.held
    assert ("second", "token") in desk.secrets.held
    with pytest.raises(NotFound):
        await desk.session.open_run(gone.run_id)


def test_a_connection_that_is_not_there_cannot_be_removed() -> None:
    desk = office()
    with pytest.raises(NotFound):
        desk.session.remove_connection("other")
    assert len(desk.session.connections()) == 2


async def test_the_current_connection_and_its_run_can_be_left_alone() -> None:
    desk = office()
    await desk.compare()
    desk.session.save_connection("autotask", "autotask", {"zone_user": "b@example.net"}, {})
    assert desk.connections_store.held["autotask"].value("zone_user") == "b@example.net"
    assert (await desk.session.verify("autotask")).words == "Connected"
    assert len(desk.session.runs()) == 1


class RealDesk:
    """A session over the real stores in a folder; only the two systems are fakes."""

    def __init__(self, folder: Path, desk: Office) -> None:
        paths = DataPaths.find(folder)
        paths.prepare()
        connections = Connections(desk.specs(), desk.connections_store, desk.secrets, desk.clock)
        self.store = WorkspaceStore(paths.workspace_db)
        snapshots = Snapshots(paths.runs_dir)
        locks = TenantLocks(paths.locks_dir, name="Ada", machine="desk-1", clock=desk.clock)
        self.pushes = Pushes(
            connections, Journals(paths, desk.clock), locks, self.store, snapshots, desk.clock, operator="Ada", machine="desk-1"
        )
        stores = Stores(
            workspace=self.store, snapshots=snapshots, write_workbook=write_workbook, read_decisions=read_decisions
        )
        self.session = Session(connections, self.pushes, stores, desk.clock, operator="Ada", machine="desk-1", version="1.2")

    def close(self) -> None:
        self.store.close()


async def test_a_whole_month_over_the_real_stores(tmp_path: Path) -> None:
    world = office()
    desk = RealDesk(tmp_path / "data", world)
    first = await desk.session.compare("atria", "autotask", CompareOptions(), unwatched)
    await desk.session.map_product(ProductRule(sku="999", service_id="712"))
    await desk.session.ignore([IgnoreRule(key="BIR/C175/712", reason="agreed", by="Ada", created=TODAY)])
    await desk.session.map_line(LineRule(customer_code="BIR", sku="712", contract_id="C175", line_id="L-BIR-712"))
    await desk.session.undo()
    before = await desk.session.decide(["ASP/C174/650"], True)
    desk.close()

    desk = RealDesk(tmp_path / "data", world)
    run = await desk.session.open_run(first.run_id)
    assert run.rows.equals(before.rows)
    assert run.log.equals(before.log)
    assert run.ignored.equals(before.ignored)
    world.psa.writes.append(Fault.NONE)
    plan = await desk.session.review(NO_LIMITS)
    view = await desk.session.push(plan, "", world.views.append)
    assert (view.result, desk.session.runs()[0].result) == ("finished", "finished")
    (mine,) = desk.session.reports(run.run_id)
    (kept,) = await desk.pushes.reports(run)
    assert mine.log.equals(kept.log)
    assert (mine.ops, mine.journal_head) == (kept.ops, kept.journal_head)
    assert (await desk.session.export(tmp_path / "log.xlsx")).stat().st_size > 0
    assert await desk.session.open_ops() == []
    assert await desk.session.recover() == []
    world.clock.advance(60)
    again = await desk.session.compare("atria", "autotask", CompareOptions(), unwatched)
    assert row_of(again, "ASP/C174/650")["last_pushed_quantity"] == 120_000
    assert row_of(again, "ASP/C174/650")["status"] == "equal"
    assert again.basis.rules.products == {"999": ProductRule(sku="999", service_id="712")}
    assert desk.session.line_history("ASP/C174/650")["result"].tolist()[-1] == "compared"
    desk.session.remove_connection("atria")
    assert desk.session.runs() == []
    desk.close()
