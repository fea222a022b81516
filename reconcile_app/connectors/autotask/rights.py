"""What the API user must be allowed to do in Autotask, and where each right is granted."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile_app.connectors.autotask.wire import Rights
from reconcile_app.core.errors import PermissionDenied, SideUnreadable
from reconcile_app.core.ports import CheckResult, PermissionCheck

_LEVEL = "Autotask › Admin › Security Levels, a copy of API User (API-only) › "
_CONTRACTS = _LEVEL + "Contracts"
_CRM = _LEVEL + "CRM"
_SERVICES = _LEVEL + "Admin › Products & Services"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One right. ``access`` names the figure of ``entityInformation``: ``query``, ``create`` or ``update``."""

    entity: str
    access: str
    needed_for: str
    grant: str

    @property
    def name(self) -> str:
        """As Autotask calls it."""
        return f"{self.entity}: {self.access}"


RIGHTS: Sequence[Right] = (
    Right(entity="Companies", access="query", needed_for="find the company of a customer", grant=f"{_CRM}: view all companies."),
    Right(
        entity="Contracts",
        access="query",
        needed_for="find the recurring service contract of a company",
        grant=f"{_CONTRACTS}: full contract visibility.",
    ),
    Right(
        entity="ContractServices",
        access="query",
        needed_for="read which services are on a contract",
        grant=f"{_CONTRACTS}: full contract visibility.",
    ),
    Right(
        entity="ContractServices",
        access="create",
        needed_for="create missing contract lines, where that is allowed",
        grant=f"{_CONTRACTS}: add services to contracts.",
    ),
    Right(
        entity="ContractServices",
        access="update",
        needed_for="write the unit cost, where that is chosen",
        grant=f"{_CONTRACTS}: edit services of contracts.",
    ),
    Right(
        entity="ContractServiceUnits",
        access="query",
        needed_for="read the quantities of contract lines",
        grant=f"{_CONTRACTS}: full contract visibility.",
    ),
    Right(
        entity="ContractServiceAdjustments",
        access="create",
        needed_for="write quantities",
        grant=f"{_CONTRACTS}: add and edit adjustments of contract services.",
    ),
    Right(
        entity="Services",
        access="query",
        needed_for="find the service of a SKU in the catalog",
        grant=f"{_SERVICES}: view services.",
    ),
)
"""Every right the program uses, in the order of use."""

ENTITIES: Sequence[str] = tuple(dict.fromkeys(right.entity for right in RIGHTS))
"""The entities whose rights are asked for."""


def judge_right(right: Right, rights: Rights | SideUnreadable) -> PermissionCheck:
    """One permission from what ``entityInformation`` said, or from why it could not be read."""
    if isinstance(rights, SideUnreadable):
        missing = isinstance(rights, PermissionDenied)
        return _check(right, CheckResult.MISSING if missing else CheckResult.CANNOT_TELL, rights.reason)
    granted = {
        "query": rights.user_access_for_query,
        "create": rights.user_access_for_create,
        "update": rights.user_access_for_update,
    }[right.access]
    if granted == 0:
        return _check(right, CheckResult.MISSING)
    if granted == 1:
        return _check(right, CheckResult.OK)
    if granted == 2:
        return _check(right, CheckResult.OK, "Restricted: records that the security level hides are left out without an error.")
    return _check(right, CheckResult.CANNOT_TELL, "Autotask does not say.")


def _check(right: Right, result: CheckResult, detail: str = "") -> PermissionCheck:
    grant = "" if result is CheckResult.OK else right.grant
    return PermissionCheck(name=right.name, needed_for=right.needed_for, result=result, grant=grant, detail=detail)
