"""A comparison belongs to the billing period it was made in: its effective date means nothing in another one."""

from datetime import date

from reconcile_app.core.basis import Basis
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.findings import Kind


def check_period(basis: Basis, today: date) -> None:
    """Refuse to push a comparison when the period that was open then has ended (at midnight, at the end of the month).

    Raises:
        PlanRefused: another period is open now.
    """
    ended = basis.billing.current.end
    if today > ended:
        raise PlanRefused(
            "The billing period has changed since you compared.",
            f"The period that was open then ended on {ended}; changes would take effect on {basis.effective_date}.",
            meaning="Nothing was sent.",
            next_step="Compare again.",
            kind=Kind.CHANGED_MEANWHILE,
        )
