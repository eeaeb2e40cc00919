"""The registry on a real S3 server: write-once, compare-and-swap, verified on the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import keras
import pytest

from conf.connections.s3 import open_s3
from model.features import FeatureSpec
from model.network import build_network, save_network, weights_hash
from model.registry import CHAMPION, SHADOW, Registry, RegistryError
from tests.support.bundle import Bundle
from tests.support.model_history import COINS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.integration

BASE = (-1.5, -0.5, 0.0, 0.5, 1.5)


@pytest.fixture
def s3(settings: Bundle) -> S3Client:
    return open_s3(settings.s3)


@pytest.fixture
def registry(s3: S3Client, settings: Bundle) -> Registry:
    return Registry(s3, settings.s3.bucket, settings.namespace.s3_prefix)


def key(settings: Bundle, version: str, file: str) -> str:
    return f"{settings.namespace.s3_prefix}v={version}/{file}"


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    keras.utils.set_random_seed(1)
    save_network(build_network(FeatureSpec(COINS), BASE), folder / "model.keras")
    return folder


@pytest.fixture
def version_dir(model_dir: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "version"
    folder.mkdir()
    (folder / "model.keras").write_bytes((model_dir / "model.keras").read_bytes())
    (folder / "card.md").write_text("# a card")
    return folder


def manifest(minute: int = 0, weights: str = "abcdef0123") -> dict[str, object]:
    return {"created_at": f"2026-01-01T00:{minute:02d}:00+00:00", "weights_hash": weights}


def test_published_promoted_and_fetched_whole(
    registry: Registry, version_dir: Path, tmp_path: Path
) -> None:
    assert registry.champion() is None
    version = registry.publish(version_dir, manifest())
    assert version == "2026-01-01T000000Z-abcdef01"
    assert registry.versions() == [version]
    promoted = registry.promote(version, "bootstrap")
    champion = registry.champion()
    assert champion == promoted
    assert champion is not None
    assert champion.status == "bootstrap"
    local = registry.fetch(version, tmp_path / "local", sha256=champion.sha256)
    for path in version_dir.iterdir():
        assert (local / path.name).read_bytes() == path.read_bytes()
    assert registry.fetch(version, tmp_path / "local") == local  # the second time from disk


def test_publishing_again_is_harmless_and_changing_is_refused(
    registry: Registry, version_dir: Path
) -> None:
    version = registry.publish(version_dir, manifest())
    assert registry.publish(version_dir, manifest()) == version
    (version_dir / "card.md").write_text("# another card")
    with pytest.raises(RegistryError, match="exists with another content"):
        registry.publish(version_dir, manifest())


def test_a_version_without_its_sums_was_never_published(
    registry: Registry, version_dir: Path, s3: S3Client, settings: Bundle, tmp_path: Path
) -> None:
    version = registry.publish(version_dir, manifest())
    s3.delete_object(Bucket=settings.s3.bucket, Key=key(settings, version, "SHA256SUMS"))
    assert registry.versions() == []
    with pytest.raises(RegistryError, match="not published to its end"):
        registry.promote(version)
    with pytest.raises(RegistryError, match="no version"):
        registry.fetch(version, tmp_path / "local")


def test_the_second_of_two_promotions_from_the_same_state_fails(
    registry: Registry, version_dir: Path, s3: S3Client, settings: Bundle
) -> None:
    first = registry.publish(version_dir, manifest(0))
    second = registry.publish(version_dir, manifest(1))
    registry.promote(first)

    class Slow(Registry):
        """Reads the alias, then another promotion comes, then it writes."""

        def digest(self, version: str) -> str:
            return super().digest(version)

        def _get_with_etag(self, key: str) -> tuple[bytes, str] | None:
            found = super()._get_with_etag(key)
            if key.endswith("champion.json"):
                registry.promote(second)
            return found

    slow = Slow(s3, settings.s3.bucket, settings.namespace.s3_prefix)
    with pytest.raises(RegistryError, match="somebody else"):
        slow.promote(first)
    champion = registry.champion()
    assert champion is not None
    assert champion.version == second


def test_the_first_of_two_first_promotions_wins(
    registry: Registry, version_dir: Path, s3: S3Client, settings: Bundle
) -> None:
    version = registry.publish(version_dir, manifest())

    class Late(Registry):
        """Sees no alias yet, though there is one by the time it writes."""

        def _get_with_etag(self, key: str) -> tuple[bytes, str] | None:
            if key.endswith("champion.json"):
                registry.promote(version)
                return None
            return super()._get_with_etag(key)

    with pytest.raises(RegistryError, match="somebody else"):
        Late(s3, settings.s3.bucket, settings.namespace.s3_prefix).promote(version)


@pytest.mark.parametrize("file", ["card.md", "model.keras"])
def test_a_changed_file_is_refused_and_leaves_nothing(
    registry: Registry,
    version_dir: Path,
    s3: S3Client,
    settings: Bundle,
    tmp_path: Path,
    file: str,
) -> None:
    version = registry.publish(version_dir, manifest())
    s3.put_object(Bucket=settings.s3.bucket, Key=key(settings, version, file), Body=b"evil")
    with pytest.raises(RegistryError, match=file):
        registry.fetch(version, tmp_path / "local")
    assert not (tmp_path / "local").exists()


def test_changed_sums_are_refused_by_the_alias(
    registry: Registry, version_dir: Path, s3: S3Client, settings: Bundle, tmp_path: Path
) -> None:
    version = registry.publish(version_dir, manifest())
    champion = registry.promote(version)
    body = b"0" * 64 + b"  model.keras\n"
    s3.put_object(Bucket=settings.s3.bucket, Key=key(settings, version, "SHA256SUMS"), Body=body)
    with pytest.raises(RegistryError, match="not the one that was promoted"):
        registry.fetch(version, tmp_path / "local", sha256=champion.sha256)


def test_a_damaged_local_copy_is_found(
    registry: Registry, version_dir: Path, tmp_path: Path
) -> None:
    version = registry.publish(version_dir, manifest())
    local = registry.fetch(version, tmp_path / "local")
    (local / "card.md").write_text("scribble")
    with pytest.raises(RegistryError, match=r"card\.md"):
        registry.fetch(version, tmp_path / "local")


def test_a_model_with_a_lambda_is_never_published(registry: Registry, tmp_path: Path) -> None:
    source = keras.Input((3,))
    bad = keras.Model(source, keras.layers.Lambda(lambda x: x * 2)(source))
    bad.save(tmp_path / "model.keras")
    with pytest.raises(RegistryError, match="Lambda"):
        registry.publish(tmp_path, manifest(weights=weights_hash(bad)))
    assert registry.versions() == []


@pytest.mark.parametrize("name", ["model.pkl", "model.h5", "weights.npz", "run.sh"])
def test_a_file_that_could_run_is_never_published_nor_fetched(
    registry: Registry, version_dir: Path, name: str
) -> None:
    (version_dir / name).write_bytes(b"x")
    with pytest.raises(RegistryError, match=name):
        registry.publish(version_dir, manifest())
    assert registry.versions() == []


def test_every_network_of_a_version_is_checked(registry: Registry, version_dir: Path) -> None:
    (version_dir / "second.keras").write_bytes(b"no archive")
    with pytest.raises(RegistryError, match=r"second\.keras"):
        registry.publish(version_dir, manifest())


def test_the_shadow_comes_and_goes_beside_the_champion(
    registry: Registry, version_dir: Path
) -> None:
    first = registry.publish(version_dir, manifest(0))
    second = registry.publish(version_dir, manifest(1))
    registry.promote(first)
    assert registry.alias(SHADOW) is None
    registry.point(SHADOW, second, "shadow")
    shadow = registry.alias(SHADOW)
    assert shadow is not None
    assert (shadow.version, shadow.status) == (second, "shadow")
    assert registry.point(SHADOW, None, "shadow", expected=second) is None
    assert registry.alias(SHADOW) is None
    champion = registry.champion()
    assert champion is not None
    assert champion.version == first


def test_a_decision_about_another_champion_is_refused(
    registry: Registry, version_dir: Path
) -> None:
    first = registry.publish(version_dir, manifest(0))
    second = registry.publish(version_dir, manifest(1))
    registry.promote(first)
    registry.promote(second)
    with pytest.raises(RegistryError, match="look and decide again"):
        registry.point(CHAMPION, first, "champion", expected=first)
    champion = registry.champion()
    assert champion is not None
    assert (champion.version, champion.previous) == (second, first)


def test_a_version_goes_unless_an_alias_names_it(registry: Registry, version_dir: Path) -> None:
    versions = [registry.publish(version_dir, manifest(minute)) for minute in range(3)]
    for version in versions:
        registry.promote(version)
    for kept in versions[1:]:  # what serves, and what would be rolled back to
        with pytest.raises(RegistryError, match="which is kept"):
            registry.remove(kept)
    registry.remove(versions[0])
    assert registry.versions() == versions[1:]


def test_one_file_is_checked_against_the_sums(
    registry: Registry, version_dir: Path, s3: S3Client, settings: Bundle
) -> None:
    version = registry.publish(version_dir, manifest())
    assert registry.file(version, "card.md") == b"# a card"
    s3.put_object(Bucket=settings.s3.bucket, Key=key(settings, version, "card.md"), Body=b"evil")
    with pytest.raises(RegistryError, match=r"card\.md"):
        registry.file(version, "card.md")
    with pytest.raises(RegistryError, match="no version"):
        registry.file("never", "card.md")
