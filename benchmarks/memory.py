"""P13: resident memory of a process that has a comparison open in its window."""

from collections.abc import Iterator

from benchmarks.measure import Result, Scale, fresh


def p13(scale: Scale) -> Iterator[Result]:
    """The comparison was opened from its saved frames, as after a start."""
    for rows in scale.sizes:
        told = fresh("benchmarks.starts.opened", rows)
        yield Result(
            line="P13",
            what=f"memory with {rows:,} rows in the window",
            ours=told["open"],
            unit="MB",
            absolute=True,
            at_most=250.0 if rows == scale.rows else 1_000.0,
            note=f"{told['empty']:.0f} MB with everything imported and no comparison",
        )
