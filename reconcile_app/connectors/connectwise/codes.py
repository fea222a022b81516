"""ConnectWise's code table: CW01 to CW23 with the texts operators know and search for.

The texts are kept as published, slips included: CW02 writes "Connectwise", CW11 prints the description where the SKU belongs, CW20
has a bar after the name and says "is been removed", CW22 has no customer in front and gives the reason of CW06. Correcting them
would break every saved search and every rule that somebody built on them. CW14 tells of two causes, so two kinds carry it.
"""

from reconcile_app.core.findings import Code, CodeTable, Kind, Level

_NO_AGREEMENT = (
    "No Agreement exists for the customer {customer_name}. Check ConnectWise to see if the customer: {customer_name} with Id: "
    "{billing_identifier} and agreement type: {contract_type} exists."
)

CODES: CodeTable = {
    Kind.STARTED: Code(
        id="CW01", level=Level.INFO, title="run started", template="Billing Process Started : For Billing Period {period_end}",
        resolution="Nothing to do.",
    ),
    Kind.PSA_UNREACHABLE: Code(
        id="CW02", level=Level.ERROR, title="no ConnectWise",
        template="Failed to connect to Connectwise: Error reported was : {error}",
        resolution="Check the address, the company, both keys, the client ID and the network of the ConnectWise connection, then "
        "run again.",
    ),
    Kind.BILLING_UNREACHABLE: Code(
        id="CW03", level=Level.ERROR, title="no Atria", template="Failed to connect to Atria: Error reported was : {error}",
        resolution="Check the address, the token and the network of the Atria connection, then run again.",
    ),
    Kind.NO_BILLING_IDENTIFIER: Code(
        id="CW04", level=Level.WARNING, title="no identifier",
        template="{customer_code} CompanyID Missing Unable to process records for Atria Customer {customer_name} – Please add "
        "CompanyID from ConnectWise into Billing Identifier field on Customer",
        resolution="Copy the company ID of the company in ConnectWise, save it as Billing Identifier of the customer in Atria and "
        "reprocess billing there; or choose the company here.",
    ),
    Kind.NO_SKU: Code(
        id="CW05", level=Level.WARNING, title="no SKU",
        template="{customer_code} SKU Missing in Atria : {customer_code} : Skipped Line {line_description} for Customer "
        "{customer_name} as no SKU was provided",
        resolution="To bill the item: make sure its product exists in ConnectWise and store the SKU on the service in Atria. "
        "Otherwise ignore the row here or exclude the item with a billing rule in Atria.",
    ),
    Kind.SERVICE_NOT_FOUND: Code(
        id="CW06", level=Level.WARNING, title="product not found",
        template="{customer_code} Product Missing : Skipped Line {line_description} with Product ID {sku} for Customer "
        "{customer_name} as the SKU could not be located in ConnectWise. Please add this product in ConnectWise portal",
        resolution="No product of the ConnectWise catalog has this SKU as its product ID. Correct the SKU in Atria, set the "
        "product up in ConnectWise, or map the SKU here.",
    ),
    Kind.QUANTITY_UPDATED: Code(
        id="CW07", level=Level.INFO, title="quantity updated",
        template="{customer_code} Quantity Update : Line located for {line_description} with Product ID {sku} and updated from "
        "{old_quantity} to {new_quantity}",
        resolution="Review only.",
    ),
    Kind.LINE_CREATED: Code(
        id="CW08", level=Level.INFO, title="line created",
        template="{customer_code} Contract Line Added : New Line added for {line_description} with Product ID {sku}",
        resolution="Review only.",
    ),
    Kind.UNCHANGED: Code(
        id="CW09", level=Level.VERBOSE, title="unchanged",
        template="{customer_code} Contract Line for {line_description} located – quantity is unchanged",
        resolution="Nothing to do.",
    ),
    Kind.LINES_UNREADABLE: Code(
        id="CW10", level=Level.ERROR, title="additions unreadable",
        template="{customer_code} Contract Line {line_description}, SKU {sku}, Error Details {error}",
        resolution="Read what ConnectWise answered for the additions of this agreement, then compare again.",
    ),
    Kind.CATALOG_ITEM_REFUSED: Code(
        id="CW11", level=Level.ERROR, title="product not created",
        template="{customer_name} Catalog Item {line_description}, SKU {line_description}, Error Details {error}",
        resolution="Create the product in the ConnectWise catalog by hand; this program never creates products.",
    ),
    Kind.WRITE_REFUSED: Code(
        id="CW12", level=Level.ERROR, title="write refused", template="{customer_name} Addition {sku}, Error Details {error}",
        resolution="Read what ConnectWise answered, put it right in ConnectWise, then compare again.",
    ),
    Kind.ANSWER_UNREADABLE: Code(
        id="CW13", level=Level.ERROR, title="answer unreadable",
        template="Failed to Deserialize object: Error reported was: {error}",
        resolution="Try again. If it stays so, use Copy details and ask the support of the system that answered.",
    ),
    Kind.COMPANY_NOT_FOUND: Code(
        id="CW14", level=Level.WARNING, title="company not found", template=_NO_AGREEMENT,
        resolution="ConnectWise has no company with this company ID. Correct the Billing Identifier in Atria and reprocess "
        "billing, create the company in ConnectWise, or choose the company here.",
    ),
    Kind.NO_CONTRACT: Code(
        id="CW14", level=Level.WARNING, title="no agreement", template=_NO_AGREEMENT,
        resolution="The company exists. Give it an agreement of the type that the connection names, then check again.",
    ),
    Kind.NO_RECORDS: Code(
        id="CW15", level=Level.WARNING, title="no records",
        template="No records found in Atria for billing period {period_end}.",
        resolution="Look at the billing report of this period in Atria: the date may be wrong, or the bill processing did not run. "
        "Check the customer filter, too.",
    ),
    Kind.SECRETS_UNREADABLE: Code(
        id="CW16", level=Level.ERROR, title="keys unreadable",
        template="Failed to retrieve ConnectWise secrets. Error occurred is: {error}",
        resolution="Unlock the secure storage of this computer, or enter the keys of the ConnectWise connection again.",
    ),
    Kind.ADDRESS_INVALID: Code(
        id="CW17", level=Level.ERROR, title="address missing",
        template="Failed to Retrieve Job Task Parameters: Error reported was: api url is not available",
        resolution="Enter the address of your ConnectWise, such as https://api-na.myconnectwise.net.",
    ),
    Kind.SECRET_MISSING: Code(
        id="CW18", level=Level.ERROR, title="key missing",
        template="Failed to validate ConnectWise secrets. {secret_name} must have a valid value",
        resolution="Enter the missing company, key or client ID of the ConnectWise connection.",
    ),
    Kind.PERIOD_INVALID: Code(
        id="CW19", level=Level.ERROR, title="period invalid", template="Incorrect billing period date or format",
        resolution="Enter Previous, Current or a date as YYYY-MM-DD.",
    ),
    Kind.REDUCED_TO_ZERO: Code(
        id="CW20", level=Level.INFO, title="reduced to zero",
        template="{customer_name}| Line located for {line_description} with Product ID {sku} is been removed in the selected "
        "billing period. The Quantity is updated from {old_quantity} to 0.00",
        resolution="Review only.",
    ),
    Kind.CONTRACT_TYPE_INVALID: Code(
        id="CW21", level=Level.ERROR, title="agreement type invalid",
        template="Invalid agreement type. Please check agreement type in job parameters.",
        resolution="Enter the agreement type of the ConnectWise connection exactly as ConnectWise names it; the check of the "
        "connection lists the names.",
    ),
    Kind.LINE_MISSING: Code(
        id="CW22", level=Level.WARNING, title="line missing",
        template="Contract Line Missing in ConnectWise : Skipped Line {line_description} with Product ID {sku} for Customer "
        "{customer_name} as the SKU could not be located in ConnectWise",
        resolution="Add the product to the agreement in ConnectWise, or allow this program to create missing lines.",
    ),
    Kind.COMPLETED: Code(
        id="CW23", level=Level.INFO, title="run completed", template="Billing Process Completed with status {status}",
        resolution="Nothing to do.",
    ),
}  # fmt: skip
"""Kind → code of ConnectWise. The RC codes, which every PSA shares, are not repeated here."""
