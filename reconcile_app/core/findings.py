"""What can be found, in neutral kinds, and what each kind blocks.

A *finding* is something that needs a person or that the log must tell. Its kind is neutral; the code table of the PSA gives it
an id (AT07, CW05), a level and the published text. The RC codes are the same for every PSA and stand here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """Level of a log entry, most serious first."""

    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"
    VERBOSE = "Verbose"

    @property
    def rank(self) -> int:
        """1 for Error to 4 for Verbose; the order when sorting by level."""
        return tuple(Level).index(self) + 1


class Scope(StrEnum):
    """How far a finding reaches."""

    NOTHING = "nothing"
    """Tells, blocks nothing."""
    SELECTION = "selection"
    """The row is not pre-selected; the operator may tick it after reading why."""
    ROW = "row"
    CUSTOMER = "customer"
    RUN = "run"


class Kind(StrEnum):
    """Every kind of finding and log entry."""

    STARTED = "started"
    PSA_UNREACHABLE = "psa_unreachable"
    BILLING_UNREACHABLE = "billing_unreachable"
    NO_BILLING_IDENTIFIER = "no_billing_identifier"
    COMPANY_NOT_FOUND = "company_not_found"
    NO_CONTRACT = "no_contract"
    NO_SKU = "no_sku"
    SERVICE_NOT_FOUND = "service_not_found"
    QUANTITY_UPDATED = "quantity_updated"
    UNCHANGED = "unchanged"
    LINE_CREATED = "line_created"
    LINE_MISSING = "line_missing"
    REDUCED_TO_ZERO = "reduced_to_zero"
    WRITE_REFUSED = "write_refused"
    NO_RECORDS = "no_records"
    SECRETS_UNREADABLE = "secrets_unreadable"
    ADDRESS_INVALID = "address_invalid"
    SECRET_MISSING = "secret_missing"  # noqa: S105 - the name of a kind, no secret
    PERIOD_INVALID = "period_invalid"
    DEPROVISIONED_START = "deprovisioned_start"
    DEPROVISIONED_END = "deprovisioned_end"
    WORKER_STARTED = "worker_started"
    ANSWER_UNREADABLE = "answer_unreadable"
    COMPLETED = "completed"
    # Only some PSAs have a code for these.
    LINES_UNREADABLE = "lines_unreadable"
    CATALOG_ITEM_REFUSED = "catalog_item_refused"
    CONTRACT_TYPE_INVALID = "contract_type_invalid"
    # RC codes, the same for every PSA.
    CONTRACT_AMBIGUOUS = "contract_ambiguous"
    CONTRACT_NOT_STARTED = "contract_not_started"
    CONTRACT_EXPIRED = "contract_expired"
    SERVICE_DUPLICATED = "service_duplicated"
    PERMISSION_MISSING = "permission_missing"
    MAPPING_BROKEN = "mapping_broken"
    IDENTIFIER_SHARED = "identifier_shared"
    BILLED_TO_OTHER = "billed_to_other"
    COST_UPDATED = "cost_updated"
    SKU_NOT_VALID = "sku_not_valid"
    WAITING_FOR_REPROCESS = "waiting_for_reprocess"
    NOT_SELECTED = "not_selected"
    NO_BILLED_RECORD = "no_billed_record"
    RETRIED = "retried"
    PERIOD_POSTED = "period_posted"
    PENDING_CHANGE = "pending_change"
    CHANGED_SINCE_PUSH = "changed_since_push"
    QUANTITY_NOT_USABLE = "quantity_not_usable"
    NOT_READ = "not_read"
    CHANGED_MEANWHILE = "changed_meanwhile"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One entry of a code table.

    ``template`` is the published text with our placeholder names (``str.format`` style); faults of the published text are kept,
    because operators search for them. ``title`` is two or three words for the group list. ``resolution`` says what to do.
    ``words`` is what the PSA calls the things that the placeholder ``object`` may name.
    """

    id: str
    level: Level
    template: str
    title: str
    resolution: str = ""
    words: Mapping[str, str] = field(default_factory=dict, hash=False)


CodeTable = dict[Kind, Code]
"""The code table of one PSA."""

BLOCKS: dict[Kind, Scope] = {
    Kind.NO_BILLING_IDENTIFIER: Scope.CUSTOMER,
    Kind.COMPANY_NOT_FOUND: Scope.CUSTOMER,
    Kind.NO_CONTRACT: Scope.CUSTOMER,
    Kind.CONTRACT_AMBIGUOUS: Scope.CUSTOMER,
    Kind.CONTRACT_NOT_STARTED: Scope.CUSTOMER,
    Kind.CONTRACT_EXPIRED: Scope.CUSTOMER,
    Kind.IDENTIFIER_SHARED: Scope.CUSTOMER,
    Kind.WAITING_FOR_REPROCESS: Scope.CUSTOMER,
    Kind.NO_SKU: Scope.ROW,
    Kind.SKU_NOT_VALID: Scope.ROW,
    Kind.SERVICE_NOT_FOUND: Scope.ROW,
    Kind.LINE_MISSING: Scope.ROW,
    Kind.SERVICE_DUPLICATED: Scope.ROW,
    Kind.MAPPING_BROKEN: Scope.ROW,
    Kind.QUANTITY_NOT_USABLE: Scope.ROW,
    Kind.NOT_READ: Scope.ROW,
    Kind.IN_DOUBT: Scope.ROW,
    Kind.CHANGED_MEANWHILE: Scope.ROW,
    Kind.PERIOD_POSTED: Scope.SELECTION,
    Kind.PENDING_CHANGE: Scope.SELECTION,
    Kind.REDUCED_TO_ZERO: Scope.SELECTION,
    Kind.PSA_UNREACHABLE: Scope.RUN,
    Kind.BILLING_UNREACHABLE: Scope.RUN,
    Kind.NO_RECORDS: Scope.RUN,
    Kind.SECRETS_UNREADABLE: Scope.RUN,
    Kind.ADDRESS_INVALID: Scope.RUN,
    Kind.SECRET_MISSING: Scope.RUN,
    Kind.PERIOD_INVALID: Scope.RUN,
    Kind.ANSWER_UNREADABLE: Scope.RUN,
    Kind.CONTRACT_TYPE_INVALID: Scope.RUN,
    Kind.PERMISSION_MISSING: Scope.NOTHING,
}
"""What a kind blocks; a kind that is not listed blocks nothing."""


def blocks(kind: Kind) -> Scope:
    """How far a finding of this kind reaches."""
    return BLOCKS.get(kind, Scope.NOTHING)
