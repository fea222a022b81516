"""Where a ConnectWise tenant answers: the forms in which operators know its address, and what the code base in it is.

An address is ``https://{host}/{code base}/apis/3.0``. The code base ``v4_6_release`` leads to whatever version the tenant has.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from reconcile_app.connectors.connectwise.wire import TITLE
from reconcile_app.connectors.origin import Origin

ROUTER = "v4_6_release"
_API = "/apis/3.0"
_CODEBASE = re.compile(r"v[0-9][0-9A-Za-z_]{0,30}", re.ASCII)
_CLOUD = re.compile(r"(api-)?(na|eu|au|aus|za)\.myconnectwise\.net")
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``root`` is scheme, host and any path before the code base."""

    root: str
    codebase: str

    @classmethod
    def read(cls, text: str) -> "Address":
        """Take an address apart: with or without a code base, with or without ``/apis/3.0``, with or without ``api-`` on the cloud.

        Raises:
            SettingsError: no address that keys may be sent to.
        """
        origin = Origin.parse(text, TITLE)
        path = origin.prefix
        if path.casefold().endswith(_API):
            path = path[: -len(_API)].rstrip("/")
        before, _, last = path.rpartition("/")
        codebase = last if _CODEBASE.fullmatch(last) else ""
        cloud = _CLOUD.fullmatch(origin.host) if origin.scheme == "https" else None
        host = f"api-{cloud[2]}.myconnectwise.net" if cloud else ""
        site = f"https://{host}" + origin.text.removeprefix(f"https://{origin.host}") if cloud else origin.text
        return cls(root=site + (before if codebase else path), codebase=codebase or ROUTER)

    @property
    def api(self) -> str:
        """What every request path is appended to."""
        return f"{self.root}/{self.codebase}{_API}"

    def moved(self, codebase: str) -> "Address":
        """The same tenant under the code base that discovery names; the same address where that is none."""
        found = codebase.strip().strip("/")
        return Address(root=self.root, codebase=found) if _CODEBASE.fullmatch(found) else self


def company_page(base_url: str, company: str, company_id: str) -> str:
    """The page of a company in ConnectWise, or empty.

    The address is built here from the connection's own address and the id, and nothing that a server sent.
    """
    split = urlsplit(base_url.strip())
    if split.scheme != "https" or not split.hostname or not company or not _ID.fullmatch(company_id):
        return ""
    address = Address.read(base_url)
    cloud = re.fullmatch(r"https://api-((?:na|eu|au|aus|za)\.myconnectwise\.net)(.*)", address.root)
    root = f"https://{cloud[1]}{cloud[2]}" if cloud else address.root
    page = "services/system_io/router/openrecord.rails?recordType=CompanyFv"
    return f"{root}/{address.codebase}/{page}&recid={company_id}&companyName={quote(company, safe='')}"
