"""Makes the recordings: a small sandbox, asked everything once through the real connectors."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from reconcile_app.sandbox.server import Sandbox
from tests.fuzz import atria_targets, autotask_targets, connectwise_targets
from tests.fuzz.replay import NOW, ORIGINS, Recorder, Tape

CUSTOMERS, LINES = 3, 3


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What all processes share."""

    atria: Tape
    atria_known: atria_targets.Known
    autotask: Tape
    autotask_known: autotask_targets.Known
    connectwise: Tape


def record() -> Recording:
    """The same every time, whatever origins the sandbox was given."""
    with Sandbox(f"sized:{CUSTOMERS}x{LINES}", seed=1, now=NOW, ticking=False) as box:
        origins = {_origin(simulator.base_url): ORIGINS[name] for name, simulator in box.simulators.items()}
        return asyncio.run(_record(box, origins))


async def _record(box: Sandbox, origins: dict[str, str]) -> Recording:
    atria, autotask = Recorder(origins), Recorder(origins)
    atria_known = await atria_targets.learn(box.settings["atria"], atria)
    autotask_known = await autotask_targets.learn(box.settings["autotask"], autotask)
    await atria.aclose()
    await autotask.aclose()
    return Recording(
        atria=atria.tape,
        atria_known=replace(atria_known, settings=settled(atria_known.settings, origins)),
        connectwise=await connectwise_targets.tape(),
        autotask=autotask.tape,
        autotask_known=replace(autotask_known, settings=settled(autotask_known.settings, origins)),
    )


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def settled(settings: Any, origins: dict[str, str]) -> Any:
    """The settings with the origins that recordings are said to come from."""
    text = json.dumps(settings)
    for real, said in origins.items():
        text = text.replace(real, said)
    return json.loads(text)
