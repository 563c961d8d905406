"""Whether bytes are a model that XGBoost can load and run without harm; its "Introduction to Model IO" has the schema.

XGBoost follows a tree's indices without checking them, and aborts the program on some documents. Here each tree
is shown to be one: children come after their parents, splits name features that exist, and arrays are as long as
their tree.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from analytics import ubjson
from analytics.errors import ModelError
from analytics.rows import are_names

OBJECTIVE: Final = "binary:logistic"
_OF_NODES: Final = {
    "base_weights": ">f4",
    "default_left": "u1",
    "left_children": ">i4",
    "loss_changes": ">f4",
    "parents": ">i4",
    "right_children": ">i4",
    "split_conditions": ">f4",
    "split_indices": ">i4",
    "split_type": "u1",
    "sum_hessian": ">f4",
}
_OF_CATEGORIES: Final = {"categories", "categories_nodes", "categories_segments", "categories_sizes"}
_LEARNER: Final = {
    "attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective",
}  # fmt: skip
_LEAF: Final = -1


def require_sound(content: bytes, objective: str) -> None:
    """Raise `ModelError` unless `content` is a model of gradient-boosted trees for this objective, in UBJSON."""
    document = ubjson.parse(content)
    try:
        sound = _is_sound(document, objective)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError("these bytes lack parts of an XGBoost model: get the released file again") from error
    if not sound:
        raise ModelError("these bytes are no model of ours: get the released file again")


def _is_sound(document: Mapping[str, Any], objective: str) -> bool:
    learner = document["learner"]
    model, parameters = learner["gradient_booster"]["model"], learner["learner_model_param"]
    features, trees = int(parameters["num_feature"]), model["trees"]
    names = learner["feature_names"]
    return bool(
        set(document) == {"learner", "version"}
        and set(learner) == _LEARNER
        and learner["objective"] == {"name": objective, "reg_loss_param": {"scale_pos_weight": "1"}}
        and learner["gradient_booster"]["name"] == "gbtree"
        and (parameters["num_class"], parameters["num_target"]) == ("0", "1")
        and 0 < float(parameters["base_score"].strip("[]")) < 1
        and len(names) in {0, features}
        and are_names(names)
        and _counts_trees(model, len(trees))
        and all(_is_tree(tree, number, features) for number, tree in enumerate(trees))
    )


def _counts_trees(model: Mapping[str, Any], trees: int) -> bool:
    """Say whether the model counts its trees rightly: one a round, all for the one outcome, no categories."""
    return (
        model["gbtree_model_param"] == {"num_parallel_tree": "1", "num_trees": str(trees)}
        and list(model["tree_info"]) == [0] * trees
        and list(model["iteration_indptr"]) == list(range(trees + 1))
        and not any(len(part) for part in model["cats"].values())
    )


def _is_tree(tree: Mapping[str, Any], number: int, features: int) -> bool:
    nodes = int(tree["tree_param"]["num_nodes"])
    expected = {"num_deleted": "0", "num_feature": str(features), "num_nodes": str(nodes), "size_leaf_vector": "1"}
    return bool(
        set(tree) == set(_OF_NODES) | _OF_CATEGORIES | {"id", "tree_param"}
        and tree["id"] == number
        and tree["tree_param"] == expected
        and nodes > 0
        and all(_is_column(tree[name], kind, nodes) for name, kind in _OF_NODES.items())
        and not any(len(tree[name]) for name in _OF_CATEGORIES)
        and not tree["split_type"].any()
        and (tree["split_indices"] >= 0).all()
        and (tree["split_indices"] < features).all()
        and _is_grown(tree["left_children"], tree["right_children"], tree["parents"])
    )


def _is_column(column: Any, kind: str, nodes: int) -> bool:  # noqa: ANN401  # whatever the document holds
    return isinstance(column, np.ndarray) and column.dtype == np.dtype(kind) and len(column) == nodes


def _is_grown(left: Sequence[int], right: Sequence[int], parents: Sequence[int]) -> bool:
    """Say whether each node but the first is the child of exactly one node before it: a tree, without loops."""
    grown = [
        (child, node)
        for node, children in enumerate(zip(left, right, strict=True))
        if children != (_LEAF, _LEAF)
        for child in children
    ]
    return all(node < child for child, node in grown) and sorted(grown) == list(enumerate(parents[1:], 1))
