"""How the simulated Autotask says no: the texts clients have seen, word for word."""

from dataclasses import replace

from reconcile_app.sandbox.gate import Reply, json_reply

OUTSIDE_CONTRACT = (
    "ContractServiceAdjustment effectiveDate must be between the start date and end date of the Contract referenced by contractID."
)
DUPLICATE_PERIOD = "Cannot insert duplicate key row. Attempt to insert duplicate data into contract_service_period."
POSTED_PERIOD = (
    "Unable to make changes as it would result in the deletion/modification of an already approved and posted contract period"
)
NO_PERMISSION = "The logged in Resource does not have the adequate permissions to {right} this entity type."
BAD_INTEGRATION_CODE = "IntegrationCode is invalid."
UNKNOWN_USER = "Zone information could not be determined"
TOO_MANY_OR = "Invalid query syntax. Queries are limited to 500 or fewer 'OR' conditions."
PAGE_SIZE = "maxCountOfRecordsToReturn must be between 1 and 500"
THREADS = "The thread threshold of 3 threads has been exceeded for this integration and object endpoint. (Itgenatr005)"
HOURLY = "The external request threshold of {limit} requests per 60 minutes has been exceeded for this database."
NOT_FOUND = "No HTTP resource was found that matches the request URI '{uri}'."
NO_METHOD = "The requested resource does not support http method '{method}'."
NOTHING_MATCHES = "No matching records found. The logged in Resource may not have the required permissions to update the data."
HTML_404 = b"<!DOCTYPE html><html><head><title>404 - File or directory not found.</title></head><body>Server Error</body></html>"


class ApiError(Exception):
    """The request is refused; ``errors`` is what the body lists."""

    def __init__(self, *errors: str, status: int = 500, retry_after: int = 0) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors
        self.status = status
        self.retry_after = retry_after

    def reply(self) -> Reply:
        """As the API puts it."""
        reply = json_reply({"errors": list(self.errors)}, self.status)
        return replace(reply, headers={"Retry-After": str(self.retry_after)}) if self.retry_after else reply


def bad_reference(field: str, record: str) -> ApiError:
    """A reference to a record that is missing or inactive."""
    return ApiError(f"Reference value on field: {field} of type: {record} does not exist or is invalid.")


def bad_value(text: object) -> ApiError:
    """A value of the wrong JSON type."""
    return ApiError(f"Unexpected character encountered while parsing value: {str(text)[:1]}. Path '', line 1, position 1.")


def route_missing(uri: str) -> Reply:
    """No such entity or route."""
    return json_reply({"Message": NOT_FOUND.format(uri=uri)}, 404)


def method_missing(method: str) -> Reply:
    """The route exists, the method does not."""
    return json_reply({"Message": NO_METHOD.format(method=method)}, 405)
