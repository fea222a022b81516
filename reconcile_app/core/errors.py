"""Every error that can reach a person, written for its reader.

    ReconcileError
    ├── WrongUse                 the call or a setting is wrong                         exit 2
    │   ├── SettingsError        a settings file or a field
    │   ├── PeriodInvalid        the period entry cannot be read
    │   └── NotFound             no such run, connection, row
    ├── SideUnreadable           a side could not be read                               exit 3
    │   ├── ConnectionFailed     transport, TLS, address
    │   ├── SignInFailed         token or keys refused
    │   ├── PermissionDenied     signed in, but may not
    │   └── AnswerUnreadable     not what the API promises
    ├── SecretsUnavailable       the keyring cannot be used, or a secret is missing      exit 2
    ├── PlanRefused              nothing was pushed: stale, expired, over limits         exit 4
    ├── Busy                     somebody else is pushing to this tenant                 exit 4
    └── StorageError             disk, database, journal, workbook                       exit 2
        ├── JournalDamaged
        ├── DiskFull
        └── NewerFormat

Foreign exceptions are translated where they arise (``connectors/http``, ``storage``) and shown in one place
(``ui/dialogs`` and the command line).
"""

from reconcile_app.core.findings import Kind


class ReconcileError(Exception):
    """An error with everything its reader needs.

    Attributes:
        title: what failed, in a few words.
        happened: one or two sentences of what happened; may quote the server's words, at most 500 characters of them.
        meaning: what it means for the data, such as "Nothing was sent."
        next_step: what to do now.
        details: technical text for *Copy details*; secrets already removed.
        kind: the finding that tells the same in the log, where there is one.
        subject: the item concerned, as the log calls it (the name of a secret, a permission, a host).
        exit_code: the exit status of the command line.
    """

    exit_code = 2
    kind: Kind | None = None

    def __init__(
        self,
        title: str,
        happened: str = "",
        *,
        meaning: str = "Nothing was changed.",
        next_step: str = "",
        details: str = "",
        kind: Kind | None = None,
        subject: str = "",
    ) -> None:
        super().__init__(title)
        self.title = title
        self.happened = happened
        self.meaning = meaning
        self.next_step = next_step
        self.details = details
        self.subject = subject
        if kind is not None:
            self.kind = kind

    def __str__(self) -> str:
        return " ".join(part for part in (self.title, self.happened, self.meaning, self.next_step) if part)

    @property
    def reason(self) -> str:
        """Title and what happened in one line, as the log wants it."""
        return " ".join(f"{self.title} {self.happened}".split())


class WrongUse(ReconcileError):
    """The call or a setting is wrong; nothing was started."""


class SettingsError(WrongUse):
    """A settings file cannot be read, or a field has a value that cannot be used."""


class PeriodInvalid(WrongUse):
    """The billing period is neither Previous, Current nor a date."""

    kind = Kind.PERIOD_INVALID


class NotFound(WrongUse):
    """There is no such run, connection or row."""


class SecretsUnavailable(WrongUse):
    """The secure storage cannot be used, or holds nothing where a secret is needed."""

    kind = Kind.SECRETS_UNREADABLE


class SideUnreadable(ReconcileError):
    """A side could not be read. Its values are unknown, which is not zero."""

    exit_code = 3


class ConnectionFailed(SideUnreadable):
    """The system could not be reached: address, network, TLS, time-out."""


class SignInFailed(SideUnreadable):
    """The system refused the token or keys."""


class PermissionDenied(SideUnreadable):
    """Signed in, but the account may not do this."""


class AnswerUnreadable(SideUnreadable):
    """The answer is not what the API promises: not JSON, truncated, too large, wrong shape."""

    kind = Kind.ANSWER_UNREADABLE


class PlanRefused(ReconcileError):
    """Nothing was pushed, because the plan was stale, expired, empty or over a limit."""

    exit_code = 4


class Busy(ReconcileError):
    """Another window or program is pushing to the same tenant."""

    exit_code = 4


class StorageError(ReconcileError):
    """A file, database or folder on this computer could not be used."""


class JournalDamaged(StorageError):
    """The journal fails its checks; it stays read-only and nothing is pushed."""


class DiskFull(StorageError):
    """No room left on the disk."""


class NewerFormat(StorageError):
    """The file was written by a newer version of the program."""
