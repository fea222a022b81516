"""Autotask's code table: AT01 to AT24 with the texts operators know and search for.

The texts are kept as published, faults included: AT01 has no blank before the date, AT08 gives the reason of AT07, AT13 says
"is been removed", AT17 says "Paramters". Correcting them would break every saved search and every rule that somebody built on them.
"""

from reconcile_app.core.findings import Code, CodeTable, Kind, Level

CODES: CodeTable = {
    Kind.STARTED: Code(
        id="AT01",
        level=Level.INFO,
        title="run started",
        template="Billing Process Started: For Billing Period{period_end}",
        resolution="Nothing to do.",
    ),
    Kind.PSA_UNREACHABLE: Code(
        id="AT02",
        level=Level.ERROR,
        title="no Autotask",
        template="Failed to connect to Autotask: Error reported was : {error}",
        resolution="Check the address or zone user, the three keys and the network of the Autotask connection, then run again.",
    ),
    Kind.BILLING_UNREACHABLE: Code(
        id="AT03",
        level=Level.ERROR,
        title="no Atria",
        template="Failed to connect to Atria: Error reported was : {error}",
        resolution="Check the address, the token and the network of the Atria connection, then run again.",
    ),
    Kind.NO_BILLING_IDENTIFIER: Code(
        id="AT04",
        level=Level.WARNING,
        title="no identifier",
        template="{customer_code} CompanyID Missing Unable to process records for Atria Customer {customer_name} – Please add "
        "CompanyNumber "
        "from Autotask into Billing Identifier field on Customer.",
        resolution="Copy the Account ID of the company in Autotask, save it as Billing Identifier of the customer in Atria and "
        "reprocess "
        "billing there; or choose the company here.",
    ),
    Kind.COMPANY_NOT_FOUND: Code(
        id="AT05",
        level=Level.ERROR,
        title="company not found",
        template="No Company with Customer Number for {billing_identifier} Found. Check Autotask to see if the customer: "
        "{customer_name} "
        "with Company Number: {billing_identifier} exists in Autotask.",
        resolution="Correct the Billing Identifier in Atria and reprocess billing, create the company in Autotask, or choose the "
        "company here.",
    ),
    Kind.NO_CONTRACT: Code(
        id="AT06",
        level=Level.WARNING,
        title="no contract",
        template="No Contract exists for the Customer {customer_name}. Check Autotask to see if customer {customer_name} and a "
        "Recurring "
        "Service Contract with Contract Number : {billing_identifier} exists in Autotask.",
        resolution="Give the company a contract of type Recurring Service in Autotask, then check again.",
    ),
    Kind.NO_SKU: Code(
        id="AT07",
        level=Level.WARNING,
        title="no SKU",
        template="{customer_name} SKU Missing in Atria : {customer_name} : Skipped Line {line_description} for Customer "
        "{customer_name} "
        "as no SKU was provided",
        resolution="To bill the item: make sure its service exists in Autotask and store the SKU in Atria. Otherwise ignore the "
        "row here or "
        "exclude the item with a billing rule in Atria.",
    ),
    Kind.SERVICE_NOT_FOUND: Code(
        id="AT08",
        level=Level.WARNING,
        title="service not found",
        template="{customer_name} Service Missing in Autotask : {customer_name} : Skipped Line {line_description} for Customer "
        "{customer_name} as no SKU was provided",
        resolution="No service of the Autotask catalog has this SKU. Correct the SKU in Atria, add the service to Autotask, or "
        "map the SKU here.",
    ),
    Kind.QUANTITY_UPDATED: Code(
        id="AT09",
        level=Level.INFO,
        title="quantity updated",
        template="{customer_name} Quantity Update : Line located for {line_description} with Product ID {sku} and updated from "
        "{old_quantity} to {new_quantity}",
        resolution="Review only.",
    ),
    Kind.UNCHANGED: Code(
        id="AT10",
        level=Level.VERBOSE,
        title="unchanged",
        template="{customer_name} Contract Line for {line_description} located – quantity is unchanged",
        resolution="Nothing to do.",
    ),
    Kind.LINE_CREATED: Code(
        id="AT11",
        level=Level.INFO,
        title="line created",
        template="{customer_name} Contract Line Added : New Line added for {line_description} with Service ID {service_id}",
        resolution="Review only.",
    ),
    Kind.LINE_MISSING: Code(
        id="AT12",
        level=Level.WARNING,
        title="line missing",
        template="{customer_name} Contract Line Missing in Autotask : Skipped Line {line_description} with Product ID {sku} for "
        "Customer "
        "{customer_name} as the Contract Service SKU could not be located in Autotask",
        resolution="Add the service to the contract in Autotask, or allow this program to create missing lines.",
    ),
    Kind.REDUCED_TO_ZERO: Code(
        id="AT13",
        level=Level.INFO,
        title="reduced to zero",
        template="{customer_name} Line located for {service_description} with Service Name {service_name} is been removed in the "
        "selected "
        "billing period. The Quantity is updated from {old_quantity} to 0.00",
        resolution="Review only.",
    ),
    Kind.WRITE_REFUSED: Code(
        id="AT14",
        level=Level.ERROR,
        title="write refused",
        template="{customer_name} ContractService {sku}, Error Details {error}",
        resolution="Read what Autotask answered, put it right in Autotask, then compare again.",
    ),
    Kind.NO_RECORDS: Code(
        id="AT15",
        level=Level.WARNING,
        title="no records",
        template="No records found in Atria for billing period: {period_end}",
        resolution="Look at the billing report of this period in Atria: the bill processing may not have run. Check the customer "
        "filter, too.",
    ),
    Kind.SECRETS_UNREADABLE: Code(
        id="AT16",
        level=Level.ERROR,
        title="keys unreadable",
        template="Failed to retrieve autotask secrets. Error occurred is: {error}",
        resolution="Unlock the secure storage of this computer, or enter the keys of the Autotask connection again.",
    ),
    Kind.ADDRESS_INVALID: Code(
        id="AT17",
        level=Level.ERROR,
        title="zone user invalid",
        template="Failed to Retrieve Job Task Paramters: Error reported was: user email is not valid",
        resolution="Enter the email address of an Autotask user as Zone user, or the address of your zone as Base URL.",
    ),
    Kind.SECRET_MISSING: Code(
        id="AT18",
        level=Level.ERROR,
        title="key missing",
        template="Failed to validate Autotask secrets. {secret_name} must have a valid value",
        resolution="Enter the missing key of the Autotask connection.",
    ),
    Kind.PERIOD_INVALID: Code(
        id="AT19",
        level=Level.ERROR,
        title="period invalid",
        template="Incorrect billing period date or format recognized.",
        resolution="Enter Previous, Current or a date as YYYY-MM-DD.",
    ),
    Kind.DEPROVISIONED_START: Code(
        id="AT20",
        level=Level.VERBOSE,
        title="gone customers",
        template="Started Processing Deprovisioned Customers",
        resolution="Nothing to do.",
    ),
    Kind.DEPROVISIONED_END: Code(
        id="AT21",
        level=Level.VERBOSE,
        title="gone customers done",
        template="Finished Processing Deprovisioned Customers",
        resolution="Nothing to do.",
    ),
    Kind.WORKER_STARTED: Code(
        id="AT22",
        level=Level.VERBOSE,
        title="worker started",
        template="Autotask Worker Task Service {worker_id} started.",
        resolution="Nothing to do.",
    ),
    Kind.ANSWER_UNREADABLE: Code(
        id="AT23",
        level=Level.ERROR,
        title="answer unreadable",
        template="Failed to Deserialize object: Error reported was: {error}",
        resolution="Try again. If it stays so, use Copy details and ask the support of the system that answered.",
    ),
    Kind.COMPLETED: Code(
        id="AT24",
        level=Level.INFO,
        title="run completed",
        template="Billing Process Completed with status {status}",
        resolution="Nothing to do.",
    ),
}
"""Kind → code of Autotask. The RC codes, which every PSA shares, are not repeated here."""
