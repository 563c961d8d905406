"""One table from errors to exit codes. What the user reads is the error's own sentence, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

USAGE, SIGN_IN, REFUSED, NOT_FOUND, NOT_VERIFIED, BROKEN = 2, 3, 4, 5, 6, 7

EXIT_CODES: Final = {
    "NotSignedInError": SIGN_IN,
    "UsageError": USAGE,
    "SignInError": SIGN_IN,
    "RefusedError": REFUSED,
    "NotFoundError": NOT_FOUND,
    "NotVerifiedError": NOT_VERIFIED,
    "ServerError": BROKEN,
    "OccupiedError": BROKEN,
    "InstallationError": NOT_FOUND,
    "OutboxNotEmptyError": REFUSED,
    "KeysMissingError": REFUSED,
    "UnknownPatientError": NOT_FOUND,
    "UnknownConsentError": NOT_FOUND,
    "PreferenceError": REFUSED,
    "EnrolmentError": REFUSED,
    "CountRefusedError": REFUSED,
    "BudgetSpentError": REFUSED,
    "CategoryNotAskedError": REFUSED,
    "SnapshotNotReadyError": BROKEN,
    "ReleaseUnknownError": REFUSED,
    "ReviewError": REFUSED,
    "UnknownReportError": NOT_FOUND,
    "ReportError": REFUSED,
    "CohortError": USAGE,
    "DictionaryError": USAGE,
    "MarginsError": USAGE,
    "ParametersError": USAGE,
    "StudyNotApprovedError": NOT_FOUND,
    "StudyClosedError": REFUSED,
    "StudyFileError": USAGE,
    "InvalidStudyError": USAGE,
    "StudyRefusedError": REFUSED,
    "InvalidMailError": USAGE,
    "UnknownReleaseError": NOT_FOUND,
    "SettingsError": USAGE,
    "DemoFolderError": USAGE,
    "FhirError": USAGE,
    "InvalidRequestError": USAGE,
    "WrongPassphraseError": SIGN_IN,
    "NotAuthorisedError": REFUSED,
    "OperatorChangeError": REFUSED,
    "StopListMissingError": NOT_FOUND,
    "StopListBusyError": BROKEN,
    "StopListError": NOT_VERIFIED,
    "BackupError": BROKEN,
    "RefusedImportError": USAGE,
    "IncompleteImportError": REFUSED,
    "CsvDictionaryError": USAGE,
    "AttachmentError": USAGE,
    "SourceError": USAGE,
    "IdentifierError": USAGE,
    "UnknownPersonError": NOT_FOUND,
    "NoTombstoneError": NOT_FOUND,
    "LostIdentifierError": REFUSED,
    "NoErasureError": NOT_FOUND,
    "SeveralHoldsError": USAGE,
    "InvalidHoldError": USAGE,
    "BlockedPersonError": REFUSED,
    "GrantNotAcceptedError": REFUSED,
    "ModelRefusedError": REFUSED,
    "PredictionRefusedError": REFUSED,
    "ExportRefusedError": REFUSED,
    "NoCardError": NOT_FOUND,
    "RequesterError": USAGE,
    "TrainingError": REFUSED,
    "LedgerMismatchError": NOT_VERIFIED,
    "LogForkError": NOT_VERIFIED,
    "InvalidReceiptError": NOT_VERIFIED,
    "NoEvidenceError": NOT_FOUND,
    "BundleError": REFUSED,
    "InvalidBundleError": NOT_VERIFIED,
    "NotSoundError": NOT_VERIFIED,
    "UnreadableBundleError": REFUSED,
    "ReceiptFileError": USAGE,
    "AlreadyErasedError": REFUSED,
    "UnknownJobError": NOT_FOUND,
    "TrainingJobError": USAGE,
    "JobError": REFUSED,
    "ClientError": USAGE,
    "UnknownClientError": NOT_FOUND,
    "InvalidClientKeyError": USAGE,
    "StaffError": USAGE,
    "UnknownStaffError": NOT_FOUND,
    "NotYetError": USAGE,
    "UnknownStudyThenError": NOT_FOUND,
    "StaffSignInError": SIGN_IN,
    "TokenInvalidError": SIGN_IN,
    "TokenExpiredError": SIGN_IN,
    "TokenRefusedError": REFUSED,
    "InvalidAssertionError": SIGN_IN,
    "UnknownStudyError": NOT_FOUND,
    "UnknownRequestError": NOT_FOUND,
    "StudyNotRecruitingError": REFUSED,
    "AnswersUnknownError": REFUSED,
    "InvalidPolicyError": USAGE,
    "InvalidSignerError": USAGE,
    "ChainViewError": USAGE,
    "NodeError": BROKEN,
    "WitnessError": USAGE,
    "WitnessUsageError": USAGE,
    "WitnessRefusesError": NOT_VERIFIED,
    "CertificateError": NOT_VERIFIED,
    "CertifyError": REFUSED,
    "ConsistencyError": NOT_VERIFIED,
    "NoteError": NOT_VERIFIED,
    "CheckpointError": NOT_VERIFIED,
}
"""By class name, so that nothing heavy is imported to print a message; a class's bases count too."""
ROOTS: Final = {"ConsentError", "VaultError", "AnalyticsError", "ArtifactError", "MigrationError"}


def exit_code(error: Exception) -> int | None:
    """Return the exit code for an error of ours, None for anything else."""
    names = [cls.__name__ for cls in type(error).__mro__]
    if not ROOTS & set(names):
        return None
    return next((EXIT_CODES[name] for name in names if name in EXIT_CODES), BROKEN)


@contextmanager
def told() -> Iterator[None]:
    """Turn an error of ours, or the system's refusal, into its sentence on standard error and its exit code."""
    try:
        yield
    except OSError as error:
        sys.stderr.write(f"consentry: {_refusal(error)}\n")
        sys.exit(BROKEN)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        sys.stderr.write(f"consentry: {error}\n")
        sys.exit(code)


def _refusal(error: OSError) -> str:
    """Say what the system refused: a full disk, a folder that is a file, one that others own."""
    where = f" ({error.filename})" if error.filename else ""
    return f"the system says: {error.strerror or type(error).__name__}{where}; see to that and run this again"
