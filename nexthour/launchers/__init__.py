"""Entry points of the Spark applications, for `python -m` and for spark-submit alike."""
