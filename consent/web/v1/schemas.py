"""What is sent and what is answered, as OpenAPI names it. Bodies are strict: no member that is not known, no coercion.

Times are Unix seconds. Hashes are SHA-256 as 64 hex digits. A count that cannot be told is null.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[int, Field(description="Unix seconds.")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_UNSEEN = r"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Characters that nobody sees: of control, and those that turn or hide writing."""
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$")]
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
JobId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Shown = Annotated[int | None, Field(description="People, with noise and in fives; null: too few to be told.")]


class Body(BaseModel):
    """What is sent as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Sent(BaseModel):
    """What is sent as a form or in the address, where everything is text."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")


Status = Literal["UNKNOWN", "ACTIVE", "SUSPENDED", "RETIRED"]
Kind = Literal["train", "retrain", "aggregate"]


class ProblemDocument(BaseModel):
    """What did not work (RFC 9457); some types have further members, which their page names."""

    type: str = Field(description="The address of a page that says what to do.")
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = Field(default=None, description="Places (RFC 6901) and the rule each breaks.")


class Walk(Sent):
    """Which page of a list."""

    limit: int = Field(default=50, ge=1, le=100)
    cursor: str | None = Field(default=None, min_length=1, max_length=8192)


class TokenRequest(Sent):
    """A client's request for an access token (RFC 6749, section 4.4, with RFC 7523)."""

    grant_type: Literal["client_credentials"]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    client_assertion: str = Field(min_length=1, max_length=4096)
    resource: str | None = Field(default=None, max_length=300, description="The study that the token is to be for.")
    scope: str | None = Field(
        default=None, max_length=200, description="Scopes, a space between; all where it is left out."
    )


class AccessToken(Told):
    """A token, shown this once."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the kind of token that OAuth calls so
    expires_in: int = Field(description="Seconds.")
    scope: str
    study: str | None


class Me(Told):
    """Who asks, as their token says."""

    holder: str
    role: Literal["researcher", "clinician", "auditor", "operator"]
    study: str | None
    scopes: list[str]
    expires: Seconds
    kind: Literal["access", "personal", "staff"]


class NewToken(Body):
    """What a personal token is to do, and how long."""

    seconds: int = Field(ge=60, le=28800)
    scopes: list[str] | None = Field(default=None, min_length=1, max_length=8)


class PersonalToken(Told):
    """A personal token; `token` is shown this once and stands in no list."""

    id: str
    study: str | None
    scopes: list[str]
    created: Seconds
    expires: Seconds
    token: str | None = None


class PersonalTokens(Told):
    """A page of personal tokens."""

    items: list[PersonalToken]
    next: str | None


class Query(Body):
    """A cohort that is counted: a query as the documentation has its grammar."""

    query: dict[str, Any]


class NewCohort(Query):
    """A cohort that is kept."""

    title: Line


class Counted(Told):
    """About how many people who allow being counted are in a cohort; the answer holds for the study's period."""

    question: Hash
    english: str
    people: int = Field(description="With noise, and in fives.")
    epsilon: float = Field(description="What this answer cost once.")
    left: float = Field(description="What the study may still spend in this period.")


class Cohort(Told):
    """A cohort that is kept."""

    id: str
    title: str
    question: Hash
    english: str
    query: dict[str, Any]
    created: Seconds


class Cohorts(Told):
    """A page of cohorts."""

    items: list[Cohort]
    next: str | None


class DataUse(Body):
    """A purpose, in the terms of GA4GH's Data Use Ontology."""

    general_use: bool = Field(default=False, description="Any research at all (DUO:0000042).")
    health_research: bool = Field(default=False, description="Health and disease in general (DUO:0000006).")
    diseases: list[Line] = Field(default=[], max_length=50, description="These alone, such as `MONDO:0005148`.")
    ancestry: bool = Field(default=False, description="Where people's families come from (DUO:0000011).")
    methods: bool = Field(default=False, description="To build new research methods.")
    non_profit_only: bool | None = Field(default=None, description="Nobody earns money by it (DUO:0000018).")
    other: list[Line] = Field(default=[], max_length=20, description="What no machine decides: a person must.")


class NewTraining(Body):
    """What is to be trained."""

    dictionary: str = Field(min_length=1, max_length=60000, description="The dictionary, as TOML.")
    cohort: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="A kept cohort's id; null: everybody."
    )
    parameters: dict[str, bool | int | float | str] = Field(
        default={}, description="Fields that differ from the defaults."
    )
    purpose: DataUse | None = Field(default=None, description="What for, where that is less than the study's purpose.")


class NewAggregate(Body):
    """Of whom predictions are aggregated."""

    cohort: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="A kept cohort's id; null: everybody."
    )


class Progress(Told):
    """How far a job is; both numbers are 0 where nobody counts."""

    step: str
    done: int
    total: int


class Job(Told):
    """Work that a worker does."""

    id: JobId
    kind: Kind
    study: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: Progress
    created: Seconds
    finished: int | None
    outcome: dict[str, Any] | None = Field(description="Of a training: release, model, manifest, why it is suspended.")
    failure: str | None = Field(description="Why nothing came of it.")


class Jobs(Told):
    """A page of jobs."""

    items: list[Job]
    next: str | None


class Model(Told):
    """One release of a study's model. Its figures are out of fold, on the people of its training."""

    study: str
    release: int
    status: Status
    model: Hash
    manifest: Hash
    rows: Shown
    auroc: float
    calibration_slope: float | None


class Models(Told):
    """A page of models."""

    items: list[Model]
    next: str | None


class ModelFacts(Model):
    """All that is known of a release: what its model card says, as JSON."""

    cohort: str = Field(description="Whom it is about, in English; empty: everybody, on the dictionary's day.")
    dictionary: str = Field(description="SHA-256 of the dictionary.")
    features: list[str]
    outcome: str
    horizon_days: int
    flow: dict[str, int | None] = Field(description="About how many people were admitted or refused, by verdict.")
    evaluation: dict[str, Any]
    gate: dict[str, Any] = Field(description="What the model gives away of those whom it was fitted on.")


class Plots(Told):
    """The names of a card's figures."""

    items: list[str]


class Manifest(Told):
    """A release's manifest as it is registered, and the log key's signature over it (DSSE)."""

    manifest: dict[str, Any]
    hash: Hash
    envelope: dict[str, Any]
    log_key: str = Field(description="Ed25519, 32 bytes as hex; check it against your own copy.")


class Release(Told):
    """One release, and what changed since the one before."""

    release: int
    status: Status
    model: Hash
    left: Shown
    came: Shown
    changed: str | None = Field(description="A sentence; null for the first.")


class Releases(Told):
    """A study's releases, newest first, and whether the current one is to be trained anew."""

    items: list[Release]
    next: str | None
    due: bool | None = Field(description="Whether the current one is due; null where there is none or nobody can say.")
    why: list[str]


class NewPrediction(Body):
    """Of whom a prediction is asked: by the hospital's identifier, or by SubjectId."""

    identifier: str | None = Field(default=None, min_length=3, max_length=300, description="`system|value`.")
    subject: str | None = Field(default=None, pattern="^[0-9a-f]{32}$")


class Prediction(Told):
    """What the study's current model says of one person, with its exact reasons (TreeSHAP, in log odds)."""

    subject: str
    study: str
    release: int
    model: Hash
    outcome: str
    horizon_days: int
    index: str = Field(description="The day from which on it looks, ISO 8601.")
    probability: float
    log_odds: float
    base: float
    contributions: list[dict[str, Any]]
