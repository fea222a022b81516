"""How the simulated ConnectWise PSA says no: the texts clients have seen, word for word where they are known."""

import json
from dataclasses import dataclass, field

from reconcile_app.sandbox.gate import Reply

NO_RIGHT = "You do not have security permission to perform this action."
NO_ENDPOINT = "The endpoint does not exist."
TIMED_OUT = "A timeout has occured. Please try again."
CANNOT_ROUTE = b"Cannot route. Codebase/company is invalid"
_ACCEPT_HINT = (
    "Please ensure that you have specified the correct version in the accept header, as in: "
    "application/vnd.connectwise.com+json; version=2026.4"
)
_JSON = "application/json; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_SLOW_DOWN = "You have exceeded the allowed number of requests. Please try again in {seconds} seconds."
_EDGE_PAGE = b"<!DOCTYPE html><html><head><title>Error 1015</title></head><body><h1>You are being rate limited</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one member of a record."""

    code: str
    message: str
    resource: str
    field: str


@dataclass(slots=True)
class ApiError(Exception):
    """The request is refused; nothing was stored."""

    status: int
    code: str
    message: str
    flaws: tuple[Flaw, ...] = field(default=())

    def body(self) -> dict[str, object]:
        """The members of the answer; ``errors`` only where there are any."""
        told: dict[str, object] = {"code": self.code, "message": self.message}
        if self.flaws:
            told["errors"] = [
                {"code": flaw.code, "message": flaw.message, "resource": flaw.resource, "field": flaw.field} for flaw in self.flaws
            ]
        return told

    def reply(self) -> Reply:
        """As the API puts it: indented, with the line ends of Windows."""
        text = json.dumps(self.body(), indent=2, ensure_ascii=False).replace("\n", "\r\n")
        return Reply(status=self.status, body=text.encode(), content_type=_JSON)


def invalid(word: str, *flaws: Flaw) -> ApiError:
    """A record that does not pass validation; ``word`` is its camel-case name."""
    return ApiError(400, "InvalidObject", f"{word} object is invalid", flaws)


def bad_condition(message: str) -> ApiError:
    """A condition that was not understood."""
    return ApiError(400, "ApiFindCondition", message)


def unknown_name(path: str) -> ApiError:
    """A condition on something the record does not have."""
    return bad_condition(f"{path} is not a recognized name.")


def unknown_member(name: str, title: str, body: bytes) -> ApiError:
    """A member in a body that its type does not have; the hint follows without a blank, as it does in the field."""
    at = max(body.find(f'"{name}"'.encode()), 0) + len(name) + 3
    text = f"Could not find member '{name}' on object of type '{title}'. Path '{name}', line 1, position {at}."
    return ApiError(400, "ConnectWiseApi", text + _ACCEPT_HINT)


def not_json(detail: str) -> ApiError:
    """A body that is no JSON, or JSON of another shape."""
    return ApiError(400, "ConnectWiseApi", f"{detail}{_ACCEPT_HINT}")


def bad_type(value: object, wanted: str, path: str) -> ApiError:
    """A value of the wrong JSON type: a 500, although the client is to blame."""
    return ApiError(
        500, "ConnectWiseApi", f"Error converting value {json.dumps(value)} to type '{wanted}'. Path '{path}', line 1, position 1."
    )


def not_found(title: str, number: int | str) -> ApiError:
    """No record of that id."""
    return ApiError(404, "NotFound", f"{title} {number} not found")


def no_right() -> ApiError:
    """The role of the API member lacks the right."""
    return ApiError(403, "Security", NO_RIGHT)


def no_endpoint() -> ApiError:
    """A route that does not exist."""
    return ApiError(404, "ConnectWiseApi", NO_ENDPOINT)


def no_method(method: str) -> ApiError:
    """The route exists, the method does not."""
    return ApiError(405, "ConnectWiseApi", f"The requested resource does not support http method '{method}'.")


def cannot_route() -> Reply:
    """The gateway in front of the tenants: a wrong codebase, a doubled path or a company of another name."""
    return Reply(status=400, body=CANNOT_ROUTE, content_type="text/plain; charset=utf-8")


def too_many(form: str, seconds: int) -> Reply:
    """A 429 with the header, without it, or from the edge as a page of HTML; ``seconds`` is how long to wait."""
    if form == "html":
        return Reply(status=429, body=_EDGE_PAGE, content_type=_HTML, headers={"Retry-After": str(seconds)})
    text = json.dumps({"error": "ConnectWiseAPI", "message": _SLOW_DOWN.format(seconds=seconds)})
    headers = {"Retry-After": str(seconds)} if form == "header" else {}
    return Reply(status=429, body=text.encode(), content_type=_JSON, headers=headers)
