"""An HDFS of one namenode and one datanode on loopback.

Every file has one replica; permissions are not checked. Data lives until its folder is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import httpx

from local.java import JVM_ENVIRONMENT, class_path, java_program, small_server_options
from local.launcher import Launcher
from local.ports import HOST
from local.process import Condition, ManagedProcess, answers

NAMENODE_CLASS = "org.apache.hadoop.hdfs.server.namenode.NameNode"
DATANODE_CLASS = "org.apache.hadoop.hdfs.server.datanode.DataNode"
STATE_BEAN = "Hadoop:service=NameNode,name=FSNamesystemState"
LOG4J = """log4j.rootLogger={level}, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{{ISO8601}} %p %c{{1}}: %m%n
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
"""


@dataclass(frozen=True)
class HdfsPlan:
    """Where both daemons listen and what they may use.

    Attributes:
        folder: configuration and data.
        port: namenode RPC, the port of ``hdfs://``.
        http_port: namenode HTTP, the port of WebHDFS.
        datanode_port: block transfer.
        datanode_ipc_port: datanode RPC.
        datanode_http_port: datanode HTTP, where WebHDFS redirects to.
        namenode_heap_mb: heap in MiB.
        datanode_heap_mb: heap in MiB.
        jars: folder of Hadoop's jars.
    """

    folder: Path
    port: int
    http_port: int
    datanode_port: int
    datanode_ipc_port: int
    datanode_http_port: int
    namenode_heap_mb: int
    datanode_heap_mb: int
    jars: Path

    @property
    def url(self) -> str:
        """The default file system for clients."""
        return f"hdfs://{HOST}:{self.port}"

    @property
    def http_url(self) -> str:
        """WebHDFS for clients."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def config_dir(self) -> Path:
        """First entry of the class path."""
        return self.folder / "conf"


def core_site(plan: HdfsPlan) -> dict[str, str]:
    """Return the properties of both daemons. Pure."""
    return {
        "fs.defaultFS": plan.url,
        "hadoop.tmp.dir": str(plan.folder.resolve() / "tmp"),
        # both start at the same time: the datanode asks again soon
        "ipc.client.connect.retry.interval": "100",
        "ipc.client.connect.max.retries": "600",
        "hadoop.http.staticuser.user": "nexthour",
    }


def hdfs_site(plan: HdfsPlan) -> dict[str, str]:
    """Return the properties of HDFS itself. Pure."""
    folder = plan.folder.resolve()
    return {
        "dfs.replication": "1",
        "dfs.namenode.name.dir": (folder / "namenode").as_uri(),
        "dfs.datanode.data.dir": (folder / "datanode").as_uri(),
        "dfs.namenode.rpc-address": f"{HOST}:{plan.port}",
        "dfs.namenode.http-address": f"{HOST}:{plan.http_port}",
        "dfs.datanode.address": f"{HOST}:{plan.datanode_port}",
        "dfs.datanode.ipc.address": f"{HOST}:{plan.datanode_ipc_port}",
        "dfs.datanode.http.address": f"{HOST}:{plan.datanode_http_port}",
        "dfs.datanode.hostname": HOST,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.permissions.enabled": "false",
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.safemode.min.datanodes": "1",
        "dfs.namenode.handler.count": "8",
        "dfs.namenode.service.handler.count": "2",
        "dfs.datanode.handler.count": "4",
        # the default reserve and warning levels are made for disks of a cluster
        "dfs.namenode.resource.du.reserved": str(64 * 1024 * 1024),
        "dfs.datanode.du.reserved": "0",
        "dfs.heartbeat.interval": "1",
        "dfs.blockreport.initialDelay": "0",
        "dfs.namenode.fs-limits.min-block-size": "4096",
        "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "10",
        "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
    }


def site_xml(values: Mapping[str, str]) -> str:
    """Return a Hadoop configuration file. Pure."""
    rows = "".join(
        f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in values.items()
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{rows}</configuration>\n'


def write_config(plan: HdfsPlan) -> None:
    """Write the daemons' configuration into its folder."""
    plan.config_dir.mkdir(parents=True, exist_ok=True)
    (plan.config_dir / "core-site.xml").write_text(site_xml(core_site(plan)))
    (plan.config_dir / "hdfs-site.xml").write_text(site_xml(hdfs_site(plan)))
    (plan.config_dir / "log4j.properties").write_text(LOG4J.format(level="WARN"))
    for name in (
        "hdfs",
        "datanode",
    ):  # the daemons refuse to start without them, and no jar has any
        (plan.config_dir / "webapps" / name).mkdir(parents=True, exist_ok=True)


def _java(plan: HdfsPlan, heap_mb: int) -> list[str]:
    return [
        str(java_program()),
        *small_server_options(heap_mb),
        "--add-opens",
        "java.base/java.lang=ALL-UNNAMED",  # without it WebHDFS answers 500
        "-cp",
        f"{plan.config_dir.resolve()}:{class_path(plan.jars)}",
    ]


def _serves(response: httpx.Response) -> bool:
    """Tell from the namenode's beans whether it takes blocks: out of safe mode, a datanode alive."""
    state = response.json()["beans"][0]
    return bool(state["NumLiveDataNodes"] == 1 and state["FSState"] == "Operational")


def start_namenode(plan: HdfsPlan, launcher: Launcher) -> ManagedProcess:
    """Start the namenode on what `start` has prepared; does not wait."""
    command = [*_java(plan, plan.namenode_heap_mb), NAMENODE_CLASS]
    return launcher.start("namenode", command, env=JVM_ENVIRONMENT, cwd=plan.folder)


def start_datanode(plan: HdfsPlan, launcher: Launcher) -> ManagedProcess:
    """Start the datanode on what `start` has prepared; does not wait."""
    command = [*_java(plan, plan.datanode_heap_mb), DATANODE_CLASS]
    return launcher.start("datanode", command, env=JVM_ENVIRONMENT, cwd=plan.folder)


def takes_files(plan: HdfsPlan) -> Condition:
    """Return a condition: files can be written and listed."""
    takes_blocks = answers(f"{plan.http_url}/jmx?qry={STATE_BEAN}", _serves)
    lists = answers(f"{plan.http_url}/webhdfs/v1/?op=LISTSTATUS")
    return lambda: takes_blocks() and lists()


def start(plan: HdfsPlan, launcher: Launcher) -> None:
    """Write the configuration, format once, start both daemons and wait until files can be written.

    Raises:
        LocalError: one line if one does not come up.
    """
    write_config(plan)
    if not (plan.folder / "namenode" / "current" / "VERSION").exists():
        command = [*_java(plan, plan.namenode_heap_mb), NAMENODE_CLASS]
        launcher.finish("namenode-format", [*command, "-format", "-force", "-nonInteractive"])
    namenode = start_namenode(plan, launcher)
    datanode = start_datanode(plan, launcher)
    ready = takes_files(plan)
    # whichever daemon ends early is the one to name
    namenode.wait_ready(lambda: not datanode.is_running or ready(), launcher.start_timeout_s)
    datanode.wait_ready(ready, launcher.start_timeout_s)
