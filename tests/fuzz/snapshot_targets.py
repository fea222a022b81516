"""Saved runs: damaged on the disk, and written by somebody who seals what he writes."""

import hashlib
from pathlib import Path
from random import Random

import msgspec

from reconcile_app.core.basis import Basis
from reconcile_app.core.errors import ReconcileError
from reconcile_app.storage.snapshots import FRAMES, Snapshots
from tests.fakes.snapshot_basis import snapshot_basis
from tests.fuzz.damage import damaged_content
from tests.fuzz.target import ACCEPTED, REFUSED, Wrong

Sample = tuple[str, bytes]


class SnapshotTarget:
    """One file of a saved run. ``sealed``: the digest of ``meta`` is made to fit again."""

    def __init__(self, folder: Path, *, sealed: bool) -> None:
        self.name = "saved run, sealed again" if sealed else "saved run"
        self.weight = 4 if sealed else 6
        self._sealed = sealed
        self._runs = folder / self.name.replace(" ", "-")
        self._basis = snapshot_basis(4)
        Snapshots(self._runs).save(self._basis)
        self._folder = self._runs / self._basis.run_id
        self._files = {path.name: path.read_bytes() for path in sorted(self._folder.iterdir())}

    def draw(self, dice: Random) -> Sample:
        if not self._sealed:
            name = dice.choice(sorted(self._files))
            return name, damaged_content(self._files[name], dice)
        body = self._files["meta"][32:]
        if dice.random() < 0.5:
            body = msgspec.msgpack.encode(_stirred(msgspec.msgpack.decode(body), dice))
        else:
            body = damaged_content(body, dice)
        return "meta", hashlib.sha256(body).digest() + body

    def feed(self, sample: Sample) -> str:
        name, content = sample
        for each, true in self._files.items():
            (self._folder / each).write_bytes(content if each == name else true)
        try:
            found = Snapshots(self._runs).load(self._basis.run_id)
        except ReconcileError:
            return REFUSED
        if not self._sealed and not _same(found, self._basis):
            raise Wrong("a damaged run opened, and holds something else")
        return ACCEPTED

    def saved(self, sample: Sample) -> bytes:
        return sample[1]


def _same(found: Basis, true: Basis) -> bool:
    return all(
        getattr(getattr(found, part), name).equals(getattr(getattr(true, part), name))
        for part, _, name in (frame.partition(".") for frame in FRAMES)
    ) and (found.run_id, found.rules, found.decisions, found.options) == (true.run_id, true.rules, true.decisions, true.options)


_ODD = (
    None,
    True,
    -1,
    2**63,
    1.5,
    "",
    "x",
    "2026-02-30",
    b"\x00",
    [],
    {},
    [[]],
    {"a": {}},
    float("nan"),
    "9999-12-31T23:59:59+00:00",
)


def _stirred(value: object, dice: Random) -> object:
    """The value with one piece of it exchanged."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(sorted(value, key=str))
        return {name: _stirred(inner, dice) if name == key else inner for name, inner in value.items()}
    if isinstance(value, list) and value and dice.random() < 0.85:
        place = dice.randrange(len(value))
        return [_stirred(inner, dice) if number == place else inner for number, inner in enumerate(value)]
    return dice.choice(_ODD)
