from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from conf.local_stack import LocalStackSettings
from local import doctor
from local.doctor import GIB, Check, Port
from local.errors import LocalError
from local.java import Java, find_java, parse_major
from local.ports import HOST

pytestmark = pytest.mark.unit


def java(major: int, *, has_spark_module: bool = True) -> Java:
    return Java(Path("/usr/bin/java"), major, has_spark_module)


def no_java() -> Java:
    message = "no Java: install it"
    raise LocalError(message)


CASES: list[tuple[Check, bool, str]] = [
    (doctor.check_python((3, 11)), True, "Python: 3.11"),
    (doctor.check_python((3, 10)), False, "Python: 3.10: install Python 3.11"),
    (doctor.check_python((3, 13)), False, "Python: 3.13: install Python 3.11"),
    (doctor.check_java(lambda: java(17)), True, "Java: version 17"),
    (doctor.check_java(lambda: java(21)), True, "Java: version 21"),
    (
        doctor.check_java(lambda: java(11)),
        False,
        "Java: version 11 (/usr/bin/java): install a full",
    ),
    (
        doctor.check_java(lambda: java(25)),
        False,
        "Java: version 25 (/usr/bin/java): install a full",
    ),
    (
        doctor.check_java(lambda: java(17, has_spark_module=False)),
        False,
        "Java: version 17 (/usr/bin/java) lacks the module jdk.incubator.vector: install a full",
    ),
    (doctor.check_java(no_java), False, "Java: no Java: install it"),
    (doctor.check_disk(Path("var"), lambda _: 3 * GIB), True, "disk: 3.0 GiB free for var"),
    (
        doctor.check_disk(Path("var"), lambda _: 3 * GIB - 1),
        False,
        "disk: 3.0 GiB free for var: free 3 GiB there",
    ),
    (doctor.check_memory(lambda: 6 * GIB), True, "memory: 6.0 GiB"),
    (doctor.check_memory(lambda: 4 * GIB), False, "memory: 4.0 GiB: 6 GiB are needed"),
    (
        doctor.check_port(Port("kafka", 9092, "X"), lambda _: True),
        True,
        "port 9092: free for kafka",
    ),
    (
        doctor.check_port(Port("kafka", 9092, "X"), lambda _: False),
        False,
        "port 9092: in use, wanted for kafka: stop what listens there or set X",
    ),
    (doctor.check_jars(Path("j"), lambda _: []), True, "jars: j"),
    (
        doctor.check_jars(Path("j"), lambda _: ["kafka", "s3"]),
        False,
        "jars: kafka, s3 missing: run `python -m local.jars`",
    ),
]


@pytest.mark.parametrize(("check", "is_ok", "start"), CASES)
def test_each_result_is_one_line_that_says_what_to_do(
    check: Check, is_ok: bool, start: str
) -> None:
    assert check.is_ok is is_ok
    assert check.line.startswith(start)
    assert "\n" not in check.line


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_392"', 8),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_the_major_version_of_java(text: str, major: int | None) -> None:
    assert parse_major(text) == major


def test_the_java_of_this_machine_will_do() -> None:
    assert doctor.check_java().is_ok


def test_without_java_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LocalError, match=r"^no Java: install a full Java 17 or 21 runtime"):
        find_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LocalError, match=r"^JAVA_HOME is .* no bin/java in it: install"):
        find_java()


def test_a_java_that_only_says_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\necho Unable to locate a Java Runtime >&2\nexit 1\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LocalError, match="is no working Java: install"):
        find_java()


def test_a_container_with_less_memory_than_its_machine(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    whole = doctor.memory_bytes(limit)
    assert whole > GIB
    limit.write_text("max\n")
    assert doctor.memory_bytes(limit) == whole
    limit.write_text(f"{GIB}\n")
    assert doctor.memory_bytes(limit) == GIB


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert doctor.free_disk_bytes(tmp_path / "a" / "b") > 0


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = doctor.check_writable(tmp_path / "file" / "var")
    assert not check.is_ok
    assert check.line.startswith("folder: cannot write into ")
    assert doctor.check_writable(tmp_path / "new").is_ok


def test_everything_is_looked_at_and_only_fixed_ports(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        taken = server.getsockname()[1]
        settings = LocalStackSettings(kafka_port=taken, jars_dir=tmp_path / "none")
        dashboard = Port("dashboard", 0, "NEXTHOUR_DASHBOARD_PORT")
        checks = doctor.examine(settings, tmp_path / "var", [dashboard])
    by_name = {check.name: check for check in checks}
    assert list(by_name) == ["Python", "Java", "disk", "memory", "folder", "jars", f"port {taken}"]
    assert "NEXTHOUR_LOCAL_KAFKA_PORT" in by_name[f"port {taken}"].line
    assert not by_name["jars"].is_ok
