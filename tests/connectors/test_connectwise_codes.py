"""The published texts of ConnectWise, one by one."""

from reconcile_app.connectors.connectwise.codes import CODES
from reconcile_app.core.codes import RC_CODES, render
from reconcile_app.core.findings import Kind, Level

FIELDS = {
    "customer_code": "ASP",
    "customer_name": "ASP Limited",
    "billing_identifier": "ASPLTD",
    "line_description": "Hosted Exchange",
    "sku": "ATR-1",
    "old_quantity": "10.00",
    "new_quantity": "12.00",
    "error": "no route",
    "period_end": "2026-11-25",
    "secret_name": "PublicKey",
    "contract_type": "Managed Services",
    "status": "Success",
}
NO_AGREEMENT = (
    "No Agreement exists for the customer ASP Limited. Check ConnectWise to see if the customer: ASP Limited with Id: ASPLTD and "
    "agreement type: Managed Services exists."
)
TEXTS = {
    Kind.STARTED: ("CW01", Level.INFO, "Billing Process Started : For Billing Period 2026-11-25"),
    Kind.PSA_UNREACHABLE: ("CW02", Level.ERROR, "Failed to connect to Connectwise: Error reported was : no route"),
    Kind.BILLING_UNREACHABLE: ("CW03", Level.ERROR, "Failed to connect to Atria: Error reported was : no route"),
    Kind.NO_BILLING_IDENTIFIER: (
        "CW04",
        Level.WARNING,
        "ASP CompanyID Missing Unable to process records for Atria Customer ASP Limited – Please add CompanyID from ConnectWise "
        "into Billing Identifier field on Customer",
    ),
    Kind.NO_SKU: (
        "CW05",
        Level.WARNING,
        "ASP SKU Missing in Atria : ASP : Skipped Line Hosted Exchange for Customer ASP Limited as no SKU was provided",
    ),
    Kind.SERVICE_NOT_FOUND: (
        "CW06",
        Level.WARNING,
        "ASP Product Missing : Skipped Line Hosted Exchange with Product ID ATR-1 for Customer ASP Limited as the SKU could not be "
        "located in ConnectWise. Please add this product in ConnectWise portal",
    ),
    Kind.QUANTITY_UPDATED: (
        "CW07",
        Level.INFO,
        "ASP Quantity Update : Line located for Hosted Exchange with Product ID ATR-1 and updated from 10.00 to 12.00",
    ),
    Kind.LINE_CREATED: ("CW08", Level.INFO, "ASP Contract Line Added : New Line added for Hosted Exchange with Product ID ATR-1"),
    Kind.UNCHANGED: ("CW09", Level.VERBOSE, "ASP Contract Line for Hosted Exchange located – quantity is unchanged"),
    Kind.LINES_UNREADABLE: ("CW10", Level.ERROR, "ASP Contract Line Hosted Exchange, SKU ATR-1, Error Details no route"),
    Kind.CATALOG_ITEM_REFUSED: (
        "CW11",
        Level.ERROR,
        "ASP Limited Catalog Item Hosted Exchange, SKU Hosted Exchange, Error Details no route",
    ),
    Kind.WRITE_REFUSED: ("CW12", Level.ERROR, "ASP Limited Addition ATR-1, Error Details no route"),
    Kind.ANSWER_UNREADABLE: ("CW13", Level.ERROR, "Failed to Deserialize object: Error reported was: no route"),
    Kind.COMPANY_NOT_FOUND: ("CW14", Level.WARNING, NO_AGREEMENT),
    Kind.NO_CONTRACT: ("CW14", Level.WARNING, NO_AGREEMENT),
    Kind.NO_RECORDS: ("CW15", Level.WARNING, "No records found in Atria for billing period 2026-11-25."),
    Kind.SECRETS_UNREADABLE: ("CW16", Level.ERROR, "Failed to retrieve ConnectWise secrets. Error occurred is: no route"),
    Kind.ADDRESS_INVALID: (
        "CW17",
        Level.ERROR,
        "Failed to Retrieve Job Task Parameters: Error reported was: api url is not available",
    ),
    Kind.SECRET_MISSING: ("CW18", Level.ERROR, "Failed to validate ConnectWise secrets. PublicKey must have a valid value"),
    Kind.PERIOD_INVALID: ("CW19", Level.ERROR, "Incorrect billing period date or format"),
    Kind.REDUCED_TO_ZERO: (
        "CW20",
        Level.INFO,
        "ASP Limited| Line located for Hosted Exchange with Product ID ATR-1 is been removed in the selected billing period. The "
        "Quantity is updated from 10.00 to 0.00",
    ),
    Kind.CONTRACT_TYPE_INVALID: ("CW21", Level.ERROR, "Invalid agreement type. Please check agreement type in job parameters."),
    Kind.LINE_MISSING: (
        "CW22",
        Level.WARNING,
        "Contract Line Missing in ConnectWise : Skipped Line Hosted Exchange with Product ID ATR-1 for Customer ASP Limited as the "
        "SKU could not be located in ConnectWise",
    ),
    Kind.COMPLETED: ("CW23", Level.INFO, "Billing Process Completed with status Success"),
}


def test_every_code_has_its_published_id_level_and_text():
    assert {kind: (code.id, code.level, render(code.template, FIELDS)) for kind, code in CODES.items()} == TEXTS


def test_all_twenty_three_ids_are_there_and_every_code_says_what_to_do():
    assert {code.id for code in CODES.values()} == {f"CW{number:02d}" for number in range(1, 24)}
    assert all(code.title and code.resolution for code in CODES.values())
    assert not set(CODES) & set(RC_CODES)


def test_two_causes_share_one_code_and_are_told_apart_by_what_to_do():
    company, agreement = CODES[Kind.COMPANY_NOT_FOUND], CODES[Kind.NO_CONTRACT]
    assert (company.id, company.template) == (agreement.id, agreement.template)
    assert company.resolution != agreement.resolution
