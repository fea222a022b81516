"""Keys, run ids and canonical bytes: everything whose exact form other places rely on."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]


def row_key(customer_code: str, contract_id: str, item: str) -> str:
    """The stable name of a comparison row: ``customer/contract/item``.

    ``item`` is the service id where the service is known, otherwise ``sku:<sku>`` or, without a SKU, ``text:<digest>``.
    Selections, decisions and ``push --select`` files refer to rows by it, so it must not depend on order or time.
    """
    return "/".join(quote(part, safe=":. ()-_") for part in (customer_code, contract_id, item))


def text_digest(text: str) -> str:
    """Twelve hexadecimal digits that stand for a text inside a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def new_run_id(now: datetime) -> str:
    """A run id that sorts by time and is safe as a folder name: ``20261126-081500-3fa9c1``."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def canonical_json(value: Json) -> bytes:
    """The same value always gives the same bytes: sorted keys, no blanks, no floats."""
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical form; use decimal text or whole ten-thousandths")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            _refuse_floats(item)


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
