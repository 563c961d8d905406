"""One dictionary, one person, one set of rows."""

import pytest

from analytics import Dictionary, Row
from tests.analytics.invented import TEXT, Records, creatinine, dead, diabetes, estimate, invented_rows


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    return Dictionary.parse(TEXT)


@pytest.fixture
def records() -> Records:
    return {
        "demographics": [{"resourceType": "Patient", "gender": "male", "birthDate": "1944-01-12"}],
        "laboratory": [creatinine(1.5)],
        "conditions": [diabetes()],
        "assessments": [estimate(0.25)],
        "outcomes": [dead("1994-03-01")],
    }


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return invented_rows(600)
