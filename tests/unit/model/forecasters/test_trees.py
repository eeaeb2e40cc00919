from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset import Windows
from model.forecasters.columns import COLUMNS, table_with_coin
from model.forecasters.trees import Trees, read_trees, tree_of

pytestmark = pytest.mark.unit

Pick = Callable[[Windows, Any], Windows]


def node(
    number: int, value: float, left: int = -1, right: int = -1, column: int = -1, at: float = 0.0
) -> dict[str, Any]:
    """A node as MLlib writes it."""
    return {
        "id": number,
        "prediction": value,
        "impurity": 0.5,
        "leftChild": left,
        "rightChild": right,
        "split": {
            "featureIndex": column,
            "leftCategoriesOrThreshold": [] if left < 0 else [at],
            "numCategories": -1,
        },
    }


# 0 ─ feature 1 ≤ 0.25 ─ 1 ─ feature 0 ≤ −1 ─ 2 | 3
#                        └ 4
NODES = [
    node(0, 9.0, 1, 4, 1, 0.25),
    node(1, 8.0, 2, 3, 0, -1.0),
    node(2, -0.5),
    node(3, 0.5),
    node(4, 2.0),
]


def flat(nodes: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.json_normalize(nodes)


def test_a_row_goes_left_where_its_feature_is_not_above_the_threshold() -> None:
    tree = tree_of(flat(NODES[::-1]))  # in whatever order they were written
    rows = np.array([[-1.0, 0.25], [-0.9, 0.25], [-1.0, 0.26], [5.0, -5.0], [0.0, 9.0]])
    assert tree.depth == 2
    assert tree(rows).tolist() == [-0.5, 0.5, 2.0, 0.5, 2.0]
    assert tree(rows[:0]).shape == (0,)


def test_a_tree_may_be_a_single_leaf() -> None:
    assert tree_of(flat([node(0, 0.125)]))(np.zeros((3, 2))).tolist() == [0.125] * 3


def test_splits_by_category_and_missing_nodes_are_refused() -> None:
    by_category = [dict(own) for own in NODES]
    by_category[0]["split"] = {**NODES[0]["split"], "numCategories": 3}
    for nodes in (by_category, NODES[1:]):
        with pytest.raises(ValueError, match="without a place or splits that are no thresholds"):
            tree_of(flat(nodes))


def test_an_ensemble_is_read_with_its_weights_and_summed(
    tmp_path: Path, later: Windows, picked: Pick
) -> None:
    own = [(0, node(0, 0.25)), *((1, one) for one in NODES)]
    table = pa.table({"treeID": [tree for tree, _ in own], "nodeData": [one for _, one in own]})
    (tmp_path / "data").mkdir()
    pq.write_table(table.slice(3), tmp_path / "data" / "part-0.parquet")
    pq.write_table(table.slice(0, 3), tmp_path / "data" / "part-1.parquet")
    trees = read_trees(tmp_path, [1.0, 0.1])
    features = table_with_coin(later)
    assert features.shape == (len(later.z), len(COLUMNS) + 1)
    expected = 0.25 + 0.1 * np.where(
        features[:, 1] > 0.25, 2.0, np.where(features[:, 0] <= -1, -0.5, 0.5)
    )
    np.testing.assert_allclose(trees(later), expected, rtol=1e-15)
    assert len(set(expected)) == 3
    assert isinstance(trees, Trees)
    assert trees(picked(later, slice(7, 8)))[0] == trees(later)[7]
    with pytest.raises(ValueError, match="holds 2 trees, not 3"):
        read_trees(tmp_path, [1.0, 0.1, 0.1])
