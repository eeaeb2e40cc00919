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
# Both compilers: a batch of the candles query with 1,000 trades took half as long as with the first one alone
# (0.43 s, planning most of it), and already the first hour of a demo closed in 2.8 instead of 5.0 s. The
# collector for throughput: candles at 521,000 instead of 471,000 trades/s with the default one. Not in
# spark-defaults.conf, where they would contradict the line above.
THROUGHPUT = "-XX:+UseParallelGC"
DEFAULTS_FILE = Path(__file__).parents[2] / "spark-defaults.conf"
POOLS_FILE = Path(__file__).parents[1] / "fairscheduler.xml"


def build_session(
    app_name: str,
    spark: SparkSettings,
    hdfs: HdfsSettings,
    options: Mapping[str, str] | None = None,
    *,
    is_long_running: bool = False,
) -> SparkSession:
    """Return the running session or start one.

    Args:
        app_name: shown by Spark's own tools.
        spark: master, memory and jars, used only where spark-submit did not decide.
        hdfs: the default file system.
        options: further properties, which win over those of the file.
        is_long_running: the JVM compiles well rather than quickly, unless the settings say which.
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
        os.environ.setdefault("SPARK_SUBMIT_OPTS", jvm_options(spark.quick_jit, is_long_running))
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


def jvm_options(quick_jit: bool | None, is_long_running: bool) -> str:
    """Return what a driver's JVM is told about compilers and collector. Pure.

    Args:
        quick_jit: the first compiler alone, or both; None: it depends.
        is_long_running: whether the driver lives for days or for a minute.
    """
    is_quick = not is_long_running if quick_jit is None else quick_jit
    return QUICK_JIT if is_quick else THROUGHPUT
