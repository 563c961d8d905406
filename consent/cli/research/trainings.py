"""`consentry train`: a training is queued, watched and cancelled; the hospital's worker does it."""

from pathlib import Path

from consent.cli.reading import file_text
from consent.cli.research import showing
from consent.cli.research.signing_in import bound
from consent.client import Job, Trained, Training
from consent.domain.hashing import Json


def start(study: str, dictionary: Path, cohort: str, rounds: int | None, *, wait: bool, as_json: bool) -> None:
    """Queue a training; with `wait` see it through."""
    text = file_text(dictionary, "the dictionary")
    parameters: dict[str, Json] | None = None if rounds is None else {"rounds": rounds}
    with bound(study) as api:
        with showing.busy("queueing the training"):
            training = api.trainings.start(text, cohort=cohort or None, parameters=parameters)
        _tell(training, wait=wait, as_json=as_json)


def status(study: str, job: str, *, wait: bool, as_json: bool) -> None:
    """Say how far a training is."""
    with bound(study) as api:
        with showing.busy("asking how far it is"):
            training = api.trainings.job(job)
        _tell(training, wait=wait, as_json=as_json)


def cancel(study: str, job: str, *, as_json: bool) -> None:
    """Ask that a training end."""
    with bound(study) as api, showing.busy("cancelling"):
        training = api.trainings.job(job)
        training.cancel()
    _tell(training, wait=False, as_json=as_json)


def _tell(training: Training, *, wait: bool, as_json: bool) -> None:
    """Show a job as it stands; with `wait`, what came of it."""
    trained = training.wait() if wait else None
    if as_json:
        showing.as_json(training.job)
    elif trained:
        _tell_trained(trained)
    else:
        _tell_job(training.job)


def _tell_job(job: Job) -> None:
    outcome = job.outcome or {}
    showing.facts(
        ("job", job.id),
        ("state", job.state),
        ("at", "" if job.is_over else _progress(job)),
        ("queued", showing.moment(job.created)),
        ("over", showing.moment(job.finished)),
        ("because", job.failure),
        ("release", outcome.get("release")),
        ("next", "" if job.is_over else f"consentry train --status {job.id} --wait"),
    )


def _tell_trained(trained: Trained) -> None:
    showing.facts(
        ("release", trained.release),
        ("suspended", "; ".join(trained.suspended)),
        ("model", trained.model),
        ("manifest", trained.manifest),
        ("next", f"consentry model show {trained.release}"),
    )


def _progress(job: Job) -> str:
    now = job.progress
    return f"{now.step}, {now.done} of {now.total}" if now.total else now.step
