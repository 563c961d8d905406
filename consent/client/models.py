"""Models: what each release stands on and how good it is. The model itself stays where it was trained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consent.client import answers
from consent.client.errors import NotVerifiedError
from consent.client.pages import pages
from consent.client.paths import at, named
from consent.client.transport import Transport
from consent.client.verifying import SignedManifest, require_manifest
from consent.domain.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Model:
    """One release of a study's model; its figures are out of fold, on the people of its training.

    Attributes:
        study: whose.
        release: counts up from 1.
        status: ACTIVE, SUSPENDED or RETIRED as the registry has it, or UNKNOWN until it does.
        model: SHA-256 of its bytes, hex.
        manifest: SHA-256 of its manifest, hex.
        rows: about how many people's rows it learned from; None where they are too few to be shown.
        auroc: how well it tells people apart.
        calibration_slope: 1 where its risks are neither too bold nor too shy; None where it is not defined.
    """

    study: str
    release: int
    status: str
    model: str
    manifest: str
    rows: int | None
    auroc: float
    calibration_slope: float | None


@dataclass(frozen=True, slots=True)
class ModelFacts(Model):
    """All that is known of a release: what its card says, as values.

    Attributes:
        cohort: whom it is about, in English; empty: everybody, on the dictionary's day.
        dictionary: SHA-256 of the dictionary, hex.
        features: their names.
        outcome: what is forecast.
        horizon_days: within how many days of the index.
        flow: about how many people were admitted or refused, by verdict.
        evaluation: discrimination, calibration, net benefit, subgroups (`analytics.evaluation`).
        gate: what the model gives away of those whom it was fitted on.
    """

    cohort: str
    dictionary: str
    features: tuple[str, ...]
    outcome: str
    horizon_days: int
    flow: Mapping[str, int | None]
    evaluation: Mapping[str, Any]
    gate: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """One release, and what changed since the one before.

    Attributes:
        release: its number.
        status: as of `Model`.
        model: SHA-256 of its bytes, hex.
        left: about how many people's rows are not in it any more; None where too few to be shown.
        came: about how many are new in it.
        changed: a sentence; None for the first.
    """

    release: int
    status: str
    model: str
    left: int | None
    came: int | None
    changed: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """Whether the current release is to be trained anew, and why; None where there is none, or nobody can say."""

    due: bool | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Models:
    """The releases of one study."""

    transport: Transport
    study: str | None

    def __call__(self) -> Iterator[Model]:
        """Yield them all, newest first."""
        return pages(self.transport, self._at("models"), Model)

    def read(self, release: int) -> ModelFacts:
        """Return all that is known of one; raise `NotFoundError`."""
        return answers.read(ModelFacts, self.transport.get(self._at("models", release)))

    def card(self, release: int, media_type: str = "text/html") -> str:
        """Return the model card, as a page or as `text/markdown`."""
        return self._text(media_type, "models", release, "card")

    def plots(self, release: int) -> tuple[str, ...]:
        """Return the names of the figures that there are."""
        return answers.read(_Names, self.transport.get(self._at("models", release, "plots"))).items

    def plot(self, release: int, name: str) -> str:
        """Return a figure as SVG."""
        return self._text("image/svg+xml", "models", release, "plots", name)

    def manifest(self, release: int, log_key: bytes | None = None) -> Manifest:
        """Return what the release answers for, once its signature holds and its hashes are those that the model names.

        `log_key` is the installation's log key, 32 bytes, as an auditor gave it. Without it the key is believed that
        the API names: all fits together then, and nobody but the API says whose it is. Raises `NotVerifiedError`.
        """
        signed = answers.read(SignedManifest, self.transport.get(self._at("models", release, "manifest")))
        manifest, listed = require_manifest(signed, named(self.study), release, log_key), self.read(release)
        if (manifest.hash().hex(), manifest.model) != (listed.manifest, listed.model):
            raise NotVerifiedError("the manifest is not the one that the model names: do not use the model")
        return manifest

    def releases(self) -> Iterator[Release]:
        """Yield what became of the releases, newest first."""
        return pages(self.transport, self._at("releases"), Release)

    def due(self) -> Due:
        """Say whether the current release is to be trained anew."""
        return answers.read(Due, self.transport.get(self._at("releases"), {"limit": "1"}))

    def _text(self, media_type: str, *parts: str | int) -> str:
        return answers.text(self.transport.fetch(self._at(*parts), media_type))

    def _at(self, *parts: str | int) -> str:
        return at("studies", named(self.study), *parts)


@dataclass(frozen=True, slots=True)
class _Names:
    items: tuple[str, ...]
