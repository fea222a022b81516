"""``python -m tests.kill``: pushes that are ended by SIGKILL, by power loss, or that race each other; each is judged by the ledger.

Exits 1 when anything is wrong, and keeps the journal and the ledger of each attempt that went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from tests.kill import power, races, size, syncing
from tests.kill.attempts import BOUNDARIES, PAIR_BOUNDARIES
from tests.kill.harness import Ended
from tests.kill.loop import FAULTS, LANES, OpenLanes, Sums, kill_all, lanes, replay
from tests.kill.pairs import gap_words
from tests.kill.scenes import SCENES


def main(arguments: Sequence[str] | None = None, opener: OpenLanes = lanes) -> int:
    asked = _parser().parse_args(arguments, argparse.Namespace(opener=opener))
    if not hasattr(os, "fork"):
        say("NOT RUN: this system cannot fork.")
        return 0
    if asked.replay is not None:
        return _replay(asked)
    jobs = (
        (asked.races, _races), (asked.power, _power), (asked.sync, _sync), (asked.recovery_size, _size),
    )
    chosen = [job for wanted, job in jobs if wanted]
    if asked.kills or not chosen:
        chosen.insert(0, _kills)
    wrong = [job(asked) for job in chosen]
    return 1 if any(wrong) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="end so many processes (default 200)")
    parser.add_argument("--races", type=int, default=0, metavar="N", help="let two processes race so many times")
    parser.add_argument("--power", type=int, default=0, metavar="N", help="lose the power at so many points")
    parser.add_argument("--sync", action="store_true", help="trace the system calls of one push")
    parser.add_argument("--recovery-size", type=int, nargs="?", const=10_000, default=0, metavar="OPS", help="time a large journal")
    parser.add_argument("--psa", choices=sorted(SCENES), default="", help="PSA and way of writing (default: all, in equal parts)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=LANES, help="how many run side by side")
    parser.add_argument("--trace", action="store_true", help="tell every attempt, with replay every place it passed")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="carry one attempt of the seed out again")
    parser.add_argument("--at", default="", metavar="PLACE:NTH", help="with replay: end at this place instead")
    return parser


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _kinds(asked: argparse.Namespace) -> list[str]:
    return [asked.psa] if asked.psa else sorted(SCENES)


def _parts(asked: argparse.Namespace, wanted: int) -> list[tuple[str, int]]:
    """So many, in equal parts for every kind of PSA."""
    kinds = _kinds(asked)
    return [(kind, wanted // len(kinds) + (place < wanted % len(kinds))) for place, kind in enumerate(kinds)]


def _kills(asked: argparse.Namespace) -> bool:
    wanted = asked.kills or 200

    def tell(kind: str, ended: Ended) -> None:
        if asked.trace:
            say(_line(kind, ended))
        if ended.faults:
            _failed(asked, kind, ended)

    by_psa = kill_all(_kinds(asked), wanted, asked.seed, tell, asked.lanes, asked.opener)
    sums = Sums()
    for each in by_psa.values():
        sums.include(each)
    _print_sums(asked, sums, {kind: len(each.kills) for kind, each in by_psa.items()})
    few = sums.too_few(wanted)
    for step in few:
        say(f"TOO FEW kills at step {step}")
    return bool(few or sums.faults)


def _print_sums(asked: argparse.Namespace, sums: Sums, by_psa: Mapping[str, int]) -> None:
    say(f"{len(sums.kills)} kills in {sums.attempts} attempts (seed {asked.seed}), {sums.seconds:.1f} s, {_processor()}")
    say("by PSA:   " + ", ".join(f"{kind} {count}" for kind, count in by_psa.items()))
    say("by kind:  " + ", ".join(f"{kind} {count}" for kind, count in sums.by_kind.items()))
    say("by step:  " + ", ".join(f"{step}: {count}" for step, count in sums.by_step.items()))
    met = {kill.point for kill in sums.kills}
    single, pairs = (sum(is_pair is wanted for is_pair, _ in sums.boundaries) for wanted in (False, True))
    say(f"places:   {len(met)} different ones; {single} of the {BOUNDARIES} commit boundaries of an undisturbed push,")
    say(f"          {pairs} of the {PAIR_BOUNDARIES} of one that replaces lines; {gap_words(sums.gaps)}, and told so")
    say("found:    " + ", ".join(f"{kind} {sums.faults[kind]}" for kind in FAULTS))
    say(f"recovery: {sums.slowest_recovery:.2f} s at most, settle window included")


def _processor() -> str:
    """User and system time of this process and all that it started."""
    import resource  # Windows has none, and no os.fork either

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return f"user {sum(u.ru_utime for u in used):.0f} s, system {sum(u.ru_stime for u in used):.0f} s"


def _line(kind: str, ended: Ended) -> str:
    attempt = ended.attempt
    where = "; ".join(f"{kill.kind} at step {kill.step}, {kill.point}" for kill in ended.kills) or "not ended"
    besides = [*attempt.fault_names, *(["another user " + (attempt.at.get("point") or "between")] if attempt.line else [])]
    return f"{attempt.number:5d}  {kind}: {where}{'  (' + ', '.join(besides) + ')' if besides else ''}"


def _failed(asked: argparse.Namespace, kind: str, ended: Ended) -> None:
    say(f"WRONG in attempt {ended.attempt.number}: {_line(kind, ended).strip()}")
    for fault in ended.faults:
        say(f"  {fault.kind}: {fault.words}")
    say(f"  journal, ledger and story: {ended.kept}")
    exact = f" --at '{ended.at}'" if ended.attempt.share is not None and ended.at else ""
    say(f"  again: python -m tests.kill --psa {kind} --seed {asked.seed} --replay {ended.attempt.number}{exact} --trace")


def _replay(asked: argparse.Namespace) -> int:
    kinds = _kinds(asked)
    kind = kinds[asked.replay % len(kinds)]
    ended = replay(kind, asked.seed, asked.replay, asked.at, asked.opener)
    say(_line(kind, ended))
    if ended.attempt.share is not None:
        say("The moment of this kill was a share of the usual time and may fall elsewhere now; --at names a place instead.")
    if asked.trace:
        say("\n".join(ended.story))
    if ended.faults:
        _failed(asked, kind, ended)
    return 1 if ended.faults else 0


def _races(asked: argparse.Namespace) -> bool:
    wrong = False
    for kind, part in _parts(asked, asked.races):
        made = races.race_many(kind, part, asked.seed, asked.lanes)
        count, ended = made.outcomes.total(), dict(made.outcomes)
        say(f"{count} races of two processes with two data folders ({kind}), {made.seconds:.1f} s: {ended}")
        for words, times in made.messages.most_common():
            say(f"  told {times} times: {words}")
        say(f"overlaps, doubled, wrong messages: {len(made.faults)}")
        for number, fault in made.faults:
            say(f"  WRONG in race {number}: {fault.kind}: {fault.words}")
        wrong |= bool(made.faults)
    return wrong


def _power(asked: argparse.Namespace) -> bool:
    wrong = False
    for kind, part in _parts(asked, asked.power):
        losses = power.lose_many(kind, part, asked.seed, count=asked.lanes)
        cuts, forgotten = losses.cuts.total(), losses.forgotten
        say(f"{cuts} power losses ({kind}), {forgotten} of which took the last commit away, {losses.seconds:.1f} s")
        say("  " + ", ".join(f"{name} {count}" for name, count in losses.cuts.items()))
        say(f"chain errors, requests without ARMED, failed recoveries: {len(losses.faults)}")
        for number, name, fault in losses.faults:
            say(f"  WRONG in push {number}, {name}: {fault.kind}: {fault.words}")
        wrong |= bool(losses.faults)
    return wrong


def _sync(asked: argparse.Namespace) -> bool:
    reason = syncing.missing()
    if reason:
        say(f"synced before sent: NOT RUN, {reason}")
        return False
    wrong = [_synced(kind) for kind in _kinds(asked)]
    return any(wrong)


def _synced(kind: str) -> bool:
    with lanes(kind, 1) as (lane,):
        traced = syncing.trace_push(lane)
    say(f"synced before sent ({kind}): " + json.dumps(syncing.told(traced)))
    for sent in traced.sent:
        if sent.why_not:
            say(f"  WRONG: {sent.request}: {sent.why_not}")
    return traced.status != 0 or len(traced.sent) != traced.committed or any(sent.why_not for sent in traced.sent)


def _size(asked: argparse.Namespace) -> bool:
    found = size.measure(asked.psa or next(iter(SCENES)), asked.recovery_size)
    say(
        f"recovery over {found.ops:,} ops, {found.events:,} events, {found.size / 2**20:.0f} MiB: {found.recovery:.2f} s, "
        f"{found.recovery / found.plain:.1f} times quick_check and one pass over the chain ({found.plain:.2f} s)"
    )
    say(f"  told: {found.words}")
    for fault in found.faults:
        say(f"  WRONG: {fault.kind}: {fault.words}")
    return bool(found.faults) or found.recovery > 5.0


if __name__ == "__main__":
    sys.exit(main())
