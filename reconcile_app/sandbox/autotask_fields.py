"""Every field of every simulated entity, as the vendor lists them. The reader of this notation is in ``autotask_tables``."""

from collections.abc import Mapping

FIELDS: Mapping[str, str] = {
    "Companies": """
additionalAddressInformation string CU 100
address1 string CU 128
address2 string CU 128
alternatePhone1 string CU 25
alternatePhone2 string CU 25
apiVendorID int RO
assetValue decimal CU
billingAddress1 string RO
billingAddress2 string RO
billToAdditionalAddressInformation string RO
billToAddressToUse int RO #billToAddress
billToAttention string CU 50
billToCity string RO
billToCompanyLocationID int CU >CompanyLocations
billToCountryID int RO
billToState string RO
billToZipCode string RO
city string CU 30
classification int CU
companyCategoryID int CU
companyName string CU ! 100
companyNumber string CU 50
companyType short CU ! #companyType
competitorID int CU
countryID int CU >Countries
createDate datetime RO
createdByResourceID int RO
currencyID int CU >Currencies
fax string CU 25
id long RO
impersonatorCreatorResourceID int RO
invoiceEmailMessageID int CU
invoiceMethod int CU
invoiceNonContractItemsToParentCompany boolean CU
invoiceTemplateID int CU >InvoiceTemplates
isActive boolean CU
isClientPortalActive boolean RO
isEnabledForComanaged boolean CU
isTaskFireActive boolean RO
isTaxExempt boolean CU
lastActivityDate datetime RO
lastTrackedModifiedDateTime datetime RO
marketSegmentID int CU
ownerResourceID int CU ! >Resources
parentCompanyID int CU >Companies
phone string CU ! 25
postalCode string CU 10
purchaseOrderTemplateID int CU
quoteEmailMessageID int CU
quoteTemplateID int CU >QuoteTemplates
sicCode string CU 32
state string CU 40
stockMarket string CU 10
stockSymbol string CU 10
surveyCompanyRating decimal RO
taxID string CU 50
taxRegionID int CU >TaxRegions
territoryID int CU
userDefinedFields array CU
webAddress string CU 255
""",
    "Contracts": """
billingPreference int CU #billingPreference
billToCompanyContactID int CU >Contacts
billToCompanyID int CU >Companies
companyID int C ! >Companies
contactID int CU >Contacts
contactName string CU 250
contractCategory int CU #contractCategory
contractExclusionSetID int CU >ContractExclusionSets
contractName string CU ! 100
contractNumber string CU 50
contractPeriodType int C #periodType
contractType int C ! #contractType
description string CU 2000
endDate datetime CU !
estimatedCost decimal CU
estimatedHours decimal CU
estimatedRevenue decimal CU
exclusionContractID long RO >Contracts
id long RO
internalCurrencyOverageBillingRate decimal RO
internalCurrencySetupFee decimal RO
isCompliant boolean CU
isDefaultContract boolean CU
lastModifiedDateTime datetime RO
opportunityID int CU >Opportunities
organizationalLevelAssociationID int CU >OrganizationalLevelAssociations
overageBillingRate decimal CU
purchaseOrderNumber string CU 50
renewedContractID long CU >Contracts
serviceLevelAgreementID int CU
setupFee decimal CU
setupFeeBillingCodeID long CU >BillingCodes
startDate datetime CU !
status int CU ! #status
timeReportingRequiresStartAndStopTimes int CU ! #yesNo
userDefinedFields array CU
""",
    "ContractServices": """
contractID int C ! >Contracts
id long RO
internalCurrencyAdjustedPrice decimal RO
internalCurrencyUnitPrice decimal RO
internalDescription string CU 100
invoiceDescription string CU 1000
quoteItemID long RO >QuoteItems
serviceID int C ! >Services
unitCost decimal CU
unitPrice decimal RO
""",
    "ContractServiceUnits": """
approveAndPostDate datetime RO
contractID int RO ! >Contracts
contractServiceID int RO >ContractServices
cost decimal RO
endDate datetime RO !
id long RO
internalCurrencyPrice decimal RO
organizationalLevelAssociationID int RO
price decimal RO
serviceID int RO ! >Services
startDate datetime RO !
units int RO !
vendorCompanyID int RO >Companies
""",
    "ContractServiceAdjustments": """
adjustedUnitCost decimal C
adjustedUnitPrice decimal C
allowRepeatService boolean C
contractID int C >Contracts
contractServiceID int C >ContractServices
effectiveDate datetime C !
id long RO
quoteItemID int C >QuoteItems
serviceID int C >Services
unitChange int C
""",
    "ContractServiceBundles": """
adjustedPrice decimal CU
contractID int C ! >Contracts
id long RO
internalCurrencyAdjustedPrice decimal RO
internalCurrencyUnitPrice decimal RO
internalDescription string CU 100
invoiceDescription string CU 1000
quoteItemID long RO >QuoteItems
serviceBundleID int C ! >ServiceBundles
unitPrice decimal CU
""",
    "ContractServiceBundleUnits": """
approveAndPostDate datetime RO
contractID int RO ! >Contracts
contractServiceBundleID int RO >ContractServiceBundles
cost decimal RO
endDate datetime RO !
id long RO !
internalCurrencyPrice decimal RO
organizationalLevelAssociationID int RO
price decimal RO
serviceBundleID int RO ! >ServiceBundles
startDate datetime RO !
units int RO !
""",
    "ContractServiceBundleAdjustments": """
adjustedUnitPrice decimal C
allowRepeatServiceBundle boolean C
contractID int C >Contracts
contractServiceBundleID int C >ContractServiceBundles
effectiveDate datetime C !
id long RO
quoteItemID int C >QuoteItems
serviceBundleID int C >ServiceBundles
unitChange int C
""",
    "Services": """
billingCodeID int CU ! >BillingCodes
catalogNumberPartNumber string CU
createDate datetime RO
creatorResourceID int RO >Resources
description string CU 400
externalID string CU
id long RO
internalID string CU
invoiceDescription string CU 1000
isActive boolean CU
lastModifiedDate datetime RO
manufacturerServiceProvider string CU
manufacturerServiceProviderProductNumber string CU
markupRate decimal RO
name string CU ! 150
periodType int C ! #periodType
serviceLevelAgreementID long CU
sku string CU
unitCost decimal CU
unitPrice decimal CU !
updateResourceID int RO >Resources
url string CU
userDefinedFields array CU
vendorCompanyID int CU >Companies
""",
    "ServiceBundles": """
billingCodeID int CU ! >BillingCodes
catalogNumberPartNumber string CU
createDate datetime RO
creatorResourceID int RO
description string CU 200
externalID string CU
id long RO
internalID string CU
invoiceDescription string CU 1000
isActive boolean CU
lastModifiedDate datetime RO
manufacturerServiceProvider string CU
manufacturerServiceProviderProductNumber string CU
name string CU ! 150
percentageDiscount decimal CU
periodType int C ! #periodType
serviceLevelAgreementID long CU
sku string CU
unitCost decimal RO
unitDiscount decimal CU
unitPrice decimal CU
updateResourceID int RO
url string CU
userDefinedFields array CU
""",
    "BillingCodes": """
afterHoursWorkType int RO >BillingCodes
billingCodeType int RO
department int RO
description string RO 500
externalNumber string RO 100
generalLedgerAccount int RO
id long RO
isActive boolean RO !
isExcludedFromNewContracts boolean RO
markupRate decimal RO
name string RO 200
taxCategoryID int RO >TaxCategories
unitCost decimal RO !
unitPrice decimal RO !
useType int RO #useType
""",
    "BillingItems": """
accountManagerWhenApprovedID int RO
billingCodeID int RO
billingItemType int RO !
companyID int RO
configurationItemID long RO
contractBlockID int RO
contractChargeID long RO
contractID int RO
contractServiceAdjustmentID int RO
contractServiceBundleAdjustmentID int RO
contractServiceBundleID int RO
contractServiceBundlePeriodID int RO
contractServiceID int RO
contractServicePeriodID int RO
description string RO
expenseItemID int RO
extendedPrice decimal RO
id long RO
internalCurrencyExtendedPrice decimal RO
internalCurrencyRate decimal RO
internalCurrencyTaxDollars decimal RO
internalCurrencyTotalAmount decimal RO
invoiceID int RO
itemApproverID int RO
itemDate datetime RO
itemName string RO
lineItemFullDescription string RO
lineItemGroupDescription string RO
milestoneID long RO
nonBillable int RO !
organizationalLevelAssociationID int RO
ourCost decimal RO
postedDate datetime RO
postedOnTime datetime RO
projectChargeID long RO
projectID int RO
purchaseOrderNumber string RO
quantity decimal RO
rate decimal RO
roleID int RO
serviceBundleID long RO >ServiceBundles
serviceID long RO >Services
sortOrderID long RO
subType int RO !
taskID int RO
taxCategoryID int RO
taxDollars decimal RO
ticketChargeID long RO
ticketID int RO
timeEntryID int RO
totalAmount decimal RO
vendorID long RO
webServiceDate datetime U
""",
    "Resources": """
accountingReferenceID string RO
dateFormat string RO
defaultServiceDeskRoleID long U
email string U !
email2 string U
email3 string U
emailTypeCode string U !
emailTypeCode2 string U
emailTypeCode3 string U
firstName string U !
gender string U
greeting int U
hireDate datetime RO !
homePhone string U
id long RO
initials string U
internalCost decimal RO
isActive boolean U !
lastName string U !
licenseType int RO !
locationID int RO !
middleName string U
mobilePhone string U
numberFormat string U !
officeExtension string U
officePhone string U
payrollIdentifier string U
payrollType int U !
resourceType string U !
suffix int U
surveyResourceRating decimal RO
timeFormat string RO
title string U
travelAvailabilityPct string U
userDefinedFields array U
userName string U !
userType int RO !
""",
    "ContractNotes": """
id long RO
contractID int C ! >Contracts
title string CU ! 250
description string CU ! 2000
createDateTime datetime RO
creatorResourceID int RO >Resources
lastActivityDate datetime RO
impersonatorCreatorResourceID int RO
impersonatorUpdaterResourceID int RO
""",
}
