"""Plain clients for the sandbox's own tests: they know nothing of the program, only how the APIs are called."""

from types import TracebackType
from typing import Any

import httpx

from reconcile_app.sandbox.server import Sandbox

EVERYTHING = [{"op": "gte", "field": "id", "value": 0}]


class AutotaskClient:
    """Calls a sandbox's Autotask with the credentials it hands out."""

    def __init__(self, box: Sandbox) -> None:
        settings = box.settings["autotask"]
        secrets = settings["secrets"]
        self.root = f"{settings['zone_lookup_url']}/ATServicesRest/V1.0/"
        self.headers = {
            "ApiIntegrationCode": secrets["integration_code"],
            "UserName": secrets["username"],
            "Secret": secrets["secret"],
        }
        self.http = httpx.Client(timeout=20)

    def __enter__(self) -> "AutotaskClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        url = path if path.startswith("http") else self.root + path
        return self.http.request(method, url, json=body, headers={**self.headers, **options.pop("headers", {})}, **options)

    def query(self, entity: str, filters: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        answer = self.call("POST", f"{entity}/query", {"Filter": filters, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def items(self, entity: str, filters: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
        body = {"Filter": filters, **more}
        page = self.query(entity, filters, **more)
        found = page["items"]
        while page["pageDetails"]["nextPageUrl"]:
            page = self.call("POST", page["pageDetails"]["nextPageUrl"], body).json()
            found += page["items"]
        return found

    def refusal(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        answer = self.call(method, path, body)
        return answer.status_code, answer.json()["errors"][0]

    def control(self, name: str, order: dict[str, Any] | None = None) -> Any:
        answer = self.http.post(self.root.split("/ATS")[0] + f"/__sim/{name}", json=order or {})
        assert answer.status_code == 200, answer.text
        return answer.json()


class AtriaClient:
    """Calls a sandbox's Atria with the token it hands out."""

    def __init__(self, box: Sandbox) -> None:
        settings = box.settings["atria"]
        self.root = settings["base_url"]
        self.headers = {"Authorization": f"Bearer {settings['secrets']['token']}"}
        self.http = httpx.Client(timeout=20)

    def __enter__(self) -> "AtriaClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()

    def call(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        return self.http.get(self.root + path, params=params, headers=self.headers if headers is None else headers)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def control(self, name: str, order: dict[str, Any] | None = None) -> Any:
        answer = self.http.post(f"{self.root}/__sim/{name}", json=order or {})
        assert answer.status_code == 200, answer.text
        return answer.json()
