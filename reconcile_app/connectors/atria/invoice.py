"""Atria's invoice answer to the frame of billed lines, quickly for the usual shape and patiently for every other.

The usual shape is an array of flat records. It is decoded slice by slice into a struct made from the names that occur; texts that
repeat (a customer's, a product's, a quantity's) are looked at once and then counted by number. A slice that does not fit is read
record by record. Quantities never become floats.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, cast

import msgspec
import numpy as np
import pandas as pd

from reconcile_app.connectors.atria.names import CUSTOMER_OBJECTS, NESTED_LINES, WHAT, WHO, candidates, normal
from reconcile_app.connectors.atria.records import TITLE, BadRecord, Listed, fields_of, listed, nested_lines, text_of, values_of
from reconcile_app.connectors.decode import unreadable
from reconcile_app.connectors.doubled import doubled_key, may_repeat
from reconcile_app.core.amounts import AmountError, parse_quantity
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.frames import BILLED_LINES, REJECTED
from reconcile_app.core.ports import Fetched

_SLICE = 256 * 1024
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_TEXTS = (*WHO, *WHAT)
_NULL = b"null"
_PYTHON_TEXT = pd.StringDtype("python")
_who = attrgetter(*WHO)
_what = attrgetter(*WHAT)
_quantity = attrgetter("quantity")
_each = msgspec.json.Decoder(list[msgspec.Raw])
_names = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_DAMAGE = (msgspec.MsgspecError, UnicodeError, RecursionError)

Texts = tuple[str | None, ...]


def read_invoice(content: bytes, source: str, customers: Collection[str] = (), *, slice_bytes: int = _SLICE) -> Fetched:
    """``BILLED_LINES`` and ``REJECTED`` of an invoice answer, for these customer codes only where any are given.

    A record that cannot be read leaves its customer unread; when it does not even name a customer, the whole side is incomplete,
    because the record may belong to anybody. So it is when the envelope announces more than came. ``slice_bytes`` is how much is
    decoded at a time.

    Raises:
        AnswerUnreadable: not a JSON array of records at all.
    """
    found = listed(content)
    array = found.array
    if not array.endswith(b"]"):
        raise unreadable(TITLE, "It ends in the middle.")
    try:
        reading = _Reading(source).read(_slices(array, slice_bytes))
    except AnswerUnreadable:
        # A text that looks like a border between records makes slices that are none.
        reading = _Reading(source).read((array[1:-1],))
    return _whole(reading.fetched(customers), found, reading)


def _whole(fetched: Fetched, found: Listed, reading: "_Reading") -> Fetched:
    problem = found.why_not_whole(reading.records, reading.lines)
    return replace(fetched, complete=False, error=problem, unread={}) if problem else fetched


def _slices(array: bytes, size: int) -> Iterator[bytes]:
    """Runs of whole records without the brackets: decoding them one after the other never holds the interpreter for long."""
    start, end = 1, len(array) - 1
    while start < end:
        border = _BETWEEN.search(array, start + size, end)
        yield array[start : border.start() + 1 if border else end]
        start = border.end() - 1 if border else end


class _Numbers(dict[Any, int]):
    """Numbers distinct values in order of appearance."""

    def __missing__(self, value: Any) -> int:
        self[value] = number = len(self)
        return number


class _Reading:
    def __init__(self, source: str) -> None:
        self._source = source
        self._wire_names: dict[str, None] = {}
        self._decode: Callable[[bytes], list[Any]] | None = None
        self._who, self._what, self._quantities = _Numbers(), _Numbers(), _Numbers()
        self._who_at: list[int] = []
        self._what_at: list[int] = []
        self._quantity_at: list[int] = []
        self._raw: list[str] = []
        self._rejected: list[tuple[str | None, str, str]] = []
        self.records = 0

    @property
    def lines(self) -> int:
        """Billed lines that came, unusable ones included."""
        return len(self._raw) + len(self._rejected)

    def read(self, slices: Iterable[bytes]) -> "_Reading":
        for part in slices:
            if not (self._quickly(part) or (self._learn(part) and self._quickly(part))):
                self._patiently(part)
        return self

    # The usual shape

    def _quickly(self, part: bytes) -> bool:
        if self._decode is None:
            return False
        array = b"[" + part + b"]"
        try:
            records = self._decode(array)
            texts = [str(raw, "utf-8") for raw in _each.decode(array)]
        except _DAMAGE:
            return False
        who, what = list(map(_who, records)), list(map(_what, records))
        gaps = any(msgspec.UNSET in texts for texts in {*who, *what})
        if (gaps or self._may_repeat(part, len(records))) and doubled_key(array):
            return False
        self.records += len(records)
        self._who_at += map(self._who.__getitem__, who)
        self._what_at += map(self._what.__getitem__, what)
        self._quantity_at += map(self._quantities.__getitem__, map(bytes, map(_quantity, records)))
        self._raw += texts
        return True

    def _may_repeat(self, part: bytes, records: int) -> bool:
        """As ``may_repeat``; a key that took the place of another one leaves their number as it was.

        Where one record has a key twice and another one has it not at all, only the gap in the other one tells.
        """
        odd = any(part.count(f'"{name}"'.encode()) != records for name in self._wire_names)
        return odd or may_repeat(part, records * len(self._wire_names))

    def _learn(self, part: bytes) -> bool:
        """Make a struct of every name seen so far; false when the shape is not the usual one or nothing new was seen."""
        try:
            seen = {name: None for record in _names.decode(b"[" + part + b"]") for name in record}
        except _DAMAGE:
            return False
        if seen.keys() <= self._wire_names.keys():
            return False
        self._wire_names |= seen
        self._decode = _struct_decoder(tuple(self._wire_names))
        return self._decode is not None

    # Every other shape

    def _patiently(self, part: bytes) -> None:
        try:
            records = _each.decode(b"[" + part + b"]")
        except _DAMAGE as error:
            raise unreadable(TITLE, " ".join(str(error).split())[:300] + ".") from error
        self.records += len(records)
        for raw in records:
            self._record(raw, {})

    def _record(self, raw: msgspec.Raw, inherited: dict[str, str | None]) -> None:
        values = dict(inherited)
        text = bytes(raw).decode("utf-8", "replace")
        try:
            fields = fields_of(raw)
            own = values_of(fields, WHO)
            values.update({name: value for name, value in own.items() if value is not None})
            lines = None if inherited else nested_lines(fields)
            if lines is None:
                self._line(fields, values, text)
                return
        except BadRecord as error:
            self._rejected.append((values.get("customer_code") or _code_of(raw), str(error), text))
            return
        for line in lines:
            self._record(line, values)

    def _line(self, fields: dict[str, msgspec.Raw], who: dict[str, str | None], text: str) -> None:
        what = values_of(fields, WHAT)
        wire = candidates(fields, ("quantity",)).get("quantity")
        self._who_at.append(self._who[tuple(who.get(name) for name in WHO)])
        self._what_at.append(self._what[tuple(what.get(name) for name in WHAT)])
        self._quantity_at.append(self._quantities[bytes(fields[wire[0]]) if wire else _NULL])
        self._raw.append(text)

    # The frame

    def fetched(self, customers: Collection[str]) -> Fetched:
        wanted = {code.strip().casefold() for code in customers}
        who = [tuple(_clean(text) for text in texts) for texts in self._who]
        code_of = np.array([texts[0] for texts in who], dtype=object)
        at = np.array(self._who_at, dtype=np.intp)
        nameless = np.array([code is None for code in code_of], dtype=bool)[at]
        keep = ~nameless
        if wanted:
            keep &= np.array([code is not None and code.casefold() in wanted for code in code_of], dtype=bool)[at]
        for position in np.flatnonzero(nameless):
            self._rejected.append((None, "It names no customer.", self._raw[position]))
        return self._result(who, at, keep, wanted)

    def _result(self, who: list[Texts], at: "np.ndarray[Any, Any]", keep: "np.ndarray[Any, Any]", wanted: set[str]) -> Fetched:
        whole = bool(keep.all())
        rows = slice(None) if whole else keep
        what = [tuple(_clean(text) for text in texts) for texts in self._what]
        amounts = [_amount(literal) for literal in self._quantities]
        quantity_at = np.array(self._quantity_at, dtype=np.intp)[rows]
        frame = BILLED_LINES.build(
            {
                **_spread(WHO, who, at[rows]),
                **_spread(WHAT, what, np.array(self._what_at, dtype=np.intp)[rows]),
                "quantity": pd.Series(pd.array([amount for amount, _ in amounts], dtype=pd.Int64Dtype()).take(quantity_at)),
                **_spread(("raw_quantity",), [(text,) for _, text in amounts], quantity_at),
                "raw": np.array(self._raw, dtype=object)[rows],
            }
        )
        faults = [fault for fault in self._rejected if not wanted or fault[0] is None or fault[0].casefold() in wanted]
        return _with_rejected(frame, faults, self._source)


def _with_rejected(frame: pd.DataFrame, faults: Sequence[tuple[str | None, str, str]], source: str) -> Fetched:
    rejected = REJECTED.build(
        {
            "side": ["billing"] * len(faults),
            "source": [source] * len(faults),
            "customer_code": [code for code, _, _ in faults],
            "reason": [reason for _, reason, _ in faults],
            "raw": [raw for _, _, raw in faults],
        }
    )
    named = {code: f"A row of the invoice could not be read: {reason}" for code, reason, _ in faults if code}
    anybody = any(not code for code, _, _ in faults)
    error = f"{len(faults)} rows of the invoice could not be read; the first: {faults[0][1]}" if faults else ""
    return Fetched(frame=frame, rejected=rejected, complete=not faults, error=error, unread={} if anybody else named)


def _struct_decoder(names: Sequence[str]) -> Callable[[bytes], list[Any]] | None:
    """A decoder for flat records with these names, or None when names are doubled or announce objects."""
    if any(normal(name) in CUSTOMER_OBJECTS or normal(name) in NESTED_LINES for name in names):
        return None
    if len({normal(name) for name in names}) < len(names):  # one spelling in some records, another one in others
        return None
    found = candidates(names, (*_TEXTS, "quantity"))
    if any(len(wires) > 1 for wires in found.values()):
        return None
    absent = msgspec.Raw(_NULL)
    fields: list[tuple[str, Any, Any]] = [(column, str | None | msgspec.UnsetType, msgspec.UNSET) for column in _TEXTS]
    fields.append(("quantity", msgspec.Raw, absent))
    # A column that nobody carries gets a name that no record has.
    rename = {column: found[column][0] if column in found else f"(absent) {column}" for column, _, _ in fields}
    others = [name for name in names if name not in rename.values()]
    fields += [(f"other_{number}", msgspec.Raw, absent) for number in range(len(others))]
    rename |= {f"other_{number}": name for number, name in enumerate(others)}
    try:
        record = msgspec.defstruct("Record", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    except ValueError:  # a name with a quote, a backslash or a control character
        return None
    return cast("Callable[[bytes], list[Any]]", msgspec.json.Decoder(list[record]).decode)  # type: ignore[valid-type]  # made at run time


def _spread(names: Sequence[str], distinct: Sequence[Texts], at: "np.ndarray[Any, Any]") -> dict[str, Any]:
    """Columns of the distinct rows, repeated as numbered."""
    return {
        name: pd.array([texts[position] for texts in distinct], dtype=_PYTHON_TEXT).take(at) for position, name in enumerate(names)
    }


def _code_of(raw: msgspec.Raw) -> str | None:
    """Whose record it is, where at least that can be read. A record that says things twice may be anybody's."""
    try:
        return values_of(fields_of(raw), ("customer_code",)).get("customer_code")
    except BadRecord:
        return None


def _clean(text: str | None) -> str | None:
    return (text.strip() or None) if text else None


def _amount(literal: bytes) -> tuple[int | None, str | None]:
    """Ten-thousandths, absent where the quantity cannot be used, and the quantity as received."""
    try:
        text = text_of(msgspec.Raw(literal), "quantity")
    except BadRecord:
        return None, literal.decode("utf-8", "replace")[:200]
    if text is None:
        return None, None
    try:
        return parse_quantity(text), text
    except AmountError:
        return None, text
