"""The network between the program and the products: whether they can be reached, and who listens where nobody should connect."""

from collections.abc import Callable

from reconcile_app.sandbox.doors import Door
from reconcile_app.sandbox.gate import Gate
from reconcile_app.sandbox.trap import Trap


class Network:
    """All gates of one sandbox. ``trap`` is open once ``open_trap`` was called."""

    def __init__(self) -> None:
        self._gates: list[tuple[str, Gate]] = []
        self.trap: Trap | None = None

    def join(self, product: str, gate: Gate) -> None:
        """A product is reached through this gate."""
        self._gates.append((product, gate))

    def use(self, door: Door, product: str = "") -> Callable[[], None]:
        """Let every connection (to a product) be greeted this way from now on.

        What is returned ends it, unless it has changed since.
        """
        changed = [(gate, gate.use(door)) for name, gate in self._gates if product in {"", name}]

        def end() -> None:
            for gate, turn in changed:
                if gate.turn == turn:
                    gate.use("open")

        return end

    async def open_trap(self) -> Trap:
        """The listener that nobody may ever connect to; opened when it is first asked for."""
        if self.trap is None:
            self.trap = Trap()
            await self.trap.open()
        return self.trap

    async def close(self) -> None:
        """Close every gate, and the trap."""
        for _, gate in self._gates:
            await gate.close()
        if self.trap is not None:
            await self.trap.close()
            self.trap = None
