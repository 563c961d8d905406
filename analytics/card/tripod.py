"""TRIPOD+AI, its 27 items (Collins et al. 2024, BMJ 385:e078378), filled from the evidence or left to the author."""

from dataclasses import dataclass
from typing import Final

from analytics.card.contents import Card
from analytics.discrimination import Interval

TO_SUPPLY: Final = "author to supply"

ITEMS: Final = (
    ("1", "Title", "The study as one of a prediction model, its people and its outcome"),
    ("2", "Abstract", "See TRIPOD+AI for abstracts"),
    ("3a", "Introduction", "Health care context and rationale"),
    ("3b", "Introduction", "Target population and intended purpose in the care pathway"),
    ("3c", "Introduction", "Known health inequalities between groups"),
    ("4", "Introduction", "Objectives"),
    ("5a", "Methods", "Sources of data"),
    ("5b", "Methods", "Dates of the data"),
    ("6a", "Methods", "Setting"),
    ("6b", "Methods", "Eligibility"),
    ("6c", "Methods", "Treatments received"),
    ("7", "Methods", "Preparation of data"),
    ("8a", "Methods", "Outcome, its time and how it is assessed"),
    ("8b", "Methods", "Qualifications of those who assess the outcome subjectively"),
    ("8c", "Methods", "Blinding of the assessment of the outcome"),
    ("9a", "Methods", "Choice of predictors"),
    ("9b", "Methods", "Definition of predictors"),
    ("9c", "Methods", "Qualifications of those who assess predictors subjectively"),
    ("10", "Methods", "Sample size"),
    ("11", "Methods", "Missing data"),
    ("12a", "Methods", "How the data were used for development and evaluation"),
    ("12b", "Methods", "How predictors were handled"),
    ("12c", "Methods", "Type of model, building steps, tuning, internal validation"),
    ("12d", "Methods", "Heterogeneity between clusters"),
    ("12e", "Methods", "Measures and plots of performance"),
    ("12f", "Methods", "Updating of the model"),
    ("12g", "Methods", "How predictions were calculated for evaluation"),
    ("13", "Methods", "Class imbalance"),
    ("14", "Methods", "Fairness"),
    ("15", "Methods", "Output of the model"),
    ("16", "Methods", "Differences between development and evaluation data"),
    ("17", "Methods", "Ethical approval"),
    ("18a", "Open science", "Funding"),
    ("18b", "Open science", "Conflicts of interest"),
    ("18c", "Open science", "Protocol"),
    ("18d", "Open science", "Registration"),
    ("18e", "Open science", "Sharing of data"),
    ("18f", "Open science", "Sharing of code"),
    ("19", "Patient and public involvement", "Involvement in design, conduct, reporting"),
    ("20a", "Results", "Flow of participants"),
    ("20b", "Results", "Characteristics"),
    ("20c", "Results", "Comparison of development and evaluation data"),
    ("21", "Results", "Participants and events in each analysis"),
    ("22", "Results", "Full specification of the model"),
    ("23a", "Results", "Performance with intervals, subgroups too"),
    ("23b", "Results", "Heterogeneity in performance between clusters"),
    ("24", "Results", "Results of updating"),
    ("25", "Discussion", "Interpretation, fairness, other studies"),
    ("26", "Discussion", "Limitations"),
    ("27a", "Discussion", "Poor or missing input when used"),
    ("27b", "Discussion", "Interaction with users and expertise needed"),
    ("27c", "Discussion", "Next steps for research"),
)
"""Number, section, and what is asked for in short."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item, and what the evidence or the author says to it."""

    number: str
    section: str
    asked: str
    answer: str

    @property
    def filled(self) -> bool:
        """Whether anything is said."""
        return self.answer != TO_SUPPLY


def tripod(card: Card) -> tuple[Item, ...]:
    """Return the items in order; an author's text stands before what the evidence says."""
    evidence = _methods(card) | _data_use(card) | _results(card)
    return tuple(
        Item(
            number,
            section,
            asked,
            " ".join(filter(None, (card.supplied.get(number), evidence.get(number)))) or TO_SUPPLY,
        )
        for number, section, asked in ITEMS
    )


def _methods(card: Card) -> dict[str, str]:
    dictionary, outcome = card.dictionary, card.dictionary.outcome
    fixed = f"Index day for everybody: {dictionary.index}." if dictionary.index else ""
    return {
        "1": f"{card.title}: forecast of {outcome.title.lower()}, release {card.release}.",
        "3b": card.purpose,
        "4": card.purpose,
        "5a": "FHIR R4 records of one installation, of people who consented on a ledger to this study and to training.",
        "5b": f"Consents as they stood at {_pinned(card)}. {fixed}".strip(),
        "6b": f"{card.cohort or fixed} Consent to this study, its purpose and training, in force then.".strip(),
        "7": f"The dictionary {dictionary.name} {dictionary.version} (SHA-256 {dictionary.hash}), the same for "
        "everybody; nothing is learned from data before the fit.",
        "8a": f"{outcome.title}, by coded vital status within {outcome.horizon_days} days of the index.",
        "8b": "None: vital status is no judgement.",
        "9a": f"{len(dictionary.features)} features, declared before the data were read; none was selected by them.",
        "9b": "See the table of characteristics, and the dictionary for codes, units, windows and reducers. No record "
        "dated after the index is used.",
        "17": card.ethics,
    }


def _data_use(card: Card) -> dict[str, str]:
    evaluation, parameters = card.evaluation, card.manifest["parameters"]
    told = ", ".join(f"{name} {value}" for name, value in parameters.items() if name != "features")
    software = ", ".join(f"{name} {version}" for name, version in card.manifest["code"].items())
    return {
        "10": f"All who consented{' and are in the cohort' if card.cohort else ''}, with a known outcome: about "
        f"{evaluation.people:,} people, {evaluation.events:,} with the outcome. No size was calculated beforehand.",
        "11": "Missing values stay missing: each split of a tree learns which way they go. Logistic regression, for "
        "comparison, takes medians of its own training folds. Shares missing: see the table of characteristics.",
        "12a": f"All rows fit the released model; it is evaluated by {evaluation.folds} folds of the same rows, by the "
        "hash of each row. There is no separate test set.",
        "12b": "As measured, in the dictionary's units; neither scaled nor cut.",
        "12c": f"Gradient-boosted trees (XGBoost), parameters fixed beforehand: {told}. No tuning.",
        "12e": "AUROC (DeLong), average precision, calibration, Brier score, decision curve; 95 % intervals.",
        "12f": "None: each release is fitted anew.",
        "12g": "Each person is forecast by the model of the folds that they are not in.",
        "13": "Nothing was done about it: no weights, no resampling.",
        "14": "Groups by age and by sex, where declared, are looked at by themselves; none was treated differently.",
        "15": "A probability from 0 to 1; no classes and no threshold.",
        "16": "None: the folds are of the same rows.",
        "18c": f"The study's text stands in the installation under its id {card.study}.",
        "18e": "Records never leave the installation; a study asks for consent.",
        "18f": f"Consentry, under the Apache License 2.0; {software}.",
    }


def _results(card: Card) -> dict[str, str]:
    evaluation, calibration = card.evaluation, card.evaluation.calibration
    slope = "not defined" if calibration.slope is None else f"{calibration.slope:.2f}"
    limits = (
        "Internal validation only. People who did not consent are not read, so who is missing is told by margins alone."
    )
    return {
        "20a": "See the table of participants." if card.flow else "",
        "20b": "See the table of characteristics." if evaluation.characteristics else "",
        "20c": "None to compare: the folds are of the same rows.",
        "21": f"{evaluation.people:,} people and {evaluation.events:,} events, in each analysis.",
        "22": f"The model's bytes have the SHA-256 {card.manifest['model']}; they may leave by the release gate only.",
        "23a": f"AUROC {_told(evaluation.auroc)}, AUPRC {_told(evaluation.auprc)}, calibration slope {slope}, "
        f"Brier score {calibration.brier:.3f}. Groups: see their table.",
        "24": "None: each release is fitted anew.",
        "26": limits + (" No margins were supplied." if card.margins is None else ""),
        "27a": "A missing value is taken as such; a unit without conversion is missing.",
    }


def _pinned(card: Card) -> str:
    return f"block {card.manifest['block']} of chain {card.manifest['chain_id']}"


def _told(interval: Interval) -> str:
    return f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"
