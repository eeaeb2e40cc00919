"""What Spark's Python workers are forked from, with all imported that any fit needs.

Each fit has a process of its own, which would spend 1.7 s of a core on these imports; a fit of
`naive` takes a tenth of that. Not TensorFlow: no fork survives its threads, while the one thread
here, that of Arrow's allocator, is made for forks. Spark runs it as `python -m
model.evaluation.daemon pyspark.worker`.
"""

from __future__ import annotations

import pandas  # noqa: F401
import pyarrow  # noqa: F401
import pyspark.worker  # noqa: F401
from pyspark.daemon import manager

import model.evaluation.spark_work  # noqa: F401

if __name__ == "__main__":
    manager()
