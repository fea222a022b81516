"""Runs a machine, with hypothesis set so that long sequences are no reason to give up."""

import logging

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.state_machine.machine import Machine


def play(machine: type[Machine], examples: int, steps: int, *, shrink: bool = True, seed: int | None = None) -> None:
    """Raises the first violation, with the shortest sequence of steps that leads to it where ``shrink`` is wanted."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=phases,
        print_blob=False,
        derandomize=seed is None,
    )
    machine.ends.clear()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # the engine logs what the PSA does to it
    try:
        run_state_machine_as_test(machine, settings=chosen)
    finally:
        logging.disable(before)
