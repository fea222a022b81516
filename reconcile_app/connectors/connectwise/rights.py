"""What the API member must be allowed to do in ConnectWise, and where each right is granted."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconcile_app.connectors.connectwise.wire import AgreementType, Rights
from reconcile_app.core.errors import SideUnreadable
from reconcile_app.core.ports import CheckResult, PermissionCheck

_MOST_NAMES = 20
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One right of a security role. ``access``: ``inquire``, ``add`` or ``edit``."""

    module: str
    function: str
    access: str
    needed_for: str

    @property
    def name(self) -> str:
        """As ConnectWise calls it."""
        return f"{self.module}, {self.function}: {self.access}"

    @property
    def grant(self) -> str:
        """What to set and where."""
        return (
            f"ConnectWise › System › Security Roles › the role of the API member › {self.module} › {self.function}: "
            f"{self.access.capitalize()} level All."
        )


COMPANIES = Right(module="Companies", function="Company Maintenance", access="inquire", needed_for="find the company of a customer")
AGREEMENTS = Right(module="Finance", function="Agreements", access="inquire", needed_for="read agreements and their additions")
CHANGE = Right(module="Finance", function="Agreements", access="edit", needed_for="write quantities and, where chosen, unit costs")
CREATE = Right(module="Finance", function="Agreements", access="add", needed_for="create missing additions, where that is allowed")
CATALOG = Right(
    module="Procurement", function="Product Catalog", access="inquire", needed_for="find the product of a SKU in the catalog"
)
RIGHTS: Sequence[Right] = (COMPANIES, AGREEMENTS, CHANGE, CREATE, CATALOG)
"""Every right the program uses, in the order of use. It never deletes, and it needs no right to invoices or reports."""


def judge_right(right: Right, rows: Sequence[Rights] | SideUnreadable) -> PermissionCheck:
    """One permission from what ``/system/mySecurity`` lists, or from why that could not be read."""
    if isinstance(rows, SideUnreadable):
        return _check(right, CheckResult.CANNOT_TELL, rows.reason)
    levels = {_level(row, right.access) for row in rows if _is_about(row, right)} - {""}
    if not levels:
        return _check(right, CheckResult.CANNOT_TELL, "ConnectWise does not list this function for the API member.")
    if "all" in levels:
        return _check(right, CheckResult.OK)
    if levels == {"none"}:
        return _check(right, CheckResult.MISSING, "The level is None.")
    shown = ", ".join(sorted(level.capitalize() for level in levels))
    return _check(right, CheckResult.MISSING, f"The level is {shown}: other people's records are left out without an error.")


def judge_type(wanted: str, types: Sequence[AgreementType] | SideUnreadable) -> PermissionCheck:
    """Whether the agreement type of the connection exists, with the names to choose from where it does not."""
    name, needed_for = f"Agreement type {wanted or '(not entered)'}", "know which agreements carry the services"
    if isinstance(types, SideUnreadable):
        return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.CANNOT_TELL, detail=types.reason)
    if type_named(wanted, types) is not None:
        return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.OK)
    return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.MISSING, grant=offer(types))


def type_named(wanted: str, types: Sequence[AgreementType]) -> AgreementType | None:
    """The agreement type of this name, compared without case and outer blanks; None without one, or where two have it."""
    found = [each for each in types if wanted.strip() and each.name.strip().casefold() == wanted.strip().casefold()]
    return found[0] if len(found) == 1 else None


def type_names(types: Sequence[AgreementType]) -> list[str]:
    """The names as the setting takes them, inactive ones last."""
    return list(dict.fromkeys(name for each in _ordered(types) if (name := each.name.strip())))


def _ordered(types: Sequence[AgreementType]) -> list[AgreementType]:
    return sorted(types, key=lambda each: (bool(each.inactive_flag), each.name.casefold()))


def offer(types: Sequence[AgreementType]) -> str:
    """The names to choose from, inactive ones last."""
    names = [each.name.strip()[:_LONGEST_NAME] + (" (inactive)" if each.inactive_flag else "") for each in _ordered(types)]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Enter one of: {', '.join(names[:_MOST_NAMES])}{more}." if names else "ConnectWise has no agreement types yet."


def _is_about(row: Rights, right: Right) -> bool:
    modules = {_plain(row.module_name), _plain(row.module_description)}
    functions = {_plain(row.module_function_name), _plain(row.module_function_description)}
    return _plain(right.module) in modules and _plain(right.function) in functions


def _plain(text: str | None) -> str:
    return "".join(character for character in (text or "").casefold() if character.isalnum())


def _level(row: Rights, access: str) -> str:
    level = {"inquire": row.inquire_level, "add": row.add_level, "edit": row.edit_level}[access]
    return (level or "").strip().casefold()


def _check(right: Right, result: CheckResult, detail: str = "") -> PermissionCheck:
    grant = "" if result is CheckResult.OK else right.grant
    return PermissionCheck(name=right.name, needed_for=right.needed_for, result=result, grant=grant, detail=detail)
