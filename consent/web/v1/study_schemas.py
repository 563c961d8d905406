"""What is sent and answered about studies, from draft to close, and about their requests to people."""

from typing import Any, Literal

from pydantic import Field

from consent.web.v1.schemas import Body, DataUse, Hash, Line, Name, Seconds, Shown, Told


class Reason(Body):
    """Why, in one line that stays in the log for good and so names nobody."""

    reason: str = Field(min_length=1, max_length=300)
    definition: Hash | None = Field(default=None, description="`hash` of what was read; another one is a conflict.")


class Approval(Body):
    """What an approval rests on; `reason` where a person had to look at the purpose."""

    ethics: Line
    definition: Hash = Field(description="`hash` of what was read; where it says something else by now, a conflict.")
    reason: str | None = Field(default=None, min_length=1, max_length=300)


class Request(Told):
    """What a study asks of everybody who allows being asked."""

    number: int
    since: Seconds
    text: Hash


class Requests(Told):
    """A page of requests."""

    items: list[Request]
    next: str | None


class Answers(Told):
    """About how many people were asked and allow it. Who said no and who said nothing look alike."""

    asked: Shown
    allowed: Shown
    epsilon: float
    left: float


class Days(Body):
    """Which days of records; null: open at that end."""

    start: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")
    end: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")


class InLanguage(Body):
    """A study in another language than English."""

    title: Line
    text: str = Field(min_length=1, max_length=4000)


Operation = Literal["train", "predict", "export"]


class DraftStudy(Body):
    """A study as its researcher writes it."""

    id: Name
    title: Line
    institution: Line
    text: str = Field(min_length=1, max_length=4000, description="The plain text that patients read.")
    data_use: DataUse
    operations: list[Operation] = Field(min_length=1, max_length=3, description="What it wants to do with records.")
    required: list[str] = Field(
        min_length=1, max_length=30, description="Categories without which nobody can take part."
    )
    optional: list[str] = Field(default=[], max_length=30, description="Categories that people can leave out.")
    window: Days = Days()
    ethics: str = Field(default="", max_length=200, description="The committee's reference, where there is one yet.")
    bounds: dict[str, float] | None = Field(
        default=None, description="`least_auroc`, `slope_low`, `slope_high`: a model outside of them serves nobody."
    )
    protocols: list[Hash] = Field(default=[], max_length=100, description="The only trainings allowed; empty: any.")
    translations: dict[str, InLanguage] = Field(
        default={}, max_length=10, description="`title` and `text` by language, such as `es`."
    )


class Study(Told):
    """A study, and how it stands."""

    id: str
    state: Literal["draft", "submitted", "refused", "approved", "recruiting", "closed"]
    review: Literal["ready", "needs-a-person"] | None = Field(
        description="Of a draft: whether a person must look at its purpose."
    )
    undecided: list[str] = Field(description="What of the purpose no machine decides.")
    reason: str | None = Field(description="Why it was refused, or approved where a person had to look at its purpose.")
    created: Seconds
    hash: Hash = Field(description="SHA-256 of what it says.")
    definition: dict[str, Any]


class Studies(Told):
    """A page of studies."""

    items: list[Study]
    next: str | None
