"""Runs on disk: everything a comparison is a function of, so that it opens again offline and gives the same result.

``runs/<run id>/`` holds one ``<frame>.columns`` file per frame and ``meta``: everything else, with the SHA-256 of every frame.
"""

import hashlib
import re
import secrets
import shutil
import typing
import weakref
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pandas as pd

from reconcile_app.core import frames
from reconcile_app.core.basis import Basis
from reconcile_app.core.errors import NewerFormat, NotFound, StorageError
from reconcile_app.core.ids import canonical_json, sha256_hex
from reconcile_app.core.mapping_rules import LineRule, MappingRules
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot
from reconcile_app.storage.columns import ColumnsError, compress, decompress, pack, unpack
from reconcile_app.storage.files import (
    file_errors,
    private_folder,
    put_in_place,
    read_limited,
    sync_folder,
    write_synced,
    write_whole,
)

T = TypeVar("T")

SCHEMA: Final = 1

FRAMES: Final = {
    "billing.lines": frames.BILLED_LINES,
    "billing.previous_lines": frames.BILLED_LINES,
    "billing.customers": frames.CUSTOMERS,
    "billing.rejected": frames.REJECTED,
    "psa.companies": frames.COMPANIES,
    "psa.contracts": frames.CONTRACTS,
    "psa.services": frames.SERVICES,
    "psa.lines": frames.CONTRACT_LINES,
    "psa.rejected": frames.REJECTED,
}
"""Every frame of a basis and its schema."""

_LARGEST = 2**31
_DIGEST = 32
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


class _Frame(msgspec.Struct):
    sha256: str
    size: int
    rows: int


class _Version(msgspec.Struct):
    schema: int


class _Meta(msgspec.Struct):
    schema: int
    basis: dict[str, Any]
    billing: dict[str, Any]
    psa: dict[str, Any]
    rules: dict[str, Any]
    frames: dict[str, _Frame]


class Snapshots:
    """The runs kept in a folder. Call it off the main thread."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._kept: tuple[str, tuple[weakref.ref[pd.DataFrame], ...]] = ("", ())

    def save(self, basis: Basis) -> str:
        """Keep a run, in one step; the digest that names what was compared (see ``snapshot_sha256``).

        Saving the same run again with the same frames writes only what has been decided since.

        Raises:
            DiskFull, StorageError: nothing of an earlier save is lost.
        """
        folder = self._folder(basis.run_id)
        held = _frames_of(basis)
        if self._is_kept(basis.run_id, held) and (meta := self._meta_if_sound(basis.run_id)) is not None:
            write_whole(folder / "meta", _seal(_meta_of(basis, meta.frames)))
            return _digest_of(meta.frames)
        private_folder(self._runs_dir)
        digests = self._write_folder(folder, basis, held)
        self._kept = (basis.run_id, tuple(weakref.ref(frame) for frame in held.values()))
        return _digest_of(digests)

    def load(self, run_id: str) -> Basis:
        """The same basis again.

        Raises:
            NotFound: no such run is kept.
            NewerFormat: kept by a newer version.
            StorageError: damaged; nothing of it is used.
        """
        meta = self._meta(run_id)
        if set(meta.frames) != set(FRAMES):
            raise self._damaged(run_id, "the list of frames is not complete")
        held = {name: self._frame(run_id, name, meta.frames[name]) for name in FRAMES}
        try:
            return _basis_of(meta, held)
        except (msgspec.MsgspecError, TypeError, ValueError, KeyError) as error:
            raise self._damaged(run_id, str(error)) from error

    def snapshot_sha256(self, run_id: str) -> str:
        """Stands for everything that was fetched, whatever was decided since; errors as ``load``."""
        return _digest_of(self._meta(run_id).frames)

    def kept(self) -> list[str]:
        """Ids of the runs that are kept, oldest first."""
        if not self._runs_dir.is_dir():
            return []
        return sorted(path.name for path in self._runs_dir.iterdir() if _FOLDER.fullmatch(path.name) and (path / "meta").is_file())

    def delete(self, run_id: str) -> None:
        """Forget a run; one that is not there is no error.

        Raises:
            StorageError: it could not be deleted.
        """
        folder = self._folder(run_id)
        self._kept = ("", ())
        if folder.exists():
            with file_errors("A saved run could not be deleted.", folder):
                going = self._beside(folder)
                folder.rename(going)
                shutil.rmtree(going)

    # writing -----------------------------------------------------------------------------------------------------------------
    def _write_folder(self, folder: Path, basis: Basis, held: Mapping[str, pd.DataFrame]) -> dict[str, _Frame]:
        waiting = self._beside(folder)
        digests = {}
        with file_errors("The run could not be saved.", folder, meaning="An earlier save of it is still there."):
            for leftover in self._runs_dir.glob(f".{folder.name}.*"):
                shutil.rmtree(leftover)
            waiting.mkdir(mode=0o700)
            try:
                for name, schema in FRAMES.items():
                    data = pack(schema, held[name])
                    digests[name] = _Frame(sha256=sha256_hex(data), size=len(data), rows=len(held[name]))
                    write_synced(waiting / f"{name}.columns", compress(data))
                write_synced(waiting / "meta", _seal(_meta_of(basis, digests)))
                sync_folder(waiting)
                replaced = put_in_place(waiting, folder)
            except BaseException:
                shutil.rmtree(waiting, ignore_errors=True)
                raise
        if replaced is not None:
            shutil.rmtree(replaced, ignore_errors=True)
        return digests

    def _is_kept(self, run_id: str, held: Mapping[str, pd.DataFrame]) -> bool:
        known, references = self._kept
        return known == run_id and all(ref() is frame for ref, frame in zip(references, held.values(), strict=True))

    # reading -----------------------------------------------------------------------------------------------------------------
    def _meta_if_sound(self, run_id: str) -> _Meta | None:
        try:
            return self._meta(run_id)
        except (StorageError, NotFound):
            return None

    def _meta(self, run_id: str) -> _Meta:
        content = read_limited(self._folder(run_id) / "meta", _LARGEST)
        if content is None:
            raise NotFound(f"The data of run {run_id} is not kept.", next_step="Compare again to have it.")
        digest, body = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(body).digest() != digest:
            raise self._damaged(run_id, "the digest of meta does not fit")
        try:
            schema = msgspec.msgpack.decode(body, type=_Version).schema
            if schema > SCHEMA:
                raise NewerFormat(
                    "This run was saved by a newer version.",
                    f"It has format {schema}; this program knows {SCHEMA}.",
                    next_step="Update this program, or compare again.",
                )
            return msgspec.msgpack.decode(body, type=_Meta)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise self._damaged(run_id, str(error)) from error

    def _frame(self, run_id: str, name: str, expected: _Frame) -> pd.DataFrame:
        content = read_limited(self._folder(run_id) / f"{name}.columns", _LARGEST)
        if content is None:
            raise self._damaged(run_id, f"{name} is missing")
        try:
            data = decompress(content, expected.size)
            if sha256_hex(data) != expected.sha256:
                raise ColumnsError("the digest does not fit")
            return unpack(FRAMES[name], data)
        except ColumnsError as error:
            raise self._damaged(run_id, f"{name}: {error}") from error

    def _folder(self, run_id: str) -> Path:
        if not _FOLDER.fullmatch(run_id):
            raise NotFound(f"There is no run {run_id[:60]!r}.", next_step="List the runs to see which there are.")
        return self._runs_dir / run_id

    def _beside(self, folder: Path) -> Path:
        return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")

    def _damaged(self, run_id: str, words: str) -> StorageError:
        return StorageError(
            "The saved data of this run is damaged.",
            f"Run {run_id}: {words}.",
            meaning="It was left as it is, and nothing of it is used.",
            next_step="Compare again.",
        )


# values ----------------------------------------------------------------------------------------------------------------------
def _frames_of(basis: Basis) -> dict[str, pd.DataFrame]:
    sides = {"billing": basis.billing, "psa": basis.psa}
    return {name: getattr(sides[name.partition(".")[0]], name.partition(".")[2]) for name in FRAMES}


def _digest_of(digests: Mapping[str, _Frame]) -> str:
    return sha256_hex(canonical_json({name: frame.sha256 for name, frame in digests.items()}))


def _seal(meta: _Meta) -> bytes:
    body = msgspec.msgpack.encode(meta)
    return hashlib.sha256(body).digest() + body


def _meta_of(basis: Basis, digests: dict[str, _Frame]) -> _Meta:
    rules = _values(basis.rules) | {"lines": [_values(rule) for rule in basis.rules.lines.values()]}
    return _Meta(
        schema=SCHEMA,
        basis=_values(basis),
        billing=_values(basis.billing),
        psa=_values(basis.psa),
        rules=_built(rules),
        frames=digests,
    )


def _values(value: Any) -> dict[str, Any]:
    """The plain fields of a value, without frames and without what has a place of its own in the meta file."""
    apart = (pd.DataFrame, BillingSnapshot, PsaSnapshot, MappingRules)
    own = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: _built(item) for name, item in own.items() if not isinstance(item, apart) and not _has_pairs(item)}


def _has_pairs(item: object) -> bool:
    """Keys that are pairs (the line rules) have no plain form; their values hold the pair themselves."""
    return isinstance(item, Mapping) and any(isinstance(key, tuple) for key in item)


def _built(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=dict)


def _basis_of(meta: _Meta, held: Mapping[str, pd.DataFrame]) -> Basis:
    def side(cls: type[T], name: str, values: dict[str, Any]) -> T:
        own = {frame.partition(".")[2]: held[frame] for frame in FRAMES if frame.startswith(f"{name}.")}
        return cls(**_typed(cls, values), **own)

    rules = _typed(MappingRules, {name: value for name, value in meta.rules.items() if name != "lines"})
    lines = msgspec.convert(meta.rules["lines"], list[LineRule])
    return Basis(
        **_typed(Basis, meta.basis),
        billing=side(BillingSnapshot, "billing", meta.billing),
        psa=side(PsaSnapshot, "psa", meta.psa),
        rules=MappingRules(**rules, lines={(rule.customer_code, rule.sku): rule for rule in lines}),
    )


def _typed(cls: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {name: msgspec.convert(value, hints[name]) for name, value in values.items()}
