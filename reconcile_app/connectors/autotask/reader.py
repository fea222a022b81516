"""Reading Autotask: whole sides for a comparison, and everything about a few contracts for a write."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from reconcile_app.connectors.autotask import frames, states
from reconcile_app.connectors.autotask.access import Access
from reconcile_app.connectors.autotask.batches import FanOut, Gathered
from reconcile_app.connectors.autotask.wire import (
    PAGE,
    Company,
    Contract,
    EntityInformation,
    Fields,
    Line,
    Service,
    UnitRow,
    condition,
    day_end,
    day_start,
    decode_once,
    fields_of,
    query_body,
)
from reconcile_app.connectors.columns import rejected_frame
from reconcile_app.connectors.together import both, together
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import SideUnreadable, SignInFailed
from reconcile_app.core.ports import Fetched

PENDING_DAYS = 31
"""How many days past the effective date a planned change is looked for: the start of the next monthly period always lies within."""

_SOME = 2
"""``userAccessForQuery`` of a right that is restricted."""

_RESTRICTED = "The API user sees only some {}, so what is missing cannot be told from what is not there."


class Reader:
    """The queries of one tenant. ``by_number``: companies are matched by their number instead of their id."""

    def __init__(self, access: Access, *, sku_field: str, by_number: bool) -> None:
        self._access, self._sku_field, self._by_number = access, sku_field, by_number
        self._kind: frames.ContractKind | None = None
        self._asking_kind = asyncio.Lock()
        self._restricted: dict[str, bool] = {}
        self._fan_out = {
            "companies": FanOut(500),
            "contracts": FanOut(500),
            "lines": FanOut(50),
            "units": FanOut(25),
            "evidence": FanOut(10),
        }

    # Whole sides

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        """``COMPANIES``. Matched by id, an identifier that is no whole number finds nothing; id 0 is a company."""
        numbers = {text.strip() for text in identifiers or () if text.strip()}
        wanted = _whole_numbers([*ids, *(() if self._by_number else numbers)])
        parts = [self._companies_by("id", wanted)] if wanted else []
        if self._by_number and numbers:
            parts.append(self._companies_by("companyNumber", numbers))
        if identifiers is None:
            parts.append(self._active_companies())
        if not parts:
            return _fetched(frames.companies_frame([], by_number=self._by_number), [], {})
        found, _ = await both(together(*parts), self.contract_kind())  # The contracts then need not wait for their kind.
        rows = {row.id: row for part in found for row in part.rows}
        unread = _named("company", found[0].unread) if wanted else {}
        by_name = found[1 if wanted else 0 :]
        unread |= {
            f"company:{fault.ids['id']}": fault.reason
            for part in by_name
            for fault in part.faults
            if fault.lost and "id" in fault.ids
        }
        if any(part.error is not None for part in by_name):
            unread = {}  # Without ids nobody can say which companies are missing: the whole side is unknown.
        frame = await asyncio.to_thread(frames.companies_frame, list(rows.values()), by_number=self._by_number)
        return _fetched(frame, found, unread)

    def _companies_by(self, name: str, values: Collection[Any]) -> Any:
        return self._access.gather(
            "Companies",
            Company,
            values,
            lambda batch: query_body(fields_of(Company), condition("in", name, batch)),
            key=name,
            fan_out=self._fan_out["companies"],
        )

    async def _active_companies(self) -> Gathered[Company, int]:
        page = await self._access.query("Companies", Company, query_body(fields_of(Company), condition("eq", "isActive", True)))
        return Gathered(rows=list(page.rows), faults=list(page.faults))

    async def contracts(self, company_ids: Collection[str]) -> Fetched:
        """``CONTRACTS`` of type Recurring Service, whatever their dates and status."""
        kind = await self.contract_kind()
        read = await self._access.gather(
            "Contracts",
            Contract,
            _whole_numbers(company_ids),
            lambda batch: query_body(
                fields_of(Contract), condition("in", "companyID", batch), condition("eq", "contractType", kind.value)
            ),
            key="companyID",
            fan_out=self._fan_out["contracts"],
        )
        frame = await asyncio.to_thread(frames.contracts_frame, read.rows, kind)
        return _fetched(frame, [read], _named("company", read.unread))

    async def services(self) -> Fetched:
        """``SERVICES``. A row that cannot be read is rejected alone; its SKU then matches nothing, which blocks its lines."""
        without = frozenset() if self._sku_field == "sku" else frozenset({"sku"})  # Older tenants do not know the field.
        body = query_body(fields_of(Service, without=without), condition("gte", "id", 0))
        page = await self._access.query("Services", Service, body)
        frame = await asyncio.to_thread(frames.services_frame, page.rows, self._sku_field)
        return Fetched(frame=frame, rejected=rejected_frame(page.faults))

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACT_LINES``; services and unit rows are read side by side, both by contract.

        Each list is checked against the other: an API user who may not see every record gets shorter lists without an error.
        """
        ids = _whole_numbers(contract_ids)
        until = at + timedelta(days=PENDING_DAYS)
        lines, units = await both(self._lines_of(ids), self._units_of(ids, at, until=until))
        unread = {**frames.strays(lines.rows, units.rows), **units.unread, **lines.unread}
        unread |= await self._uncounted(frames.without_units(lines.rows, units.rows, at) - unread.keys(), units.rows, at, until)
        frame, faults = await asyncio.to_thread(frames.lines_frame, lines.rows, units.rows, at, unread)
        return _fetched(frame, [lines, units, Gathered(faults=faults)], _named("contract", unread))

    async def _uncounted(self, contract_ids: Collection[int], units: Sequence[UnitRow], at: date, until: date) -> dict[int, str]:
        """Contracts of which fewer unit rows came than there are → the reason. A service without units would read as quantity 0."""
        if contract_ids and await self._sees_only_some("ContractServiceUnits"):
            return dict.fromkeys(contract_ids, _RESTRICTED.format("unit rows"))
        came = Counter(row.contract_id for row in units)
        unread: dict[int, str] = {}
        waiting = sorted(contract_ids)
        for batch in (waiting[start : start + PAGE] for start in range(0, len(waiting), PAGE)):
            body = query_body(["id"], condition("in", "contractID", batch), *_window(at, until))
            try:
                there, here = await self._access.count("ContractServiceUnits", body), sum(came[each] for each in batch)
            except SignInFailed:
                raise
            except SideUnreadable as error:
                unread |= dict.fromkeys(batch, error.reason)
                continue
            if there != here:
                unread |= dict.fromkeys(batch, f"There are {there} unit rows, and {here} of them came.")
        return unread

    async def _sees_only_some(self, entity: str) -> bool:
        """Whether the API user's right to read an entity is a restricted one: then records are left out of lists and counts alike.

        Asked once; where it cannot be told the lists are believed.
        """
        if entity not in self._restricted:
            try:
                answer = await self._access.read("GET", f"/{entity}/entityInformation", entity=entity)
                rights = decode_once(answer.content, EntityInformation).info
            except SignInFailed:
                raise
            except SideUnreadable:
                return False
            self._restricted[entity] = rights.user_access_for_query == _SOME
        return self._restricted[entity]

    def _lines_of(self, contract_ids: Collection[int]) -> Any:
        return self._access.gather(
            "ContractServices",
            Line,
            contract_ids,
            lambda batch: query_body(fields_of(Line), condition("in", "contractID", batch)),
            key="contractID",
            fan_out=self._fan_out["lines"],
            counted=False,  # Services and unit rows are checked against each other.
        )

    def _units_of(self, contract_ids: Collection[int], since: date, *, until: date | None = None) -> Any:
        """Unit rows that end on ``since`` or later and start on ``until`` or earlier."""
        window = _window(since, until)
        return self._access.gather(
            "ContractServiceUnits",
            UnitRow,
            contract_ids,
            lambda batch: query_body(fields_of(UnitRow), condition("in", "contractID", batch), *window),
            key="contractID",
            fan_out=self._fan_out["units" if until is not None else "evidence"],
            counted=False,
        )

    async def contract_kind(self) -> frames.ContractKind:
        """Which contract type is meant, from the tenant's picklist; asked once."""
        async with self._asking_kind:
            if self._kind is None:
                try:
                    answer = await self._access.read("GET", "/Contracts/entityInformation/fields", entity="Contracts")
                    self._kind = frames.contract_kind(decode_once(answer.content, Fields))
                except SignInFailed:
                    raise
                except SideUnreadable:
                    return frames.ContractKind()
            return self._kind

    # A few contracts

    async def readings(
        self, changes: Sequence[Change], known: Mapping[int, Contract]
    ) -> tuple[frames.ContractKind, dict[str, states.Reading]]:
        """Everything about the contracts of some changes, by contract id: three queries side by side."""
        ids = {states.number_of(change.contract_id, "Contract") for change in changes}
        by_service = {
            int(change.contract_id) for change in changes if change.kind in (ChangeKind.CREATE_LINE, ChangeKind.SET_UNIT_COST)
        }
        kind = await self.contract_kind()
        contracts, units, lines = await together(
            self._rows_by_id("Contracts", Contract, ids - set(known)),
            self._units_of(ids, states.first_evidence(min(change.effective_date for change in changes))),
            self._lines_of(by_service),
        )
        rowless = _without_rows(changes, units.rows)
        absent = await self._rows_by_id("ContractServices", Line, rowless)
        for gathered in (contracts, units, lines, absent):
            if gathered.error is not None:
                raise gathered.error
        trouble = {**units.unread, **lines.unread, **contracts.unread}
        if absent.unread:
            trouble |= dict.fromkeys(ids, next(iter(absent.unread.values())))
        created = {int(change.contract_id) for change in changes if change.kind is ChangeKind.CREATE_LINE}
        if created and await self._sees_only_some("ContractServices"):
            trouble |= dict.fromkeys(created, _RESTRICTED.format("services of contracts"))
        found = {**known, **{row.id: row for row in contracts.rows}}
        own_units, own_lines = _by_contract(units.rows), _by_contract([*lines.rows, *absent.rows])
        readings = {
            each: states.Reading(
                contract=found.get(each), units=own_units[each], lines=own_lines[each], trouble=trouble.get(each, "")
            )
            for each in ids
        }
        return kind, {change.contract_id: readings[int(change.contract_id)] for change in changes}

    def _rows_by_id(self, entity: str, row: Any, ids: Collection[int]) -> Any:
        return self._access.gather(
            entity, row, ids, lambda batch: query_body(fields_of(row), condition("in", "id", batch)), key="id", fan_out=FanOut(500)
        )


def _window(since: date, until: date | None) -> list[dict[str, object]]:
    window = [condition("gte", "endDate", day_start(since))]
    return window if until is None else [*window, condition("lte", "startDate", day_end(until))]


def _without_rows(changes: Sequence[Change], units: Sequence[UnitRow]) -> set[int]:
    """Existing lines that have no unit row to show that they exist."""
    shown = {row.contract_service_id for row in units}
    lines = {
        states.number_of(change.line_id, "Line")
        for change in changes
        if change.kind not in (ChangeKind.CREATE_LINE, ChangeKind.SET_UNIT_COST)
    }
    return lines - shown


def _by_contract(rows: Sequence[Any]) -> defaultdict[int, list[Any]]:
    groups: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.contract_id].append(row)
    return groups


def _whole_numbers(texts: Collection[str]) -> set[int]:
    return {int(text) for text in (each.strip() for each in texts) if text.isascii() and text.isdigit() and len(text) <= 18}


def _named(part: str, unread: Mapping[int, str]) -> dict[str, str]:
    return {f"{part}:{each}": reason for each, reason in unread.items()}


def _fetched(frame: Any, parts: Sequence[Gathered[Any, Any]], unread: Mapping[str, str]) -> Fetched:
    reasons = [*(reason for part in parts for reason in part.unread.values()), *unread.values()]
    return Fetched(
        frame=frame,
        rejected=rejected_frame(fault for part in parts for fault in part.faults),
        complete=not reasons,
        error=reasons[0] if reasons else "",
        unread=unread,
    )
