"""Every connector: one import and one entry each. Nothing else in the program names them."""

from reconcile_app.connectors import atria, autotask, connectwise
from reconcile_app.core.errors import SettingsError
from reconcile_app.core.ports import ConnectorSpec, Role

CONNECTORS: tuple[ConnectorSpec, ...] = (atria.SPEC, autotask.SPEC, connectwise.SPEC)


def connector(kind: str) -> ConnectorSpec:
    """The connector of a connection's ``kind``.

    Raises:
        SettingsError: there is none.
    """
    for spec in CONNECTORS:
        if spec.key == kind.strip().lower():
            return spec
    raise SettingsError(
        "This kind of connection is not known.",
        f"It says {kind[:50]!r}.",
        meaning="Nothing was started.",
        next_step=f"Use one of: {', '.join(spec.key for spec in CONNECTORS)}.",
    )


def connectors(role: Role) -> tuple[ConnectorSpec, ...]:
    """The connectors that serve this side, in the order in which they are offered."""
    return tuple(spec for spec in CONNECTORS if spec.role is role)
