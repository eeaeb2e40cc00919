from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from local import jars
from local.errors import LocalError

pytestmark = pytest.mark.unit


def manifest_jars(configuration: str) -> set[str]:
    root = ElementTree.parse(jars.MANIFEST).getroot()
    return {
        f"{configuration}/{row.get('name')}-{row.get('rev')}.jar"
        for row in root.iter("dependency")
        if str(row.get("conf")).startswith(f"{configuration}->")
    }


def artifact(jar: str) -> str:
    """The name without its version: up to the last dash before a digit that has a dot after it."""
    return re.sub(r"-\d+\.[^/]*$", "", jar.rsplit("/", 1)[-1])


def test_every_configuration_has_hashes() -> None:
    hashes = jars.read_hashes()
    assert {name.split("/")[0] for name in hashes} == set(jars.CONFIGURATIONS)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes.values())


def test_spark_gets_the_manifest_and_nothing_that_pyspark_carries() -> None:
    ours = {name for name in jars.read_hashes() if name.startswith("spark/")}
    assert ours == manifest_jars("spark")
    theirs = {artifact(jar.name) for jar in jars.ivy_jar().parent.glob("*.jar")}
    assert "spark-sql_2.13" in theirs
    assert not {artifact(jar) for jar in ours} & theirs


def test_no_host_is_named_where_jars_come_from() -> None:
    text = jars.IVY_SETTINGS.read_text() + jars.MANIFEST.read_text()
    hosts = re.findall(r"https?://([^/\"]+)", text)
    assert set(hosts) <= {"ant.apache.org"}  # the name of an XML namespace, not an address


def test_differences_name_each_kind() -> None:
    wanted = {"a.jar": "1", "b.jar": "2"}
    assert jars.differences(wanted, wanted) == []
    assert jars.differences({"b.jar": "3", "c.jar": "4"}, wanted) == [
        "a.jar is missing",
        "c.jar is not in the hash file",
        "b.jar has another hash",
    ]


def test_a_folder_counts_only_whole_and_stamped(tmp_path: Path) -> None:
    assert jars.missing_configurations(tmp_path) == list(jars.CONFIGURATIONS)
    for name in jars.read_hashes():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert jars.missing_configurations(tmp_path) == list(jars.CONFIGURATIONS)
    for name in jars.CONFIGURATIONS:
        (tmp_path / name / ".stamp").write_text(jars.stamp_value())
    assert jars.missing_configurations(tmp_path) == []
    next((tmp_path / "spark").glob("spark-avro*.jar")).unlink()
    assert jars.missing_configurations(tmp_path) == ["spark"]
    (tmp_path / "s3" / ".stamp").write_text("of an older manifest")
    assert jars.missing_configurations(tmp_path) == ["s3", "spark"]


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert jars.sha256_of(tmp_path / "x").startswith("ba7816bf8f01cfea")


def test_without_java_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LocalError, match=r"^no Java: install"):
        jars.fetch(tmp_path / "jars")
    assert list((tmp_path / "jars").iterdir()) == []
