import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from reconcile_app.core.basis import Basis, LastPush
from reconcile_app.core.errors import NewerFormat, NotFound, StorageError
from reconcile_app.core.frames import FrameError
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot
from reconcile_app.storage.files import put_in_place
from reconcile_app.storage.snapshots import FRAMES, Snapshots
from tests.fakes.snapshot_basis import snapshot_basis, without_previous


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def assert_same(found: Basis, expected: Basis) -> None:
    """Every field, and every frame with its dtypes."""
    for part in ("billing", "psa"):
        for field in fields(getattr(expected, part)):
            one, other = getattr(getattr(found, part), field.name), getattr(getattr(expected, part), field.name)
            if isinstance(other, pd.DataFrame):
                FRAMES[f"{part}.{field.name}"].check(one)
                pd.testing.assert_frame_equal(one, other)
            else:
                assert one == other, field.name
                assert type(one) is type(other), field.name
    for field in fields(expected):
        if field.name not in ("billing", "psa"):
            assert getattr(found, field.name) == getattr(expected, field.name), field.name


@pytest.mark.parametrize(
    "basis",
    [snapshot_basis(), snapshot_basis(0), without_previous(snapshot_basis(3)), replace(snapshot_basis(2), rules=MappingRules())],
    ids=["full", "empty", "first period", "no rules"],
)
def test_a_run_opens_again_exactly_as_it_was(folder: Path, basis: Basis) -> None:
    digest = Snapshots(folder).save(basis)
    again = Snapshots(folder)
    assert_same(again.load(basis.run_id), basis)
    assert again.snapshot_sha256(basis.run_id) == digest
    assert again.kept() == [basis.run_id]


def test_every_frame_of_a_basis_is_kept() -> None:
    basis = snapshot_basis(1)
    found = {
        f"{part}.{field.name}"
        for part, cls in (("billing", BillingSnapshot), ("psa", PsaSnapshot))
        for field in fields(cls)
        if isinstance(getattr(getattr(basis, part), field.name), pd.DataFrame)
    }
    assert found == set(FRAMES)


def test_decisions_do_not_change_what_was_fetched(folder: Path) -> None:
    snapshots, basis = Snapshots(folder), snapshot_basis()
    digest = snapshots.save(basis)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / basis.run_id).iterdir() if path.name != "meta"}
    decided = replace(
        basis,
        decisions={"x": True},
        rules=MappingRules(version=9),
        last_pushed={"1": LastPush(quantity=1, pushed_on=date(2026, 1, 1))},
    )
    assert snapshots.save(decided) == digest
    assert before == {path.name: path.stat().st_mtime_ns for path in (folder / basis.run_id).iterdir() if path.name != "meta"}
    assert_same(Snapshots(folder).load(basis.run_id), decided)


def test_fresher_frames_replace_the_earlier_ones(folder: Path) -> None:
    snapshots, basis = Snapshots(folder), snapshot_basis()
    digest = snapshots.save(basis)
    fresher = replace(basis, psa=replace(basis.psa, lines=basis.psa.lines.head(3)))
    assert snapshots.save(fresher) != digest
    assert_same(snapshots.load(basis.run_id), fresher)
    assert [path.name for path in folder.iterdir()] == [basis.run_id]


def test_frames_that_went_missing_are_written_again(folder: Path) -> None:
    snapshots, basis = Snapshots(folder), snapshot_basis()
    snapshots.save(basis)
    shutil.rmtree(folder / basis.run_id)
    snapshots.save(basis)
    assert_same(snapshots.load(basis.run_id), basis)


def test_the_same_frames_have_the_same_digest(tmp_path: Path) -> None:
    assert Snapshots(tmp_path / "a").save(snapshot_basis()) == Snapshots(tmp_path / "b").save(snapshot_basis(run_id="other"))
    assert Snapshots(tmp_path / "a").save(snapshot_basis(21)) != Snapshots(tmp_path / "b").save(snapshot_basis(20))


def test_half_a_character_survives(folder: Path) -> None:
    basis = snapshot_basis(3)
    lines = basis.billing.lines.copy()
    lines["line_description"] = pd.array(["half \ud83d", None, "whole 😀"], dtype=pd.StringDtype("python"))
    basis = replace(basis, billing=replace(basis.billing, lines=lines))
    Snapshots(folder).save(basis)
    assert_same(Snapshots(folder).load(basis.run_id), basis)


def test_a_deleted_run_is_gone(folder: Path) -> None:
    snapshots, basis = Snapshots(folder), snapshot_basis()
    assert snapshots.kept() == []
    snapshots.delete(basis.run_id)
    snapshots.save(basis)
    snapshots.delete(basis.run_id)
    assert list(folder.iterdir()) == []
    for attempt in (snapshots.load, snapshots.snapshot_sha256):
        with pytest.raises(NotFound):
            attempt(basis.run_id)
    snapshots.save(basis)
    assert_same(snapshots.load(basis.run_id), basis)


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "a/b", ".hidden", "ü", "x" * 90, "a\0b"])
def test_no_run_id_leads_out_of_the_folder(folder: Path, run_id: str) -> None:
    snapshots = Snapshots(folder)
    for attempt in (snapshots.load, snapshots.delete, snapshots.snapshot_sha256):
        with pytest.raises(NotFound):
            attempt(run_id)


@pytest.mark.parametrize("name", [*(f"{name}.columns" for name in FRAMES), "meta"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data + b"x",
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 8]) + data[len(data) // 2 + 1 :],
        None,
    ],
    ids=["cut", "empty", "longer", "first bit", "middle bit", "missing"],
)
def test_nothing_of_a_damaged_run_is_used(folder: Path, name: str, spoil: Callable[[bytes], bytes] | None) -> None:
    basis = snapshot_basis()
    Snapshots(folder).save(basis)
    path = folder / basis.run_id / name
    if spoil is None:
        path.unlink()
    else:
        path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(NotFound if spoil is None and name == "meta" else StorageError):
        Snapshots(folder).load(basis.run_id)


def rewrite_meta(folder: Path, basis: Basis, change: Callable[[dict[str, object]], object]) -> None:
    """Changes the meta file as another program would: with a digest that fits."""
    import hashlib

    path = folder / basis.run_id / "meta"
    meta = msgspec.msgpack.decode(path.read_bytes()[32:])
    change(meta)
    body = msgspec.msgpack.encode(meta)
    path.write_bytes(hashlib.sha256(body).digest() + body)


def test_a_newer_format_is_refused(folder: Path) -> None:
    basis = snapshot_basis()
    Snapshots(folder).save(basis)
    rewrite_meta(folder, basis, lambda meta: meta.update(schema=2, basis="quite different"))
    with pytest.raises(NewerFormat):
        Snapshots(folder).load(basis.run_id)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.pop("psa"),
        lambda meta: meta["frames"].pop("psa.lines"),
        lambda meta: meta["basis"].update(today="soon"),
        lambda meta: meta["billing"].pop("side"),
        lambda meta: meta["rules"].pop("lines"),
        lambda meta: meta["basis"].update(surprise=1),
        lambda meta: meta["frames"]["psa.lines"].update(size=-1),
        lambda meta: meta["frames"]["psa.lines"].update(size=2**50),
        lambda meta: meta["frames"].update({"psa.lines": meta["frames"]["psa.services"]}),
    ],
)
def test_a_meta_file_that_says_something_else_is_damaged(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    basis = snapshot_basis()
    Snapshots(folder).save(basis)
    rewrite_meta(folder, basis, change)
    with pytest.raises(StorageError):
        Snapshots(folder).load(basis.run_id)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop the administrator")
def test_a_failed_save_leaves_the_earlier_one(folder: Path) -> None:
    basis = snapshot_basis()
    Snapshots(folder).save(basis)
    folder.chmod(0o500)
    with pytest.raises(StorageError):
        Snapshots(folder).save(snapshot_basis(50))
    folder.chmod(0o700)
    assert_same(Snapshots(folder).load(basis.run_id), basis)


def test_leftovers_of_an_interrupted_save_are_cleared_away(folder: Path) -> None:
    basis = snapshot_basis()
    (folder / f".{basis.run_id}.0123").mkdir(parents=True)
    Snapshots(folder).save(basis)
    assert [path.name for path in folder.iterdir()] == [basis.run_id]


def test_a_file_in_the_way_of_a_folder_is_told(folder: Path) -> None:
    folder.write_text("x")
    with pytest.raises(StorageError):
        Snapshots(folder).save(snapshot_basis())


def test_a_frame_with_wrong_columns_is_a_fault_that_leaves_nothing_behind(folder: Path) -> None:
    basis = snapshot_basis()
    with pytest.raises(FrameError):
        Snapshots(folder).save(replace(basis, psa=replace(basis.psa, lines=basis.psa.services)))
    assert list(folder.iterdir()) == []


def test_when_the_new_folder_cannot_take_its_place_the_old_one_comes_back(folder: Path) -> None:
    basis = snapshot_basis()
    Snapshots(folder).save(basis)
    with pytest.raises(FileNotFoundError):
        put_in_place(folder / "not there", folder / basis.run_id)
    assert_same(Snapshots(folder).load(basis.run_id), basis)


def test_a_body_that_is_no_meta_is_damaged(folder: Path) -> None:
    import hashlib

    basis = snapshot_basis()
    Snapshots(folder).save(basis)
    for body in (b"", b"\x93", msgspec.msgpack.encode({"schema": "new"})):
        (folder / basis.run_id / "meta").write_bytes(hashlib.sha256(body).digest() + body)
        with pytest.raises(StorageError):
            Snapshots(folder).load(basis.run_id)
