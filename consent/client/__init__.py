"""The researcher's program: asks Consentry's API, and never holds a record.

    from consent.client import Consentry

    with Consentry.open("researcher.json", study="sandbox") as api:
        print(api.study("sandbox").title)
        print(api.cohorts.preview(query).people)                # with noise; RefusedError where too few to be told
        cohort = api.cohorts.save("Adults", query)
        training = api.trainings.start(dictionary_toml, cohort=cohort.id)
        trained = training.wait()                               # a bar where there is a terminal
        for model in api.models():                              # an iterator over pages
            print(model.release, model.status, model.auroc)
        api.models.manifest(trained.release)                    # its signature is checked

Lists are iterators: call the member. Errors say what to do about them: `UsageError`, `SignInError`, `RefusedError`,
`NotFoundError`, `NotVerifiedError`, `ServerError`; all are `ApiError`, whose `problem` is what the API said.
"""

from consent.client.aggregates import Aggregate, Aggregating
from consent.client.api import Consentry
from consent.client.asking import Answers, Asked
from consent.client.cohorts import Cohort, Count
from consent.client.errors import (
    ApiError,
    NotFoundError,
    NotVerifiedError,
    Problem,
    RefusedError,
    ServerError,
    SignInError,
    UsageError,
)
from consent.client.jobs import Job, Step, Work
from consent.client.keys import ClientKey
from consent.client.models import Due, Model, ModelFacts, Release
from consent.client.predictions import Contribution, Prediction
from consent.client.studies import Study
from consent.client.tokens import Me, NewToken, Token
from consent.client.trainings import Trained, Training

__all__ = [
    "Aggregate",
    "Aggregating",
    "Answers",
    "ApiError",
    "Asked",
    "ClientKey",
    "Cohort",
    "Consentry",
    "Contribution",
    "Count",
    "Due",
    "Job",
    "Me",
    "Model",
    "ModelFacts",
    "NewToken",
    "NotFoundError",
    "NotVerifiedError",
    "Prediction",
    "Problem",
    "RefusedError",
    "Release",
    "ServerError",
    "SignInError",
    "Step",
    "Study",
    "Token",
    "Trained",
    "Training",
    "UsageError",
    "Work",
]
