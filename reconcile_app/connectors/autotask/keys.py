"""What opens an Autotask tenant: the keys of an API user, and the addresses."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile_app.core.settings import Secret

LOOKUP = "https://webservices.autotask.net"
"""Where the vendor tells the zone of a user."""

_VERSION = "V1.0"


def api_origin(address: str) -> str:
    """The address below which the entities live: an address without a path gets the usual one; the version is pinned to V1.0.

    Later versions are announced by the API and do not answer yet.
    """
    address = address.strip().rstrip("/")
    if address.casefold().endswith("/v1.0"):
        address = address[: -len("/v1.0")].rstrip("/")
    host = address.partition("://")[2]
    return f"{address}/{_VERSION}" if "/" in host else f"{address}/ATServicesRest/{_VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The three keys of an API user, and the users that the zone is asked for."""

    username: Secret
    secret: Secret
    integration_code: Secret

    def headers(self) -> Mapping[str, str]:
        """The sign-in of every request but the look-up of the zone."""
        return {
            "ApiIntegrationCode": self.integration_code.reveal(),
            "UserName": self.username.reveal(),
            "Secret": self.secret.reveal(),
        }
