"""What of the environment counts for requests to HDFS: looked at once, as the library would each time."""

from __future__ import annotations

import pytest

from conf.connections.hdfs import open_hdfs
from conf.settings import HdfsSettings

pytestmark = pytest.mark.unit

NAMENODE = HdfsSettings(http_url="http://namenode.example:9870")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_a_proxy_is_used_unless_the_namenode_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_hdfs(NAMENODE).session.proxies == {}
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert open_hdfs(NAMENODE).session.proxies == {"http": "http://proxy.example:3128"}
    monkeypatch.setenv("NO_PROXY", "localhost,.example")
    assert open_hdfs(NAMENODE).session.proxies == {}


def test_certificates_are_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_hdfs(NAMENODE).session.verify is True
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/own.pem")
    session = open_hdfs(NAMENODE).session
    assert session.verify == "/etc/own.pem"
    assert session.trust_env is False
