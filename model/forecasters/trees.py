"""Regression trees that MLlib has grown, evaluated without Spark. Pure but for reading their files.

MLlib writes a model's nodes as Parquet with all digits; here they are arrays, so that scoring needs
no JVM and adds a row's leaves in the same order always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from model.dataset import Windows
from model.forecasters.columns import table_with_coin

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """A binary tree; all arrays have one entry per node, the root first.

    Attributes:
        column: of the feature that is compared; 0 at a leaf.
        threshold: a row whose feature is not above it goes left; infinite at a leaf.
        left: node; a leaf is its own child.
        right: likewise.
        value: z at a leaf.
        depth: steps from the root to the deepest leaf.
    """

    column: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    depth: int

    def __call__(self, features: Floats) -> Floats:
        """Return (rows,) leaf values for (rows, columns) of features."""
        node = np.zeros(len(features), dtype=np.int64)
        row = np.arange(len(features))
        for _ in range(self.depth):
            goes_left = features[row, self.column[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return self.value[node]


@dataclass(frozen=True)
class Trees:
    """The weighted sum of trees: a point forecast.

    Attributes:
        trees: at least one, over the columns of `table_with_coin`.
        weights: one per tree.
    """

    trees: tuple[Tree, ...]
    weights: tuple[float, ...]

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        features = table_with_coin(rows).astype(np.float64)
        total = np.zeros(len(features))
        for tree, weight in zip(self.trees, self.weights, strict=True):
            total += weight * tree(features)
        return total


def read_trees(folder: Path, weights: Sequence[float]) -> Trees:
    """Read the nodes of a tree ensemble that MLlib has written.

    Args:
        folder: as `model.write().save()` has left it.
        weights: of the trees, in their order.

    Raises:
        ValueError: if a split is not one by a threshold, or there are other trees than weights.
    """
    nodes = pq.read_table(folder / "data").to_pandas()
    nodes = nodes[["treeID"]].join(pd.json_normalize(nodes["nodeData"].tolist()))
    trees = [tree_of(own) for _, own in nodes.groupby("treeID", sort=True)]
    if len(trees) != len(weights):
        message = f"{folder} holds {len(trees)} trees, not {len(weights)}"
        raise ValueError(message)
    return Trees(tuple(trees), tuple(weights))


def tree_of(nodes: pd.DataFrame) -> Tree:
    """Return one tree.

    Args:
        nodes: columns id, prediction, leftChild, rightChild (-1 at a leaf), split.featureIndex,
            split.leftCategoriesOrThreshold, split.numCategories (-1 for a threshold).

    Raises:
        ValueError: if a split is not one by a threshold.
    """
    nodes = nodes.sort_values("id", ignore_index=True)
    if (
        nodes["id"].tolist() != list(range(len(nodes)))
        or (nodes["split.numCategories"] != -1).any()
    ):
        message = "a tree has nodes without a place or splits that are no thresholds"
        raise ValueError(message)
    own = np.arange(len(nodes))
    left = nodes["leftChild"].to_numpy(dtype=np.int64)
    right = nodes["rightChild"].to_numpy(dtype=np.int64)
    is_leaf = left < 0
    threshold = [
        np.inf if leaf else float(split[0])
        for leaf, split in zip(is_leaf, nodes["split.leftCategoriesOrThreshold"], strict=True)
    ]
    column = nodes["split.featureIndex"].to_numpy(dtype=np.int64)
    return Tree(
        column=np.where(is_leaf, 0, column),
        threshold=np.array(threshold),
        left=np.where(is_leaf, own, left),
        right=np.where(is_leaf, own, right),
        value=nodes["prediction"].to_numpy(dtype=np.float64),
        depth=_depth(left, right),
    )


def _depth(left: Ints, right: Ints) -> int:
    depth = np.zeros(len(left), dtype=np.int64)
    for node in range(len(left)):  # parents come before their children
        for child in (left[node], right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return int(depth.max())
