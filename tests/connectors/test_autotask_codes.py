from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.codes import render
from reconcile_app.core.findings import Kind, Level

FIELDS = {
    "customer_code": "ASP",
    "customer_name": "ASP Limited",
    "billing_identifier": "174",
    "line_description": "Hosted Exchange",
    "sku": "650",
    "service_name": "Exchange",
    "service_description": "Mailboxes",
    "service_id": "651",
    "old_quantity": "10.00",
    "new_quantity": "12.00",
    "error": "no route",
    "period_end": "2026-11-25",
    "secret_name": "UserName",
    "worker_id": "run-1",
    "status": "Success",
}

TEXTS = {
    Kind.STARTED: ("AT01", Level.INFO, "Billing Process Started: For Billing Period2026-11-25"),
    Kind.PSA_UNREACHABLE: ("AT02", Level.ERROR, "Failed to connect to Autotask: Error reported was : no route"),
    Kind.BILLING_UNREACHABLE: ("AT03", Level.ERROR, "Failed to connect to Atria: Error reported was : no route"),
    Kind.NO_BILLING_IDENTIFIER: (
        "AT04",
        Level.WARNING,
        "ASP CompanyID Missing Unable to process records for Atria Customer ASP Limited – Please add CompanyNumber "
        "from Autotask into "
        "Billing Identifier field on Customer.",
    ),
    Kind.COMPANY_NOT_FOUND: (
        "AT05",
        Level.ERROR,
        "No Company with Customer Number for 174 Found. Check Autotask to see if the customer: ASP Limited with "
        "Company Number: 174 "
        "exists in Autotask.",
    ),
    Kind.NO_CONTRACT: (
        "AT06",
        Level.WARNING,
        "No Contract exists for the Customer ASP Limited. Check Autotask to see if customer ASP Limited and a "
        "Recurring Service Contract "
        "with Contract Number : 174 exists in Autotask.",
    ),
    Kind.NO_SKU: (
        "AT07",
        Level.WARNING,
        "ASP Limited SKU Missing in Atria : ASP Limited : Skipped Line Hosted Exchange for Customer ASP Limited as no "
        "SKU was provided",
    ),
    Kind.SERVICE_NOT_FOUND: (
        "AT08",
        Level.WARNING,
        "ASP Limited Service Missing in Autotask : ASP Limited : Skipped Line Hosted Exchange for Customer ASP Limited "
        "as no SKU was "
        "provided",
    ),
    Kind.QUANTITY_UPDATED: (
        "AT09",
        Level.INFO,
        "ASP Limited Quantity Update : Line located for Hosted Exchange with Product ID 650 and updated from 10.00 to 12.00",
    ),
    Kind.UNCHANGED: ("AT10", Level.VERBOSE, "ASP Limited Contract Line for Hosted Exchange located – quantity is unchanged"),
    Kind.LINE_CREATED: (
        "AT11",
        Level.INFO,
        "ASP Limited Contract Line Added : New Line added for Hosted Exchange with Service ID 651",
    ),
    Kind.LINE_MISSING: (
        "AT12",
        Level.WARNING,
        "ASP Limited Contract Line Missing in Autotask : Skipped Line Hosted Exchange with Product ID 650 for Customer "
        "ASP Limited as the "
        "Contract Service SKU could not be located in Autotask",
    ),
    Kind.REDUCED_TO_ZERO: (
        "AT13",
        Level.INFO,
        "ASP Limited Line located for Mailboxes with Service Name Exchange is been removed in the selected billing "
        "period. The Quantity "
        "is updated from 10.00 to 0.00",
    ),
    Kind.WRITE_REFUSED: ("AT14", Level.ERROR, "ASP Limited ContractService 650, Error Details no route"),
    Kind.NO_RECORDS: ("AT15", Level.WARNING, "No records found in Atria for billing period: 2026-11-25"),
    Kind.SECRETS_UNREADABLE: ("AT16", Level.ERROR, "Failed to retrieve autotask secrets. Error occurred is: no route"),
    Kind.ADDRESS_INVALID: (
        "AT17",
        Level.ERROR,
        "Failed to Retrieve Job Task Paramters: Error reported was: user email is not valid",
    ),
    Kind.SECRET_MISSING: ("AT18", Level.ERROR, "Failed to validate Autotask secrets. UserName must have a valid value"),
    Kind.PERIOD_INVALID: ("AT19", Level.ERROR, "Incorrect billing period date or format recognized."),
    Kind.DEPROVISIONED_START: ("AT20", Level.VERBOSE, "Started Processing Deprovisioned Customers"),
    Kind.DEPROVISIONED_END: ("AT21", Level.VERBOSE, "Finished Processing Deprovisioned Customers"),
    Kind.WORKER_STARTED: ("AT22", Level.VERBOSE, "Autotask Worker Task Service run-1 started."),
    Kind.ANSWER_UNREADABLE: ("AT23", Level.ERROR, "Failed to Deserialize object: Error reported was: no route"),
    Kind.COMPLETED: ("AT24", Level.INFO, "Billing Process Completed with status Success"),
}


def test_every_code_has_its_published_id_level_and_text():
    told = {kind: (code.id, code.level, render(code.template, FIELDS)) for kind, code in CODES.items()}
    assert told == TEXTS


def test_ids_are_unique_and_every_code_says_what_to_do():
    assert len({code.id for code in CODES.values()}) == 24
    assert all(code.title and code.resolution for code in CODES.values())
