"""The workspace: mappings, decisions, runs and what was pushed, in one database."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from reconcile_app.core.basis import LastPush
from reconcile_app.core.errors import NotFound, StorageError
from reconcile_app.core.history import RowNote, StoredPush, StoredRun
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.storage import tables
from reconcile_app.storage.database import database_errors, open_database

_READS: Final = 20
_RULE_TABLES: Final = (tables.customer_rule, tables.product_rule, tables.line_rule, tables.ignore_rule, tables.waiting)


class WorkspaceStore:
    """The open workspace. Every method is one transaction; call them off the main thread.

    Args:
        target: a file for SQLite or the address of a PostgreSQL database, see ``database.open_database`` for the errors.

    Raises (all methods): StorageError, DiskFull.
    """

    def __init__(self, target: Path | str) -> None:
        self._engine: Engine = open_database(target)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # mapping rules -----------------------------------------------------------------------------------------------------------
    def rules(self, billing: str, psa: str) -> MappingRules:
        """Everything decided for a pair of connections; version 0 where nothing is yet."""
        with database_errors(), self._engine.connect() as connection:
            for _ in range(_READS):
                before = _version(connection, billing, psa)
                rules = _read_rules(connection, billing, psa, before)
                if _version(connection, billing, psa) == before:
                    return rules
        raise StorageError("The mappings are being changed.", "Somebody saves them again and again.", next_step="Try again.")

    def save_rules(self, billing: str, psa: str, rules: MappingRules) -> None:
        """Replace the whole set. ``rules.version`` is the new version: one more than the one that was read.

        Raises:
            StorageError: somebody else has saved meanwhile; nothing was changed.
        """
        with database_errors(), self._engine.begin() as connection:
            self._claim_version(connection, billing, psa, rules.version)
            pair = {"billing": billing, "psa": psa}
            for table in _RULE_TABLES:
                connection.execute(delete(table).where(table.c.billing == billing, table.c.psa == psa))
            for table, rows in zip(_RULE_TABLES, _rule_rows(rules), strict=True):
                values = [pair | row for row in rows]
                if values:
                    connection.execute(insert(table), values)

    def _claim_version(self, connection: Connection, billing: str, psa: str, version: int) -> None:
        owner = tables.rule_set
        ours = (owner.c.billing == billing, owner.c.psa == psa)
        claimed = connection.execute(update(owner).where(*ours, owner.c.version == version - 1).values(version=version)).rowcount
        if claimed:
            return
        try:
            if version != 1:
                raise _changed_meanwhile()
            connection.execute(insert(owner).values(billing=billing, psa=psa, version=version))
        except IntegrityError as error:
            raise _changed_meanwhile() from error

    # runs --------------------------------------------------------------------------------------------------------------------
    def runs(self) -> list[StoredRun]:
        """Every run, newest first, without its document."""
        own = tables.run
        columns = [column for column in own.c if column.name != "document"]
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(own.c.created.desc(), own.c.run_id.desc())).mappings()
            return [_run_of(dict(row)) for row in rows]

    def run(self, run_id: str) -> StoredRun:
        """One run with its document.

        Raises:
            NotFound: there is none.
        """
        with database_errors(), self._engine.connect() as connection:
            row = connection.execute(select(tables.run).where(tables.run.c.run_id == run_id)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"There is no run {run_id[:60]}.", next_step="List the runs to see which there are.")
        return _run_of(dict(row))

    def save_run(self, run: StoredRun) -> None:
        """Add or replace a run."""
        own = tables.run
        values = _run_row(run)
        with database_errors(), self._engine.begin() as connection:
            if not connection.execute(update(own).where(own.c.run_id == run.run_id).values(values)).rowcount:
                connection.execute(insert(own).values(values))

    def set_result(self, run_id: str, result: str) -> None:
        """Say what became of a run.

        Raises:
            NotFound: there is none.
        """
        own = tables.run
        with database_errors(), self._engine.begin() as connection:
            found = connection.execute(update(own).where(own.c.run_id == run_id).values(result=result)).rowcount
        if not found:
            raise NotFound(f"There is no run {run_id[:60]}.", next_step="List the runs to see which there are.")

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its decisions; what it pushed stays known."""
        with database_errors(), self._engine.begin() as connection:
            for table in (tables.decision, tables.run):
                connection.execute(delete(table).where(table.c.run_id == run_id))

    def forget_connection(self, name: str) -> None:
        """Forget the mappings, notes, runs and decisions of every pair that this connection belongs to.

        What was pushed stays known: it belongs to the tenant, which another connection may reach.
        """
        with database_errors(), self._engine.begin() as connection:
            own = tables.run
            gone = select(own.c.run_id).where(or_(own.c.billing == name, own.c.psa == name))
            connection.execute(delete(tables.decision).where(tables.decision.c.run_id.in_(gone)))
            for table in (*_RULE_TABLES, tables.rule_set, tables.note, tables.run):
                connection.execute(delete(table).where(or_(table.c.billing == name, table.c.psa == name)))

    def decisions(self, run_id: str) -> dict[str, bool]:
        """Ticks of a run by row key."""
        own = tables.decision
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(select(own.c.row_key, own.c.selected).where(own.c.run_id == run_id).order_by(own.c.row_key))
            return {key: bool(selected) for key, selected in rows}

    def save_decisions(self, run_id: str, decisions: Mapping[str, bool]) -> None:
        """Replace the ticks of a run."""
        own = tables.decision
        values = [{"run_id": run_id, "row_key": key, "selected": selected} for key, selected in decisions.items()]
        with database_errors(), self._engine.begin() as connection:
            connection.execute(delete(own).where(own.c.run_id == run_id))
            if values:
                connection.execute(insert(own), values)

    # what was pushed ---------------------------------------------------------------------------------------------------------
    def last_pushed(self, tenant: str) -> dict[str, LastPush]:
        """The last pushed and verified quantity of each line, by line id."""
        own = tables.pushed
        newest = select(func.max(own.c.id)).where(own.c.tenant == tenant).group_by(own.c.line_id)
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(select(own.c.line_id, own.c.quantity, own.c.pushed_on).where(own.c.id.in_(newest)))
            return {line: LastPush(quantity=quantity, pushed_on=date.fromisoformat(day)) for line, quantity, day in rows}

    def save_pushed(self, tenant: str, line_id: str, quantity: int, pushed_on: date, run_id: str) -> None:
        """Remember a pushed and verified quantity; the same line and run again replaces it."""
        own = tables.pushed
        values = {"quantity": quantity, "pushed_on": pushed_on.isoformat()}
        same = (own.c.tenant == tenant, own.c.line_id == line_id, own.c.run_id == run_id)
        with database_errors(), self._engine.begin() as connection:
            if not connection.execute(update(own).where(*same).values(values)).rowcount:
                connection.execute(insert(own).values(values | {"tenant": tenant, "line_id": line_id, "run_id": run_id}))

    def pushes(self, tenant: str, line_id: str) -> list[StoredPush]:
        """Every push of a line, oldest first."""
        own = tables.pushed
        query = select(own.c.quantity, own.c.pushed_on, own.c.run_id).where(own.c.tenant == tenant, own.c.line_id == line_id)
        with database_errors(), self._engine.connect() as connection:
            return [
                StoredPush(tenant=tenant, line_id=line_id, quantity=quantity, pushed_on=date.fromisoformat(day), run_id=run_id)
                for quantity, day, run_id in connection.execute(query.order_by(own.c.id))
            ]

    # notes -------------------------------------------------------------------------------------------------------------------
    def notes(self, billing: str, psa: str) -> dict[str, RowNote]:
        """Notes of a pair of connections by row key."""
        own = tables.note
        query = select(own.c.row_key, own.c.text, own.c.author, own.c.created).where(own.c.billing == billing, own.c.psa == psa)
        with database_errors(), self._engine.connect() as connection:
            return {
                key: RowNote(key=key, text=text, by=author, created=datetime.fromisoformat(created))
                for key, text, author, created in connection.execute(query)
            }

    def save_note(self, billing: str, psa: str, note: RowNote) -> None:
        """Replace the note of a row; an empty text removes it."""
        own = tables.note
        with database_errors(), self._engine.begin() as connection:
            connection.execute(delete(own).where(own.c.billing == billing, own.c.psa == psa, own.c.row_key == note.key))
            if note.text:
                connection.execute(
                    insert(own).values(
                        billing=billing, psa=psa, row_key=note.key, text=note.text, author=note.by, created=note.created.isoformat()
                    )
                )


def _changed_meanwhile() -> StorageError:
    return StorageError(
        "The mappings were changed meanwhile.",
        "Another window or somebody else has saved them since they were read.",
        meaning="Your last change was not saved.",
        next_step="Open the run again and repeat the change.",
    )


def _version(connection: Connection, billing: str, psa: str) -> int:
    own = tables.rule_set
    return connection.execute(select(own.c.version).where(own.c.billing == billing, own.c.psa == psa)).scalar_one_or_none() or 0


def _read_rules(connection: Connection, billing: str, psa: str, version: int) -> MappingRules:
    def rows(table: Table) -> list[dict[str, Any]]:
        query = select(table).where(table.c.billing == billing, table.c.psa == psa).order_by(*table.primary_key.columns)
        own = [column.name for column in table.c if column.name not in ("billing", "psa")]
        return [{name: row[name] for name in own} for row in connection.execute(query).mappings()]

    lines = [LineRule(**row) for row in rows(tables.line_rule)]
    return MappingRules(
        version=version,
        customers={row["customer_code"]: CustomerRule(**row) for row in rows(tables.customer_rule)},
        products={row["sku"]: ProductRule(**row) for row in rows(tables.product_rule)},
        lines={(rule.customer_code, rule.sku): rule for rule in lines},
        ignores={row["row_key"]: _ignore_of(row) for row in rows(tables.ignore_rule)},
        waiting={row["customer_code"]: row["field"] for row in rows(tables.waiting)},
    )


def _ignore_of(row: Mapping[str, Any]) -> IgnoreRule:
    return IgnoreRule(
        key=row["row_key"],
        reason=row["reason"],
        by=row["author"],
        created=date.fromisoformat(row["created"]),
        until=date.fromisoformat(row["until"]) if row["until"] else None,
        wake_above=row["wake_above"],
    )


def _rule_rows(rules: MappingRules) -> Iterable[list[dict[str, Any]]]:
    """Rows of each rule table, in the order of ``_RULE_TABLES``."""
    yield [
        {"customer_code": r.customer_code, "company_id": r.company_id, "contract_id": r.contract_id}
        for r in rules.customers.values()
    ]
    yield [{"sku": r.sku, "service_id": r.service_id} for r in rules.products.values()]
    yield [
        {"customer_code": r.customer_code, "sku": r.sku, "contract_id": r.contract_id, "line_id": r.line_id}
        for r in rules.lines.values()
    ]
    yield [
        {
            "row_key": r.key,
            "reason": r.reason,
            "author": r.by,
            "created": r.created.isoformat(),
            "until": r.until.isoformat() if r.until else None,
            "wake_above": r.wake_above,
        }
        for r in rules.ignores.values()
    ]
    yield [{"customer_code": code, "field": field} for code, field in rules.waiting.items()]


def _run_row(run: StoredRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "created": run.created.isoformat(),
        "period_start": run.period_start.isoformat(),
        "period_end": run.period_end.isoformat(),
        "billing": run.billing,
        "psa": run.psa,
        "row_count": run.rows,
        "warnings": run.warnings,
        "money": run.money,
        "complete": run.complete,
        "result": run.result,
        "counts": json.dumps(dict(run.counts), sort_keys=True),
        "document": run.document,
    }


def _run_of(row: Mapping[str, Any]) -> StoredRun:
    return StoredRun(
        run_id=row["run_id"],
        created=datetime.fromisoformat(row["created"]),
        period_start=date.fromisoformat(row["period_start"]),
        period_end=date.fromisoformat(row["period_end"]),
        billing=row["billing"],
        psa=row["psa"],
        rows=row["row_count"],
        warnings=row["warnings"],
        money=row["money"],
        complete=bool(row["complete"]),
        result=row["result"],
        counts=json.loads(row["counts"]),
        document=row.get("document", ""),
    )
