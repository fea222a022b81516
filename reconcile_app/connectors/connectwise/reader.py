"""Reading ConnectWise: whole sides for a comparison, and everything about a few agreements for a write."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

import pandas as pd

from reconcile_app.connectors.columns import rejected_frame
from reconcile_app.connectors.connectwise import bundles, frames, states
from reconcile_app.connectors.connectwise.access import Access
from reconcile_app.connectors.connectwise.conditions import all_of, batches, one_of, text_value
from reconcile_app.connectors.connectwise.fanout import Gathered, gather
from reconcile_app.connectors.connectwise.lists import Lists, unreadable_list
from reconcile_app.connectors.connectwise.rights import AGREEMENTS, CATALOG, COMPANIES, judge_right, offer, type_named
from reconcile_app.connectors.connectwise.wire import (
    PAGE,
    TITLE,
    Addition,
    Agreement,
    AgreementType,
    Company,
    Fault,
    Product,
    R,
    Rights,
    RowsRead,
    decode_once,
    visible,
)
from reconcile_app.connectors.together import both, together
from reconcile_app.core.changes import Change
from reconcile_app.core.errors import PermissionDenied, SettingsError, SideUnreadable, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import CheckResult, Fetched

_COMPANIES, _AGREEMENTS, _TYPES, _CATALOG = (
    "/company/companies", "/finance/agreements", "/finance/agreements/types", "/procurement/catalog"
)  # fmt: skip
_MOST_URLS = 4
"""A list that would take more addresses than this is read as a whole: a page of it holds more than an address can name."""

_RESTRICTED = (
    "The API member sees only its own agreements and additions, so this product may stand there unseen. "
    "Grant inquire level All for Finance, Agreements."
)
_NAMES = {_COMPANIES: "companies", _AGREEMENTS: "agreements", _CATALOG: "products"}


class Reader:
    """The lists of one tenant.

    Args:
        access: the way in.
        lists: reads lists through it.
        agreement_type: name of the wanted type.
        by_id: companies are matched by their number instead of their identifier.
        bundles: the model version to read bundles with, or empty to read agreements one by one.
    """

    def __init__(self, access: Access, lists: Lists, *, agreement_type: str, by_id: bool, bundles: str) -> None:
        self._access, self._lists, self._by_id, self._bundles = access, lists, by_id, bundles
        self._wanted = agreement_type
        self._kind: AgreementType | None = None
        self._asking_kind = asyncio.Lock()
        self._agreements: dict[int, Agreement] = {}
        self._restricted: bool | None = None

    # Whole sides

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        """``COMPANIES``. Matched by id, an identifier that is no whole number finds nothing."""
        texts = [text for each in identifiers or () if (text := visible(each))]
        numbers = _whole_numbers([*ids, *(texts if self._by_id else ())])
        names: dict[str, str] = {} if self._by_id else {text.casefold(): text for text in sorted(texts, reverse=True)}
        live = "deletedFlag = false"
        cut = [
            *self._cut(_COMPANIES, Company, "id", [str(each) for each in sorted(numbers)], live),
            *self._cut(_COMPANIES, Company, "identifier", [text_value(names[each]) for each in sorted(names)], live),
        ]
        everything = identifiers is None
        asked = [live] if everything or len(cut) > _MOST_URLS else cut
        read, came = await self._all(_COMPANIES, Company, COMPANIES.name, asked)
        rows = [
            each.row
            for each in read.rows
            if everything or each.row.id in numbers or (visible(each.row.identifier) or "").casefold() in names
        ]
        if numbers - {row.id for row in rows} or set(names) - {(visible(row.identifier) or "").casefold() for row in rows}:
            await self._confirm(_COMPANIES, COMPANIES.name, asked, came)
        frame = await asyncio.to_thread(frames.companies_frame, rows, by_id=self._by_id, asked=names)
        return _fetched(frame, read.faults, _by_owner(read.faults, "id", "company"))

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACTS`` of the wanted type, whatever their dates; what they are on ``at`` decides whose additions are read.

        Raises:
            SettingsError: there is no agreement type of this name (CW21).
        """
        kind, wanted = await self.kind(), _whole_numbers(company_ids)
        typed = f"type/id = {kind.id}"
        cut = self._cut(_AGREEMENTS, Agreement, "company/id", [str(each) for each in sorted(wanted)], typed)
        asked = [typed] if len(cut) > _MOST_URLS else cut
        read, came = await self._all(_AGREEMENTS, Agreement, AGREEMENTS.name, asked)
        rows = [each.row for each in read.rows if each.row.company.id in wanted]
        if any(each.row.type.id != kind.id for each in read.rows) or (asked == cut and len(rows) < len(read.rows)):
            raise unreadable_list("Agreements came that were not asked for.")
        if wanted - {row.company.id for row in rows}:
            await self._confirm(_AGREEMENTS, AGREEMENTS.name, asked, came)
        self._agreements.update({row.id: row for row in rows})
        faults = [fault for fault in read.faults if fault.ids.get("company") is None or fault.ids["company"] in wanted]
        frame = await asyncio.to_thread(frames.contracts_frame, rows)
        return _fetched(frame, faults, _by_owner(faults, "company", "company"))

    async def services(self) -> Fetched:
        """``SERVICES``. A row that cannot be read is rejected alone; its SKU then matches nothing, which blocks its lines."""
        read, _ = await self._all(_CATALOG, Product, CATALOG.name, [""])
        frame = await asyncio.to_thread(frames.services_frame, [each.row for each in read.rows])
        return Fetched(frame=frame, rejected=rejected_frame(read.faults))

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACT_LINES``: additions of the agreements that are in force on ``at``, one call for each."""
        ids = _whole_numbers(contract_ids)
        relevant = {each for each in ids if each not in self._agreements or frames.agreement_runs(self._agreements[each], at)}
        read = await self._additions_of(relevant)
        unread = dict(read.unread)
        faults: list[Fault] = []
        for each, found in read.found.items():
            faults.extend(found.faults)
            if found.faults:
                unread[each] = found.faults[0].reason
            elif any(seen.row.agreement_id not in (None, each) for seen in found.rows):
                unread[each] = "Additions of another agreement came."
        additions = {each: found.rows for each, found in read.found.items()}
        frame, more = await asyncio.to_thread(frames.lines_frame, additions, at, unread)
        named = {f"contract:{each}": reason for each, reason in unread.items()}
        return Fetched(
            frame=frame,
            rejected=rejected_frame([*faults, *more]),
            complete=not named,
            error=next(iter(named.values()), ""),
            unread=named,
        )

    # The kind of agreement

    async def kind(self) -> AgreementType:
        """The agreement type of the connection; asked once.

        Raises:
            SettingsError: there is none of this name (CW21), with the names there are.
            SideUnreadable: the types could not be read.
        """
        async with self._asking_kind:
            if self._kind is None:
                types = await self.agreement_types()
                self._kind = type_named(self._wanted, types)
                if self._kind is None:
                    raise SettingsError(
                        "The agreement type is not known to ConnectWise.",
                        f"The connection says {self._wanted[:60]!r}." if self._wanted else "The connection names none.",
                        meaning="Nothing was changed.",
                        next_step=offer(types),
                        kind=Kind.CONTRACT_TYPE_INVALID,
                        subject=self._wanted,
                    )
            return self._kind

    async def agreement_types(self) -> list[AgreementType]:
        """Every agreement type, to choose from."""
        read = await self._lists.read(_TYPES, AgreementType, right="System, Table Setup: inquire")
        return [seen.row for seen in read.rows]

    # Rights

    async def own_rights(self) -> list[Rights] | SideUnreadable:
        """What the API member may do, or why that is not told.

        Raises:
            SideUnreadable: another reason than a missing permission.
        """
        try:
            answer = await self._access.read("GET", "/system/mySecurity", right="", params={"pageSize": str(PAGE)})
            return decode_once(answer.content, list[Rights])
        except PermissionDenied as error:
            return error

    async def _sees_only_some(self) -> bool:
        """Whether the API member sees only its own agreements: others are left out of lists and counts alike. Asked once."""
        if self._restricted is None:
            self._restricted = judge_right(AGREEMENTS, await self.own_rights()).result is CheckResult.MISSING
        return self._restricted

    # Lists

    def _cut(self, path: str, row: type[R], field: str, values: Sequence[str], fixed: str) -> list[str]:
        """Conditions that each name as many values as an address can hold."""

        def condition(some: Sequence[str]) -> str:
            return all_of(fixed, one_of(field, some))

        return [condition(some) for some in batches(values, lambda some: self._lists.length(path, row, condition(some)))]

    async def _all(self, path: str, row: type[R], right: str, conditions: Sequence[str]) -> tuple[RowsRead[R], int]:
        """The lists of several conditions as one, each row once, and how many rows they brought."""

        def told(rows: int, page: int) -> None:
            self._access.report(_NAMES[path], rows, page)

        parts = await together(*(self._lists.read(path, row, right=right, conditions=each, told=told) for each in conditions))
        rows = {seen.row.id: seen for part in parts for seen in part.rows}
        read = RowsRead(rows=list(rows.values()), faults=[fault for part in parts for fault in part.faults])
        return read, sum(part.came for part in parts)

    async def _confirm(self, path: str, right: str, conditions: Sequence[str], came: int) -> None:
        """Something that was asked for did not come: either there is none, or it was left out.

        Raises:
            AnswerUnreadable: there are more rows than came.
        """
        there = sum(await together(*(self._lists.count(path, right=right, conditions=each) for each in conditions)))
        if there > came:
            raise unreadable_list(f"{path}: there are {there} rows, and {came} came.")

    async def _additions(self, agreement_id: int, *, sure: bool = False) -> RowsRead[Addition]:
        """All additions of an agreement; an empty list is counted, and where one must be ``sure`` every list."""
        path = f"{_AGREEMENTS}/{agreement_id}/additions"
        read = await self._lists.read(path, Addition, right=AGREEMENTS.name)
        if sure or not read.came:
            await self._confirm(path, AGREEMENTS.name, [""], read.came)
        return read

    async def _additions_of(self, ids: Collection[int]) -> Gathered[RowsRead[Addition]]:
        bundled = await self._bundled(sorted(ids)) if self._bundles else {}
        rows = sum(len(read.rows) for read in bundled.values())

        async def one(agreement_id: int) -> RowsRead[Addition]:
            nonlocal rows
            read = await self._additions(agreement_id)
            rows += len(read.rows)
            return read

        gathered = await gather(set(ids) - set(bundled), one, lambda left: self._access.report("additions", rows, ahead=left))
        gathered.found.update(bundled)
        return gathered

    async def _bundled(self, ids: Sequence[int]) -> dict[int, RowsRead[Addition]]:
        """What bundles bring; the first one that brings nothing is the last one that is tried."""
        found: dict[int, RowsRead[Addition]] = {}
        if len(ids) < 2:
            return found
        for start in range(0, len(ids), bundles.SIZE):
            chunk = ids[start : start + bundles.SIZE]
            try:
                body = bundles.request_body(chunk, self._bundles)
                answer = await self._access.read("POST", bundles.PATH, right=AGREEMENTS.name, body=body)
                read = bundles.read_bundle(answer.content, chunk)
            except SignInFailed:
                raise
            except SideUnreadable:
                read = {}
            if not read:
                self._bundles = ""
                return found
            found |= read
            self._access.report("additions", sum(len(each.rows) for each in found.values()))
        return found

    # A few agreements

    async def unusable(self, products: Collection[str]) -> frozenset[str]:
        """Those of some products, by id, that no new addition may have."""
        cut = self._cut(_CATALOG, Product, "id", [str(each) for each in sorted(_whole_numbers(products))], "")
        read, _ = await self._all(_CATALOG, Product, CATALOG.name, cut)
        return frozenset(products) - {str(seen.row.id) for seen in read.rows if frames.can_be_added(seen.row)}

    async def readings(
        self, changes: Sequence[Change], known: Mapping[int, Agreement], unusable: frozenset[str] = frozenset()
    ) -> dict[str, states.Reading]:
        """Everything about the agreements of some changes, by agreement id: the agreements, and all additions of each.

        Whether an agreement is there is told by a list that it is missing from, never by a refusal of its own address.

        Raises:
            SideUnreadable: something of it could not be read.
        """
        ids = sorted({states.number_of(change.contract_id, "Agreement") for change in changes})
        cut = self._cut(_AGREEMENTS, Agreement, "id", [str(each) for each in ids if each not in known], "")
        # A product that does not show must be proven absent before it is added; after a write the rows are what is asked about.
        sure = {int(each.contract_id) for each in changes if each.creates} - set(known)
        restricted = _RESTRICTED if sure and await self._sees_only_some() else ""
        (read, _), additions = await both(self._all(_AGREEMENTS, Agreement, AGREEMENTS.name, cut), self._attempts(ids, sure))
        there = {**known, **{seen.row.id: seen.row for seen in read.rows}}
        lost = {fault.ids.get("id"): fault.reason for fault in read.faults}
        found: dict[str, states.Reading] = {}
        for each in ids:
            rows = additions[each]
            agreement = there.get(each)
            if isinstance(rows, SideUnreadable):
                if agreement is not None or lost:
                    raise rows
                rows = RowsRead(rows=(), faults=())
            trouble = (lost.get(each) or lost.get(None) or "") if agreement is None else ""
            trouble = trouble or next((fault.reason for fault in rows.faults), "") or (restricted if each in sure else "")
            found[str(each)] = states.Reading(agreement=agreement, additions=rows.rows, trouble=trouble, unusable=unusable)
        return found

    async def _attempts(self, ids: Iterable[int], sure: Collection[int]) -> dict[int, RowsRead[Addition] | SideUnreadable]:
        """The additions of agreements, or why they could not be read, unless that concerns every reading."""

        async def attempt(agreement_id: int) -> RowsRead[Addition] | SideUnreadable:
            try:
                return await self._additions(agreement_id, sure=agreement_id in sure)
            except (SignInFailed, PermissionDenied):
                raise
            except SideUnreadable as error:
                return error

        return (await gather(ids, attempt, lambda left: None)).found


def _whole_numbers(texts: Collection[str]) -> set[int]:
    return {int(text) for text in (each.strip() for each in texts) if text.isascii() and text.isdigit() and len(text) <= 18}


def _by_owner(faults: Sequence[Fault], owner: str, part: str) -> dict[str, str]:
    """The parts of the side that lost rows belong to; nothing where one of them does not tell: then the whole side is unknown."""
    named = {fault.ids.get(owner): fault.reason for fault in faults if fault.lost}
    return {} if None in named else {f"{part}:{each}": reason for each, reason in named.items()}


def _fetched(frame: pd.DataFrame, faults: Sequence[Fault], unread: Mapping[str, str]) -> Fetched:
    lost = next((fault.reason for fault in faults if fault.lost), "")
    return Fetched(
        frame=frame, rejected=rejected_frame(faults), complete=not lost, error=lost and f"{TITLE}: {lost}", unread=unread
    )
