"""Bundles: the additions of several agreements with one call (``POST /system/bundles``). Pure functions.

Whether a server reads additions this way is not documented, so a result is taken only where it proves itself: it says that it
succeeded, it counts its rows, each row names the agreement that was asked for, and it does not end where a page would end. An
empty result proves nothing, because an ignored filter looks the same.
"""

from collections.abc import Sequence

import msgspec

from reconcile_app.connectors.connectwise.wire import PAGE, Addition, RowsRead, decode_once, read_rows

SIZE = 25
"""Agreements per bundle."""

PATH = "/system/bundles"
_USUAL_PAGE = 25
_OK = 200


class _Result(msgspec.Struct, rename="camel"):
    sequence_number: int
    success: bool = False
    status_code: int | None = None
    entities: list[msgspec.Raw] | None = None
    count: int | None = None


class _Results(msgspec.Struct):
    results: list[_Result]


def request_body(agreement_ids: Sequence[int], version: str) -> bytes:
    """One request for each agreement, numbered in order from 1."""
    return msgspec.json.encode(
        {
            "requests": [
                {
                    "version": version,
                    "sequenceNumber": number,
                    "resourceType": "addition",
                    "apiRequest": {"parentId": agreement_id, "filters": {"conditions": ""}, "page": {"page": 1, "pageSize": PAGE}},
                }
                for number, agreement_id in enumerate(agreement_ids, 1)
            ]
        }
    )


def read_bundle(content: bytes, agreement_ids: Sequence[int]) -> dict[int, RowsRead[Addition]]:
    """The additions of those agreements whose result proves itself; the others are left out.

    Raises:
        AnswerUnreadable: it is no answer to a bundle.
    """
    results = decode_once(content, _Results).results
    numbered = {result.sequence_number: result for result in results}
    found: dict[int, RowsRead[Addition]] = {}
    for number, agreement_id in enumerate(agreement_ids, 1):
        read = _proven(numbered.get(number), agreement_id) if len(numbered) == len(results) else None
        if read is not None:
            found[agreement_id] = read
    return found


def _proven(result: _Result | None, agreement_id: int) -> RowsRead[Addition] | None:
    if result is None or not result.success or result.status_code not in (None, _OK) or not result.entities:
        return None
    size = len(result.entities)
    if result.count not in (None, size) or size == _USUAL_PAGE or size >= PAGE:
        return None
    read = read_rows(result.entities, Addition, PATH)
    own = all(seen.row.agreement_id == agreement_id for seen in read.rows)
    return read if own and not read.faults else None
