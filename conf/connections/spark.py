"""The Spark session, from `spark-defaults.conf` and the settings.

Under spark-submit everything comes from its properties; otherwise this module hands the same
properties file to the JVM that it starts, so that both ways run with equal options.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from conf.connections.deferred_signals import deferred_signals
from conf.settings import HdfsSettings, SparkSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# With the first compiler alone the JVM keeps 48 MB for code. Three queries were past that within five minutes,
# and from then on it threw methods out and compiled them again, for ever: a quarter of its processor time
# in one minute's measurement, 2 % with room. 54 MB were used then; only what is used takes memory.
QUICK_JIT = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
# The collector for throughput: candles at 521,000 instead of 471,000 trades/s with the default one.
# Not in spark-defaults.conf, where it would contradict the one above.
THROUGHPUT = "-XX:+UseParallelGC"
DEFAULTS_FILE = Path(__file__).parents[2] / "spark-defaults.conf"
POOLS_FILE = Path(__file__).parents[1] / "fairscheduler.xml"


def build_session(
    app_name: str,
    spark: SparkSettings,
    hdfs: HdfsSettings,
    options: Mapping[str, str] | None = None,
) -> SparkSession:
    """Return the running session or start one.

    Args:
        app_name: shown by Spark's own tools.
        spark: master, memory and jars, used only where spark-submit did not decide.
        hdfs: the default file system.
        options: further properties, which win over those of the file.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        jars = ",".join(str(jar) for jar in sorted(spark.jars_dir.resolve().glob("*.jar")))
        arguments = ["--master", spark.master, "--properties-file", str(DEFAULTS_FILE)]
        arguments += ["--driver-memory", spark.driver_memory]
        if jars:
            arguments += ["--jars", jars]
        # Workers run this interpreter with its packages, not whatever `python3` is on the path.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_SUBMIT_OPTS", QUICK_JIT if spark.quick_jit else THROUGHPUT)
        os.environ["PYSPARK_SUBMIT_ARGS"] = shlex.join([*arguments, "pyspark-shell"])
    # Interrupted between its start and its first answer, the JVM would stay for ever: it ends with
    # the pipe from here, but only once it has been able to say where it listens.
    with deferred_signals():
        SparkContext._ensure_initialized()  # noqa: SLF001 - what getOrCreate() does first
    builder = (
        SparkSession.builder.appName(app_name)
        .config("spark.hadoop.fs.defaultFS", hdfs.url)
        .config("spark.sql.shuffle.partitions", str(spark.shuffle_partitions))
    )
    for name, value in (options or {}).items():
        builder = builder.config(name, value)
    if POOLS_FILE.is_file():  # a plain path would be looked for on HDFS
        builder = builder.config("spark.scheduler.allocation.file", POOLS_FILE.as_uri())
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session
