"""The topic `trades` as Spark reads it: decoded, and judged by the one predicate of all queries."""
