"""A comparison is pushed in the billing period it was made in, or not at all."""

from datetime import timedelta

import pytest

from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.period_bound import check_period
from tests.fakes.snapshot_basis import snapshot_basis


def test_up_to_the_last_day_of_the_period_a_comparison_holds() -> None:
    basis = snapshot_basis()
    check_period(basis, basis.billing.current.start)
    check_period(basis, basis.billing.current.end)


@pytest.mark.fault("F-52", "W", "before")
def test_from_the_next_day_on_it_must_be_made_again() -> None:
    basis = snapshot_basis()
    with pytest.raises(PlanRefused) as caught:
        check_period(basis, basis.billing.current.end + timedelta(days=1))
    assert caught.value.title == "The billing period has changed since you compared."
    assert str(basis.billing.current.end) in caught.value.happened
    assert (caught.value.meaning, caught.value.next_step) == ("Nothing was sent.", "Compare again.")
