"""The root of every error that `consent` raises. A refusal is a value (`Deny`); these are mistakes and failures."""


class ConsentError(Exception):
    """Something about consent is broken or was asked wrongly; the message says what to do about it."""


class InvalidTermsError(ConsentError):
    """Terms break their own rules; correct the field that the message names and ask the patient again."""


class LedgerError(ConsentError):
    """The root of what can go wrong between us and the chain."""


class LedgerRejectedError(LedgerError):
    """The contract reverted; repeating the same transaction will not help, the message holds the contract's reason."""


class LedgerUnavailableError(LedgerError):
    """The chain cannot be reached or written now; nothing was lost, try again."""


class LedgerLockedError(LedgerUnavailableError):
    """Another process holds the embedded chain's file; stop it, or open the file read-only."""


class LedgerMismatchError(LedgerError):
    """The chain is not the one this installation was deployed on; restore the right file or address, do not go on."""


class RecordsUnavailableError(ConsentError):
    """The records database is busy, damaged or refuses a row; nothing of the transaction was kept, try again."""


class LogForkError(ConsentError):
    """The log was cut or altered since it was last signed; restore it from a copy, nothing more is signed till then."""


class LogTreeError(ConsentError):
    """Hashes of the log's subtrees are missing or damaged; open the installation again, which makes them anew."""


class JobError(ConsentError):
    """The root of why a job does not go on."""


class UnknownJobError(JobError):
    """No job has this id; `consentry jobs` lists them."""


class LeaseLostError(JobError):
    """The job is somebody else's now, or over; keep nothing of its result."""


class JobCancelledError(JobError):
    """Somebody asked that this job end; keep nothing of its result."""


class PostError(ConsentError):
    """The mail was not taken and nothing was sent; try again later, or see to the mail server."""
