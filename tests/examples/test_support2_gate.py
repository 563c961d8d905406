"""The release gate on the real rows of SUPPORT2, all of them."""

from analytics import Parameters, fit
from analytics.examining import examine
from analytics.release_gate import JUDGED_FROM
from tests.examples.support2_rows import dictionary, support2_rows


def test_the_defaults_pass() -> None:
    parameters = Parameters(features=dictionary().names)
    figures = examine(support2_rows(), parameters, fit(support2_rows(), parameters))
    assert figures.failures() == ()
    assert figures.rows == 9105 >= JUDGED_FROM
    assert 0.51 < figures.membership_auroc.estimate < 0.52
    assert 0.009 < figures.true_positives.estimate < 0.013
    assert figures.smallest_leaf >= 80


def test_deep_trees_without_a_least_weight_are_refused_and_told_why() -> None:
    parameters = Parameters(features=dictionary().names, depth=10, min_child_weight=0, rounds=40)
    figures = examine(support2_rows(), parameters, fit(support2_rows(), parameters))
    membership, leaf = figures.failures()
    assert membership.startswith("Whether someone is in the model can be told with an AUROC of 0.63")
    assert leaf.startswith("A leaf of the model holds fewer than 10 people (1)")
