"""What a seed means: the kind of PSA, how bad the wire is, who else is at work, when processes die, what the operator does."""

from dataclasses import dataclass, field
from random import Random

from tests.simulation.process import Death
from tests.simulation.wire import Weather

_CLOCK_SET = (-250.0, 200.0, 290.0, 3_600.0, -86_400.0)


@dataclass(frozen=True, kw_only=True)
class Dying:
    """One death of a life. ``at``: ``before commit``, ``after commit``, ``step``, ``sent`` or ``arrived``; ``nth`` counts these.

    ``away``: seconds until the next start.
    """

    at: str
    nth: int
    death: Death
    away: float


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One seed, drawn. ``steps``: what the operator does, in order.

    ``acts``: numbers of the requests at which another user does something, with the moment (``sent``, ``arrived``; ``written``
    counts writes, and it is the line just written that somebody wants). ``cancel``: at which request the operator stops the push,
    and whether by the button or by closing the window. ``sleeps``: (request, seconds, counted by the monotonic clock).
    ``clock_error``: how many seconds the computer's clock is off; ``clock_set``: by how much it is set at which request.
    ``second``: when a second profile begins to push.
    """

    seed: int
    kind: str
    clean: bool
    weather: Weather
    dyings: tuple[Dying, ...] = ()
    acts: tuple[tuple[int, str], ...] = ()
    steps: tuple[str, ...] = ("push",)
    think: float = 60.0
    wished: int = 4
    cancel: tuple[int, str] | None = None
    sleeps: tuple[tuple[int, float, bool], ...] = ()
    clock_error: float = 0.0
    clock_set: tuple[int, float] | None = None
    second: float | None = None
    compared: bool = False
    notes: list[str] = field(default_factory=list, compare=False)


def draw(seed: int, kind: str = "") -> Scenario:
    """The scenario of a seed; ``kind`` pins the PSA."""
    dice = Random(f"scenario {seed}")
    chosen = dice.choices(("autotask", "connectwise", "document", "set", "compared_set"), (70, 12, 8, 5, 5))[0]
    clean = dice.random() < 0.08
    compared = dice.random() < 0.08
    kind = kind or chosen
    if clean:
        return Scenario(seed=seed, kind=kind, clean=True, weather=Weather(), wished=dice.randrange(1, 8), compared=compared,
                        steps=_steps(dice))
    think = dice.choice((0.0, 5.0, 60.0, 600.0, 1_500.0, 1_790.0, 1_900.0))
    return Scenario(
        seed=seed, kind=kind, clean=False, weather=_weather(dice), dyings=_dyings(dice), acts=_acts(dice), steps=_steps(dice),
        think=think, wished=dice.randrange(1, 8),
        cancel=(dice.randrange(3, 40), dice.choice(("button", "window"))) if dice.random() < 0.2 else None, sleeps=_sleeps(dice),
        clock_error=dice.choice((0.0, 0.0, 0.0, 0.5, -200.0, 250.0, 400.0)),
        clock_set=(dice.randrange(2, 40), dice.choice(_CLOCK_SET)) if dice.random() < 0.15 else None, compared=compared,
        second=dice.choice((dice.uniform(0.0, 3.0), dice.uniform(0.0, think + 30.0))) if dice.random() < 0.2 else None,
    )


def _weather(dice: Random) -> Weather:
    outages = ((dice.uniform(0.0, 200.0), dice.choice((5.0, 60.0, 300.0, 900.0))),) if dice.random() < 0.15 else ()
    return Weather(
        reads=dice.choice((0.0, 0.02, 0.05, 0.1, 0.25)), writes=dice.choice((0.2, 0.5, 0.5, 0.8, 1.0)),
        late_beyond=0.15 if dice.random() < 0.2 else 0.0, outages=outages,
    )


def _dyings(dice: Random) -> tuple[Dying, ...]:
    count = dice.choices((0, 1, 2, 3), (50, 30, 15, 5))[0]
    return tuple(_dying(dice) for _ in range(count))


def _dying(dice: Random) -> Dying:
    at = dice.choice(("before commit", "after commit", "after commit", "step", "sent", "arrived"))
    most = {"step": 400, "sent": 35, "arrived": 35}.get(at, 25)
    away = dice.choice((0.5, 5.0, 60.0, 170.0, 200.0, 3_600.0, 90_000.0))
    return Dying(at=at, nth=dice.randrange(1, most), death="power" if dice.random() < 0.35 else "kill", away=away)


def _acts(dice: Random) -> tuple[tuple[int, str], ...]:
    count = dice.choices((0, 1, 2, 3), (40, 35, 15, 10))[0]
    return tuple(sorted(_act(dice) for _ in range(count)))


def _act(dice: Random) -> tuple[int, str]:
    if dice.random() < 0.5:
        return dice.randrange(1, 5), "written"
    return dice.randrange(2, 60), dice.choice(("sent", "arrived"))


def _sleeps(dice: Random) -> tuple[tuple[int, float, bool], ...]:
    if dice.random() >= 0.15:
        return ()
    return ((dice.randrange(2, 40), dice.choice((20.0, 60.0, 400.0, 28_800.0)), dice.random() < 0.5),)


def _steps(dice: Random) -> tuple[str, ...]:
    steps = ["push"]
    if dice.random() < 0.4:
        steps.append("close reviews")
    if dice.random() < 0.4:
        steps.append("push")
    if dice.random() < 0.35:
        steps.append("undo")
    return tuple(steps)
