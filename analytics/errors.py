"""What can go wrong between records and a model. No message holds a record's contents."""


class AnalyticsError(Exception):
    """The root: something about the numbers, or about how they are asked for, is wrong; the message says what."""


class DictionaryError(AnalyticsError):
    """The dictionary breaks a rule; correct the table and the key that the message names."""


class CohortError(AnalyticsError):
    """The cohort's query breaks a rule; correct the place that the message names."""


class RowsError(AnalyticsError):
    """These records or rows cannot be learned from; mend them or gather others, as the message says."""


class ParametersError(AnalyticsError):
    """A training parameter is out of its range; correct the one that the message names."""


class ModelError(AnalyticsError):
    """These bytes are no model of ours; get the released file again."""


class FiguresError(AnalyticsError):
    """Stored figures of an evaluation or a release gate are not as this software writes them; get them again."""


class TrainingChildError(AnalyticsError):
    """The process that trains ended early; the message says with what, and what to look at before trying again."""


class MarginsError(AnalyticsError):
    """The table of a hospital's patients as a whole breaks a rule; correct the key that the message names."""
