"""The address of a company's page in Autotask: built from the zone's number and the id alone."""

import pytest

from reconcile_app.connectors.autotask import SPEC
from reconcile_app.core.settings import Connection


def address(base_url: str, company_id: str = "29683412") -> str:
    return SPEC.company_url(Connection(name="autotask", kind="autotask", values={"base_url": base_url}), company_id)


@pytest.mark.parametrize("base_url", [
    "https://webservices14.autotask.net", "https://webservices14.autotask.net/ATServicesRest", "https://WebServices14.Autotask.net/",
])
def test_the_zone_of_the_connection_names_the_host(base_url: str) -> None:
    page = "https://ww14.autotask.net/Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenAccount&AccountID=29683412"
    assert address(base_url) == page


@pytest.mark.parametrize("base_url", [
    "", "http://webservices14.autotask.net", "https://webservices14.autotask.net.example.com", "https://example.com",
    "https://webservices.autotask.net", "http://127.0.0.1:8100", "https://webservices14.autotask.net@example.com",
    "https://ww14.autotask.net", "not an address",
])
def test_anywhere_else_there_is_no_such_page(base_url: str) -> None:
    assert address(base_url) == ""


@pytest.mark.parametrize("company_id", ["", "12&x=1", "../1", "1 2", "٣", "-1", "9" * 21])
def test_what_is_no_id_is_never_put_into_an_address(company_id: str) -> None:
    assert address("https://webservices14.autotask.net", company_id) == ""
