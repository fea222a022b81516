"""The fault catalogue as rows of data: an id, a name, and the ready fault behind it.

Tests, simulations and people who play with ``sandbox serve`` say "F-08 after" and mean the same. A product may add rows of its own
(``Simulator.catalogue``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One form of a fault. ``fault`` holds fields of ``Fault``; texts in its headers may hold ``{here}`` and ``{trap}``.

    ``reads`` and ``writes`` say where it can strike; faults of writes take ``when`` as well.
    """

    id: str
    name: str
    fault: Mapping[str, Any]
    reads: bool = True
    writes: bool = True
    leads_away: bool = field(default=False)

    def fields(self, places: Mapping[str, str]) -> dict[str, Any]:
        """Fields of ``Fault`` with these addresses filled in."""
        headers = {name: text.format(**places) for name, text in self.fault.get("headers", {}).items()}
        return {**self.fault, **({"headers": headers} if headers else {})}


def chosen(rows: Sequence[Variant], fault_id: str, name: str = "") -> Variant:
    """The row of this id and name; the first of the id without a name.

    Raises:
        ValueError: there is none; names what there is.
    """
    found = [row for row in rows if row.id == fault_id.upper() and name in {"", row.name}]
    if not found:
        known = [row.name for row in rows if row.id == fault_id.upper()] or sorted({row.id for row in rows})
        raise ValueError(f"no fault {fault_id} {name}".strip() + f"; there are: {', '.join(known)}")
    return found[0]


def _status(fault_id: str, name: str, status: int, **more: Any) -> Variant:
    return Variant(id=fault_id, name=name, fault={"kind": "status", "status": status, **more})


def _kind(fault_id: str, name: str, kind: str = "", **more: Any) -> Variant:
    return Variant(id=fault_id, name=name, fault={"kind": kind or name, **more})


_REDIRECTS = tuple(
    Variant(
        id="F-19",
        name=f"{status}_{where}",
        fault={"kind": "status", "status": status, "headers": {"Location": location}},
        leads_away=True,
    )
    for status in (301, 302, 303, 307, 308)
    for where, location in (
        ("same_host", "{here}/elsewhere"),
        ("other_host", "{trap}/elsewhere"),
        ("http", "http://psa.example.net/elsewhere"),
        ("relative", "elsewhere"),
    )
)
_REFUSAL_LIKE = '{"errors":["The unitChange value is not valid for this contract service."]}'
_PROBLEM = '{"errors":["Another user is working with this record. Try again."]}'

WIRE: tuple[Variant, ...] = (
    _kind("F-01", "refused", seconds=60.0),
    _kind("F-03", "unreachable", seconds=60.0),
    _kind("F-03", "mute", seconds=60.0),
    _kind("F-06", "slow_head", seconds=1.0),
    _kind("F-06", "silent"),
    _kind("F-07", "endless", seconds=1.0),
    _kind("F-08", "unread", "reset_unread"),
    _kind("F-08", "read", "reset"),
    _kind("F-08", "mid_head", "reset", keep_bytes=40),
    _kind("F-08", "mid_answer", "reset", keep_bytes=150),
    _kind("F-08", "cut_off", seconds=60.0),
    Variant(id="F-09", name="kept_closed", fault={"kind": "cut", "keep_bytes": 0, "reused": True}, writes=False),
    _kind("F-09", "close_after"),
    _kind("F-10", "twice"),
    _kind("F-10", "surplus"),
    _kind("F-11", "network_lost", seconds=300.0),
    _status("F-12", "seconds", 429, headers={"Retry-After": "7"}),
    _status("F-12", "date", 429, retry_in=40.0),
    _status("F-12", "negative", 429, headers={"Retry-After": "-1"}),
    _status("F-12", "huge", 429, headers={"Retry-After": "99999"}),
    _status("F-12", "garbage", 429, headers={"Retry-After": "in a while"}),
    _status("F-13", "once", 429),
    _status("F-13", "storm", 429, times=None),
    _status("F-14", "threads", 429, body='{"errors":["Thread threshold exceeded: thread threshold of 3 threads."]}'),
    _status("F-15", "error", 500, body='{"message":"An error has occurred."}'),
    _status("F-16", "refusal", 500, body=_REFUSAL_LIKE),
    _status("F-17", "502", 502),
    _status("F-17", "503", 503),
    _status("F-17", "504", 504),
    _kind("F-18", "sign_in", "html"),
    *_REDIRECTS,
    _status("F-20", "accepted", 202, body='{"itemId":null}'),
    _status("F-20", "accepted_empty", 202),
    _status("F-21", "not_found", 404, body='{"errors":["Record not found."]}'),
    _status("F-21", "gateway", 404, body="<html>404</html>", content_type="text/html"),
    _status("F-22", "conflict", 409, body=_PROBLEM),
    _status("F-22", "precondition", 412, body=_PROBLEM),
    _kind("F-23", "long_header"),
    _kind("F-23", "many_headers"),
    _kind("F-23", "many_cookies"),
    _kind("F-24", "short"),
    _kind("F-24", "broken_chunk"),
    _kind("F-24", "broken_gzip"),
    _kind("F-25", "truncated"),
    _kind("F-25", "trailing_text"),
    _kind("F-25", "byte_order_mark"),
    _kind("F-25", "utf16"),
    _kind("F-25", "bad_utf8"),
    _kind("F-25", "empty"),
    _kind("F-26", "untyped", "retyped", content_type=""),
    _kind("F-26", "plain_text", "retyped", content_type="text/plain"),
    _kind("F-27", "gzip_bomb", size=1024),
    _kind("F-27", "nested"),
    _kind("F-28", "object_for_list"),
    _kind("F-28", "null_list"),
    _kind("F-28", "missing_field"),
    _kind("F-28", "renamed_field"),
    _kind("F-28", "extra_field"),
    Variant(id="F-29", name="other_echo", fault={"kind": "other_echo"}, reads=False),
    Variant(id="F-49", name="key_twice", fault={"kind": "key_twice", "field": "id"}, writes=False),
)
"""Faults of the wire, the same for every product. F-02, F-04 and F-05 happen before a sandbox is reached."""
