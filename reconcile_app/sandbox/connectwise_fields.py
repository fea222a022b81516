"""Every member of the entities of the simulated ConnectWise PSA, in the order in which the API shows them.

A member reads ``name:type``. Types: ``int``, ``number``, ``bool``, ``date``, ``text`` (a number after it: the greatest length),
``=A|B`` one of these words, ``ref`` a reference by id and name, ``ref+`` one that also has an identifier, ``item`` a product (by
id and identifier), ``info`` the audit members, ``custom`` custom fields, ``array`` and ``object`` anything else. ``!`` ends what
a new record must have.
"""

from collections.abc import Mapping

FIELDS: Mapping[str, str] = {
    "Addition": """
        id:int product:item! quantity:number lessIncluded:number unitPrice:number unitCost:number
        billCustomer:=Billable|DoNotBill|NoCharge! effectiveDate:date cancelledDate:date taxableFlag:bool serialNumber:text50
        invoiceDescription:text6000 purchaseItemFlag:bool specialOrderFlag:bool agreementId:int description:text
        billedQuantity:number uom:text extPrice:number extCost:number sequenceNumber:number margin:number prorateCost:number
        proratePrice:number extendedProrateCost:number extendedProratePrice:number prorateCurrentPeriodFlag:bool opportunity:ref
        agreementStatus:=Active|Cancelled|Expired|Inactive invoiceGrouping:ref additionStatus:=Active|Cancelled|Expired|Inactive
        _info:info customFields:custom
    """,
    "Agreement": """
        id:int name:text100! type:ref! company:ref+! contact:ref! site:ref subContractCompany:ref+ subContractContact:ref
        parentAgreement:ref customerPO:text50 location:ref department:ref+ restrictLocationFlag:bool restrictDepartmentFlag:bool
        startDate:date endDate:date noEndingDateFlag:bool opportunity:ref cancelledFlag:bool dateCancelled:date
        reasonCancelled:text100 sla:ref workOrder:text20 internalNotes:text applicationUnits:=Amount|Hours|Incidents
        applicationLimit:number
        applicationCycle:=Contract2Weeks|Contract4Weeks|ContractYear|CalendarMonth|CalendarQuarter|CalendarWeek|ContractQuarter|CalendarYear
        applicationUnlimitedFlag:bool oneTimeFlag:bool coverAgreementTime:bool coverAgreementProduct:bool coverAgreementExpense:bool
        coverSalesTax:bool carryOverUnused:bool allowOverruns:bool expiredDays:int limit:int expireWhenZero:bool chargeToFirm:bool
        employeeCompRate:=Actual|Hourly employeeCompNotExceed:=Billing|Amount|Percent compHourlyRate:number compLimitAmount:number
        billingCycle:ref billOneTimeFlag:bool billingTerms:ref invoicingCycle:=ContractYear|CalendarYear billToCompany:ref+
        billToContact:ref billToSite:ref billAmount:number taxable:bool prorateFirstBill:number billStartDate:date taxCode:ref
        restrictDownPayment:bool prorateFlag:bool invoiceProratedAdditionsFlag:bool invoiceDescription:text topComment:bool
        bottomComment:bool workRole:ref workType:ref projectType:ref invoiceTemplate:ref
        billTime:=Billable|DoNotBill|NoCharge|NoDefault billExpenses:=Billable|DoNotBill|NoCharge|NoDefault
        billProducts:=Billable|DoNotBill|NoCharge|NoDefault billableTimeInvoice:bool billableExpenseInvoice:bool
        billableProductInvoice:bool currency:ref periodType:=Current|Future|Both|Undefined autoInvoiceFlag:bool
        billZeroAmountFlag:bool nextInvoiceDate:text companyLocation:ref shipToCompany:ref+ shipToContact:ref shipToSite:ref
        agreementStatus:=Active|Cancelled|Expired|Inactive _info:info customFields:custom
    """,
    "AgreementType": """
        id:int name:text50! prefixSuffixOption:=Prefix|Suffix defaultFlag:bool inactiveFlag:bool prePaymentFlag:bool
        invoicePreSuffix:text5 location:ref department:ref+ restrictLocationFlag:bool restrictDepartmentFlag:bool sla:ref
        applicationUnits:=Amount|Hours|Incidents applicationLimit:number
        applicationCycle:=Contract2Weeks|Contract4Weeks|ContractYear|CalendarMonth|CalendarQuarter|CalendarWeek|ContractQuarter|CalendarYear
        applicationUnlimitedFlag:bool oneTimeFlag:bool coverAgreementTimeFlag:bool coverAgreementProductFlag:bool
        coverAgreementExpenseFlag:bool coverSalesTaxFlag:bool carryOverUnusedFlag:bool allowOverrunsFlag:bool expiredDays:int
        limit:int expireWhenZero:bool chargeToFirmFlag:bool employeeCompRate:=Actual|Hourly!
        employeeCompNotExceed:=Billing|Amount|Percent! compHourlyRate:number compLimitAmount:number billingCycle:ref
        billOneTimeFlag:bool billingTerms:ref invoicingCycle:=ContractYear|CalendarYear! billAmount:number taxableFlag:bool
        restrictDownPaymentFlag:bool invoiceDescription:text4000 topCommentFlag:bool bottomCommentFlag:bool workRole:ref
        workType:ref projectType:ref invoiceTemplate:ref billTime:=Billable|DoNotBill|NoCharge|NoDefault!
        billExpenses:=Billable|DoNotBill|NoCharge|NoDefault! billProducts:=Billable|DoNotBill|NoCharge|NoDefault!
        billableTimeInvoiceFlag:bool billableExpenseInvoiceFlag:bool billableProductInvoiceFlag:bool copyWorkRolesFlag:bool
        copyWorkTypesFlag:bool exclusionWorkRoleIds:array addAllWorkRoleExclusions:bool removeAllWorkRoleExclusions:bool
        exclusionWorkTypeIds:array addAllWorkTypeExclusions:bool removeAllWorkTypeExclusions:bool integrationXRef:text50
        prorateFlag:bool emailTemplate:ref autoInvoiceFlag:bool billZeroAmountFlag:bool invoiceProratedAdditionsFlag:bool _info:info
        connectWiseId:text
    """,
    "AgreementTypeInfo": """
        id:int name:text inactiveFlag:bool applicationUnits:=Amount|Hours|Incidents billingTerms:ref _info:info
    """,
    "AgreementRecap": """
        id:int adjustmentAmount:number agreementStatus:text name:text availableAmount:number companyName:text isUnlimited:text
        lastInvoiceAmount:text lastInvoiceDate:text lastInvoiceNumber:text nextInvoiceAmount:number nextInvoiceDate:text
        overrunAmount:number remainingAmount:number startingAmount:number unbilledOverageAmount:number unbilledPeriods:int
        usedAmount:number
    """,
    "Company": """
        id:int identifier:text156! name:text156! status:ref addressLine1:text50 addressLine2:text50 city:text50 state:text50
        zip:text12 country:ref+ phoneNumber:text30 faxNumber:text30 website:text255 territory:ref market:ref accountNumber:text
        defaultContact:ref dateAcquired:date sicCode:ref parentCompany:ref+ annualRevenue:number creditLimit:number
        additionalDebt:number numberOfEmployees:int yearEstablished:int revenueYear:int ownershipType:ref timeZoneSetup:ref
        leadSource:text50 leadFlag:bool unsubscribeFlag:bool calendar:ref userDefinedField1:text50 userDefinedField2:text50
        userDefinedField3:text50 userDefinedField4:text50 userDefinedField5:text50 userDefinedField6:text50 userDefinedField7:text50
        userDefinedField8:text50 userDefinedField9:text50 userDefinedField10:text50 vendorIdentifier:text taxIdentifier:text
        taxCode:ref billingTerms:ref invoiceTemplate:ref pricingSchedule:ref companyEntityType:ref billToCompany:ref+
        billingSite:ref billingContact:ref invoiceDeliveryMethod:ref emailTemplate:ref invoiceToEmailAddress:text
        invoiceCCEmailAddress:text deletedFlag:bool dateDeleted:date deletedBy:text mobileGuid:text facebookUrl:text twitterUrl:text
        linkedInUrl:text currency:ref territoryManager:ref+ resellerIdentifier:text isVendorFlag:bool types:array site:ref
        integratorTags:array _info:info customFields:custom
    """,
    "CompanyStatus": """
        id:int name:text50! defaultFlag:bool inactiveFlag:bool notifyFlag:bool disallowSavingFlag:bool notificationMessage:text500
        customNoteFlag:bool cancelOpenTracksFlag:bool track:ref _info:info connectWiseId:text
    """,
    "CatalogItem": """
        id:int identifier:text75! description:text60! inactiveFlag:bool subcategory:ref! type:ref!
        productClass:=Agreement|Bundle|Inventory|NonInventory|Service serializedFlag:bool serializedCostFlag:bool
        phaseProductFlag:bool unitOfMeasure:ref minStockLevel:int price:number cost:number
        priceAttribute:=FixedFee|NotToExceed|OverrideRate|TimeAndMaterials taxableFlag:bool dropShipFlag:bool specialOrderFlag:bool
        customerDescription:text6000! manufacturer:ref manufacturerPartNumber:text50 vendor:ref+ vendorSku:text50 notes:text
        integrationXRef:text50 sla:ref entityType:ref recurringFlag:bool recurringRevenue:number recurringCost:number
        recurringOneTimeFlag:bool recurringBillCycle:ref recurringCycleType:=ContractYear|CalendarYear calculatedPriceFlag:bool
        calculatedCostFlag:bool category:ref calculatedPrice:number calculatedCost:number
        billableOption:=Billable|DoNotBill|NoCharge|NoDefault connectWiseID:text agreementType:ref markupPercentage:number
        markupFlag:bool autoUpdateUnitCostFlag:bool autoUpdateUnitPriceFlag:bool _info:info customFields:custom
    """,
    "CatalogItemInfo": """
        id:int identifier:text description:text inactiveFlag:bool productClass:=Agreement|Bundle|Inventory|NonInventory|Service
        serializedCostFlag:bool price:number cost:number taxableFlag:bool dropShipFlag:bool specialOrderFlag:bool
        customerDescription:text manufacturerPartNumber:text vendorSku:text billableOption:=Billable|DoNotBill|NoCharge|NoDefault
        _info:info
    """,
    "BillingCycle": """
        id:int identifier:text5! name:text50! defaultFlag:bool
        billingOptions:=BiMonthly|BiWeekly|Monthly|NotRecurring|Quarterly|SemiAnnual|Weekly|Yearly! _info:info
    """,
    "Invoice": """
        id:int invoiceNumber:text15 type:=Agreement|CreditMemo|DownPayment|Miscellaneous|Progress|Standard|Consolidated! status:ref
        company:ref+! billToCompany:ref+ shipToCompany:ref+ accountNumber:text
        applyToType:=All|Agreement|Project|ProjectPhase|SalesOrder|Ticket applyToId:int attention:text60 shipToAttention:text60
        billingSite:ref billingSiteAddressLine1:text billingSiteAddressLine2:text billingSiteCity:text billingSiteState:text
        billingSiteZip:text billingSiteCountry:text shippingSite:ref shippingSiteAddressLine1:text shippingSiteAddressLine2:text
        shippingSiteCity:text shippingSiteState:text shippingSiteZip:text shippingSiteCountry:text billingTerms:ref reference:text50
        customerPO:text50 templateSetupId:int invoiceTemplate:ref emailTemplateId:int addToBatchEmailList:bool date:date
        restrictDownpaymentFlag:bool locationId:int location:ref departmentId:int department:ref territoryId:int territory:ref
        topComment:text bottomComment:text taxableFlag:bool taxCode:ref internalNotes:text downpaymentPreviouslyTaxedFlag:bool
        serviceTotal:number overrideDownPaymentAmountFlag:bool currency:ref dueDate:date expenseTotal:number productTotal:number
        previousProgressApplied:number serviceAdjustmentAmount:number agreementAmount:number downpaymentApplied:number
        subtotal:number total:number remainingDownpayment:number salesTax:number adjustmentReason:text adjustedBy:text closedBy:text
        payments:number credits:number balance:number specialInvoiceFlag:bool billingSetupReference:ref ticket:object project:ref
        phase:ref salesOrder:item agreement:ref glBatch:ref unbatchedBatch:ref _info:info customFields:custom
    """,
    "AgreementAdjustment": """
        id:int amount:number description:text1000 effectiveDate:date agreementId:int _info:info customFields:custom
    """,
    "UnitOfMeasure": """
        id:int name:text50! inactiveFlag:bool defaultFlag:bool uomScheduleXref:text31 _info:info
    """,
    "Category": """
        id:int name:text50! inactiveFlag:bool priceLevelXref:text10 integrationXref:text50 locationIds:array defaultFlag:bool
        addAllLocations:bool removeAllLocations:bool _info:info
    """,
    "SubCategory": """
        id:int name:text50! inactiveFlag:bool integrationXref:text50 defaultFlag:bool category:ref! _info:info
    """,
    "ProductType": """
        id:int name:text50! inactiveFlag:bool typeXref:=InventoryPart|NonInventoryPart|OtherCharge|Service defaultFlag:bool
        _info:info
    """,
    "MySecurity": """
        id:int addLevel:=None|My|All editLevel:=None|My|All deleteLevel:=None|My|All inquireLevel:=None|My|All
        moduleFunctionName:text moduleFunctionDescription:text myAllFlag:bool moduleFunctionIdentifier:text reportFlag:bool
        restrictFlag:bool customFlag:bool moduleDescription:text moduleIdentifier:text moduleName:text sortOrder:int member:ref+
        _info:info
    """,
    "SecurityRole": """
        id:int name:text30! adminFlag:bool inactiveFlag:bool _info:info
    """,
    "SecurityRoleSetting": """
        id:int addLevel:=None|My|All editLevel:=None|My|All deleteLevel:=None|My|All inquireLevel:=None|My|All
        moduleFunctionName:text moduleFunctionDescription:text myAllFlag:bool moduleFunctionIdentifier:text reportFlag:bool
        restrictFlag:bool customFlag:bool moduleDescription:text moduleIdentifier:text moduleName:text sortOrder:int _info:info
    """,
    "ApiMember": """
        id:int identifier:text15! name:text30 emailAddress:text250 inactiveFlag:bool inactiveDate:date timeZone:ref securityRole:ref
        structureLevel:ref securityLocation:ref defaultLocation:ref defaultDepartment:ref+ salesDefaultLocation:ref
        serviceDefaultBoard:ref notes:text excludedServiceBoardIds:array blockPriceFlag:bool blockCostFlag:bool _info:info
    """,
    "AuditTrailEntry": """
        text:text enteredDate:text enteredBy:text auditType:text auditSubType:text auditSource:text
    """,
    "Member": """
        id:int identifier:text15 firstName:text30 lastName:text30 licenseClass:=A|C|F|X inactiveFlag:bool adminFlag:bool
        hireDate:date defaultEmail:=Office|Mobile|Home defaultPhone:=Office|Mobile|Home securityRole:ref _info:info
    """,
    "CompanyReport": """
        Company_RecID:int Company_ID:text Company_Name:text
    """,
}
"""Members by the name of the entity (published description of version 2026.4, ``additionStatus`` from live exports)."""
