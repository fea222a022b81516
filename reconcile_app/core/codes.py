"""The codes that are the same for every PSA, and how a template becomes a text."""

import re
from collections.abc import Mapping
from dataclasses import replace

from reconcile_app.core.findings import Code, CodeTable, Kind, Level

RC_CODES: CodeTable = {
    Kind.CONTRACT_AMBIGUOUS: Code(
        id="RC01",
        level=Level.WARNING,
        title="several contracts",
        template="{customer_code} Ambiguous Contract : {count} contracts of type {contract_type} found for Customer {customer_name}; choose one",
        resolution="Choose the contract that carries these services: Choose contract…",
    ),
    Kind.CONTRACT_NOT_STARTED: Code(
        id="RC02",
        level=Level.WARNING,
        title="contract not started",
        template="{customer_code} Contract Not Started : {contract_name} starts on {start_date}; nothing was written",
        resolution="Set the start date of the contract to today or earlier, or wait until it starts and check again.",
    ),
    Kind.CONTRACT_EXPIRED: Code(
        id="RC03",
        level=Level.WARNING,
        title="contract expired",
        template="{customer_code} Contract Expired : {contract_name} ended on {end_date}; nothing was written",
        resolution="Extend the contract in the PSA, or map the customer to an active contract.",
    ),
    Kind.SERVICE_DUPLICATED: Code(
        id="RC04",
        level=Level.WARNING,
        title="service twice",
        template="{customer_code} Duplicate Service : SKU {sku} appears {count} times on {contract_name}; nothing was written",
        resolution="Remove the duplicate in the PSA if it was never invoiced; otherwise set its quantity to 0 with a date in the past. Then check again.",
    ),
    Kind.PERMISSION_MISSING: Code(
        id="RC05",
        level=Level.ERROR,
        title="permission missing",
        template="Missing permission on {psa}: {permission}",
        resolution="Grant the permission to the API user, then run Test and verify permissions.",
    ),
    Kind.MAPPING_BROKEN: Code(
        id="RC06",
        level=Level.WARNING,
        title="mapping broken",
        template="{customer_code} Mapping Broken : {object} {id} no longer exists in {psa}; map again",
        resolution="The contract or line was replaced or removed, often by a renewal. Map the customer again; the likely successor is suggested.",
    ),
    Kind.IDENTIFIER_SHARED: Code(
        id="RC07",
        level=Level.WARNING,
        title="identifier shared",
        template="{customer_code} Billing Identifier Shared : {billing_identifier} is also used by {other_customer_code}",
        resolution="Give each customer its own Billing Identifier in Atria and reprocess, or map one of them here.",
    ),
    Kind.BILLED_TO_OTHER: Code(
        id="RC08",
        level=Level.INFO,
        title="billed to another",
        template="{customer_code} Billed To {bill_to_code} : processed for {used_code}",
        resolution="Nothing to do. The connection setting chooses whether the consuming or the paying customer is matched.",
    ),
    Kind.COST_UPDATED: Code(
        id="RC09",
        level=Level.INFO,
        title="cost updated",
        template="{customer_code} Cost Update : {line_description} with SKU {sku} cost updated from {old_cost} to {new_cost}",
        resolution="Review only.",
    ),
    Kind.SKU_NOT_VALID: Code(
        id="RC10",
        level=Level.WARNING,
        title="SKU not valid",
        template="{customer_code} SKU Not Valid : {sku} is not a whole number as required by {match_field}",
        resolution="Correct the SKU in Atria, map this SKU to a service here, or choose another SKU field in the connection.",
    ),
    Kind.WAITING_FOR_REPROCESS: Code(
        id="RC11",
        level=Level.WARNING,
        title="waiting for reprocess",
        template="{customer_code} Waiting For Reprocess : change of {field} is not in the billing records yet",
        resolution="Run Reprocess Billing Records in Atria for this period, then compare again.",
    ),
    Kind.NOT_SELECTED: Code(
        id="RC12",
        level=Level.INFO,
        title="not selected",
        template="{customer_code} Not Selected : {line_description} with SKU {sku} stays at {old_quantity} (Atria {new_quantity})",
        resolution="Nothing to do. Tick the row and push to write it.",
    ),
    Kind.NO_BILLED_RECORD: Code(
        id="RC13",
        level=Level.WARNING,
        title="no Atria record",
        template="{customer_code} No Atria Record : {line_description} with SKU {sku} has quantity {old_quantity} in {psa}",
        resolution="Check whether the customer still uses the service; if not, set the line to zero in the PSA.",
    ),
    Kind.RETRIED: Code(
        id="RC14",
        level=Level.INFO,
        title="retried",
        template="{customer_code} Retried : processed alone",
        resolution="Nothing to do.",
    ),
    Kind.PERIOD_POSTED: Code(
        id="RC15",
        level=Level.WARNING,
        title="period posted",
        template="{customer_code} Period Posted : {line_description} with SKU {sku} is approved and posted until {end_date}; a change appears as a separate item",
        resolution="A change appears as a separate prorated item that cannot be deleted. Tick the row if that is what you want.",
    ),
    Kind.PENDING_CHANGE: Code(
        id="RC16",
        level=Level.WARNING,
        title="change planned",
        template="{customer_code} Pending Change : {line_description} with SKU {sku} changes to {pending_quantity} on {pending_date}",
        resolution="Somebody planned a change. Agree with them first; tick the row to write this change all the same.",
    ),
    Kind.CHANGED_SINCE_PUSH: Code(
        id="RC17",
        level=Level.INFO,
        title="changed in PSA",
        template="{customer_code} Changed In {psa} : {line_description} with SKU {sku} was {last_pushed_quantity} after our push on {push_date} and is {old_quantity} now",
        resolution="Look at the history of the line. Pushing sets it to what Atria bills.",
    ),
    Kind.QUANTITY_NOT_USABLE: Code(
        id="RC18",
        level=Level.WARNING,
        title="quantity not usable",
        template="{customer_code} Quantity Not Usable : {line_description} with SKU {sku} has quantity {new_quantity}",
        resolution="Correct the quantity in Atria, or map the SKU to a service that takes it.",
    ),
    Kind.NOT_READ: Code(
        id="RC19",
        level=Level.ERROR,
        title="not read",
        template="{customer_code} Not Read : {side} could not be read completely: {error}",
        resolution="Check the connection and press Check again. Unknown is not zero: nothing of this part can be pushed.",
    ),
    Kind.CHANGED_MEANWHILE: Code(
        id="RC20",
        level=Level.WARNING,
        title="changed meanwhile",
        template="{customer_code} Changed Meanwhile : {line_description} with SKU {sku} was {old_quantity} and is {current_quantity} now; nothing was written",
        resolution="Compare again and decide on the new quantity.",
    ),
    Kind.IN_DOUBT: Code(
        id="RC21",
        level=Level.ERROR,
        title="in doubt",
        template="{customer_code} In Doubt : {line_description} with SKU {sku}: {reason}",
        resolution="Do not write this line by hand yet. The program keeps reading it; if it stays in doubt, check the line in the PSA and close it with a reason.",
    ),
}


_WORDS = ("company", "contract", "service")
"""What a PSA may call by another word. A line is called a line everywhere."""


def code_table(codes: CodeTable, vocabulary: Mapping[str, str]) -> CodeTable:
    """Every code of a PSA, the shared ones included. What these say to do is told in the words of the PSA.

    Their texts stay as they are, because people and scripts search for them.

    Args:
        codes: the PSA's own table.
        vocabulary: what it calls a company, a contract, a service.
    """
    words = {word: vocabulary[word] for word in _WORDS if vocabulary.get(word, word) != word}
    return {**{kind: _in_words(code, words) for kind, code in RC_CODES.items()}, **codes}


def _in_words(code: Code, words: Mapping[str, str]) -> Code:
    """Its title and resolution in other words, one or many of the thing."""
    if not words:
        return code
    anything = re.compile(rf"\b({'|'.join(words)})(s?)\b")

    def worded(text: str) -> str:
        return anything.sub(lambda found: words[found[1]] + found[2], text)

    return replace(code, title=worded(code.title), resolution=worded(code.resolution), words=words)


def render(template: str, fields: Mapping[str, str]) -> str:
    """Fill a template; a field nobody gave stays empty, braces inside values stay as they are."""
    return template.format_map(_Blank(fields))


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
