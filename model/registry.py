"""The model registry on S3: write-once versions, and aliases by compare-and-swap.

Layout under the prefix: ``v=VERSION/<files>`` with `SHA256SUMS` written last (a version without it
was never published), and ``aliases/champion.json`` (serves) and ``aliases/shadow.json`` (says beside
it what it would have). What is fetched is checked against SHA-256 sums, and those against the
alias, before anything opens it.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from botocore.exceptions import ClientError

from model.archive import ArchiveError, check_archive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
NETWORK_SUFFIX = ".keras"
SUFFIXES = frozenset({NETWORK_SUFFIX, ".txt", ".json", ".md", ".png"})
"""Of a version's files; nothing that is unpickled when it is opened."""

CHAMPION, SHADOW = "champion", "shadow"
"""Aliases."""

_ABSENT = {"404", "NoSuchKey", "NoSuchBucket"}
_CONFLICT = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class RegistryError(Exception):
    """The registry refuses, or holds something that must not be opened."""


@dataclass(frozen=True)
class AliasRef:
    """What an alias names.

    Attributes:
        version: name of the version's folder.
        sha256: digest of its `SHA256SUMS`, which covers every file.
        status: `champion`, `bootstrap` for a first model judged on a short history, or `shadow`.
        previous: the version that the alias named before; None for the first.
    """

    version: str
    sha256: str
    status: str
    previous: str | None = None


class Registry:
    """Versions of one model family below a key prefix of a bucket."""

    def __init__(self, s3_client: S3Client, bucket: str, prefix: str) -> None:
        self._s3 = s3_client
        self._bucket = bucket
        self._prefix = prefix.rstrip("/") + "/"

    def ensure_bucket(self) -> None:
        """Create the bucket if it is not there. Repeating it changes nothing."""
        try:
            self._s3.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            self._s3.create_bucket(Bucket=self._bucket)

    def publish(self, local_dir: Path, manifest: Mapping[str, Any]) -> str:
        """Write the files of a folder as a new version, sums last. Never changes a version.

        Args:
            local_dir: holds the members' files and whatever belongs to them; `manifest.json` and
                `SHA256SUMS` are added by this call.
            manifest: must hold `created_at` (ISO 8601, UTC) and `weights_hash` (hex).

        Returns:
            The version, ``2026-11-22T120000Z-<8 of the weights' hash>``.

        Raises:
            RegistryError: if the version exists with another content, or a file is refused.
        """
        version = version_name(str(manifest["created_at"]), str(manifest["weights_hash"]))
        document = {**manifest, "version": version}
        (local_dir / MANIFEST).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        files = sorted(p for p in local_dir.iterdir() if p.is_file() and p.name != SUMS)
        _check(files)
        sums = "".join(f"{_sha256(path.read_bytes())}  {path.name}\n" for path in files)
        (local_dir / SUMS).write_text(sums)
        for path in [*files, local_dir / SUMS]:
            self._put_once(self._key(version, path.name), path.read_bytes())
        return version

    def digest(self, version: str) -> str:
        """Return the SHA-256 of a version's `SHA256SUMS`, which covers every file of it.

        Raises:
            RegistryError: if the version is not complete.
        """
        sums = self._get(self._key(version, SUMS))
        if sums is None:
            message = f"version {version} has no {SUMS}: it was not published to its end"
            raise RegistryError(message)
        return _sha256(sums)

    def alias(self, name: str) -> AliasRef | None:
        """Return what an alias names, None if it names nothing."""
        found = self._get_with_etag(_alias_key(self._prefix, name))
        return _reference(found[0]) if found else None

    def champion(self) -> AliasRef | None:
        """Return what serves, None before the first promotion."""
        return self.alias(CHAMPION)

    def promote(self, version: str, status: str = CHAMPION) -> AliasRef:
        """Let a complete version serve; see `point`."""
        reference = self.point(CHAMPION, version, status)
        assert reference is not None
        return reference

    def point(
        self, name: str, version: str | None, status: str, *, expected: str | None = None
    ) -> AliasRef | None:
        """Point an alias at a complete version, or at nothing, by compare-and-swap.

        Args:
            name: `CHAMPION` or `SHADOW`.
            version: None takes the alias away.
            status: of the version.
            expected: the version that the caller decided about; whatever is there if not given.

        Returns:
            What the alias names now.

        Raises:
            RegistryError: if the version is not complete, or the alias was changed by somebody else.
        """
        key = _alias_key(self._prefix, name)
        current = self._get_with_etag(key)
        before = _reference(current[0]) if current else None
        if expected is not None and (before is None or before.version != expected):
            now = before.version if before else "nothing"
            message = f"the alias {name} names {now}, not {expected}; look and decide again"
            raise RegistryError(message)
        reference = None
        if version is not None:
            reference = AliasRef(
                version, self.digest(version), status, before.version if before else None
            )
        body = orjson.dumps(
            {
                "version": version,
                "sha256": reference.sha256 if reference else None,
                "status": status,
                "promoted_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "previous": before.version if before else None,
            }
        )
        condition: dict[str, Any] = {"IfMatch": current[1]} if current else {"IfNoneMatch": "*"}
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)
        except ClientError as error:
            if _code(error) in _CONFLICT:
                message = f"somebody else changed the alias {name} meanwhile; look and decide again"
                raise RegistryError(message) from error
            raise
        return reference

    def changed_at(self, name: str) -> datetime | None:
        """Return when an alias was last written, by the store's clock (UTC); None if never."""
        try:
            head = self._s3.head_object(Bucket=self._bucket, Key=_alias_key(self._prefix, name))
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return head["LastModified"].astimezone(UTC)

    def file(self, version: str, name: str) -> bytes:
        """Return one file of a complete version, checked against the version's sums.

        Raises:
            RegistryError: if there is no such version or file, or the file differs.
        """
        sums = self._get(self._key(version, SUMS))
        if sums is None:
            message = f"no version {version} in s3://{self._bucket}/{self._prefix}"
            raise RegistryError(message)
        digests = {file: digest for digest, file in _parse_sums(sums.decode())}
        body = self._get(self._key(version, name))
        if body is None or _sha256(body) != digests.get(name):
            message = f"{name} of version {version} is missing or not what was published"
            raise RegistryError(message)
        return body

    def remove(self, version: str) -> None:
        """Delete a version's files, its sums first, so that it is never half there and complete.

        Raises:
            RegistryError: if an alias names it.
        """
        for name in (CHAMPION, SHADOW):
            reference = self.alias(name)
            if reference is not None and version in (reference.version, reference.previous):
                message = f"the alias {name} names {version}, which is kept"
                raise RegistryError(message)
        self._s3.delete_object(Bucket=self._bucket, Key=self._key(version, SUMS))
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._key(version, "")
        )
        for page in pages:
            for item in page.get("Contents", []):
                self._s3.delete_object(Bucket=self._bucket, Key=item["Key"])

    def fetch(self, version: str, local_dir: Path, *, sha256: str | None = None) -> Path:
        """Bring a version to a local folder, whole and verified or not at all.

        Args:
            version: as `publish` returned it.
            local_dir: created; replaced if it holds anything else than this version.
            sha256: digest from the alias; compared if given.

        Returns:
            `local_dir`.

        Raises:
            RegistryError: if a file is missing or differs, or the archive holds a layer that is
                not on the allow-list.
        """
        sums = self._get(self._key(version, SUMS))
        if sums is None:
            message = f"no version {version} in s3://{self._bucket}/{self._prefix}"
            raise RegistryError(message)
        if sha256 is not None and _sha256(sums) != sha256:
            message = f"{SUMS} of {version} is not the one that was promoted; do not use it"
            raise RegistryError(message)
        if (local_dir / SUMS).exists() and (local_dir / SUMS).read_bytes() == sums:
            verify_folder(local_dir)
            return local_dir
        local_dir.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=local_dir.parent, prefix=".fetch-") as name:
            staged = Path(name) / "version"
            staged.mkdir()
            for _, file in _parse_sums(sums.decode()):
                body = self._get(self._key(version, file))
                if body is None:
                    message = f"{file} of version {version} is missing in the registry"
                    raise RegistryError(message)
                (staged / file).write_bytes(body)
            (staged / SUMS).write_bytes(sums)
            verify_folder(staged)
            shutil.rmtree(local_dir, ignore_errors=True)
            staged.rename(local_dir)
        return local_dir

    def versions(self) -> list[str]:
        """Return all complete versions, oldest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + "v="
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        tail = f"/{SUMS}"
        return sorted(
            key.removeprefix(self._prefix + "v=").removesuffix(tail)
            for key in keys
            if key.endswith(tail)
        )

    def _key(self, version: str, file: str) -> str:
        return f"{self._prefix}v={version}/{file}"

    def _put_once(self, key: str, body: bytes) -> None:
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if _code(error) not in _CONFLICT:
                raise
            if self._get(key) != body:
                message = f"s3://{self._bucket}/{key} exists with another content"
                raise RegistryError(message) from error

    def _get(self, key: str) -> bytes | None:
        found = self._get_with_etag(key)
        return found[0] if found else None

    def _get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return answer["Body"].read(), answer["ETag"]


def version_name(created_at: str, weights_hash: str) -> str:
    """Return a version's name from its time (ISO 8601 with offset) and its weights' hash.

    Raises:
        ValueError: if the time has no offset.
    """
    moment = datetime.fromisoformat(created_at)
    if moment.tzinfo is None:
        message = f"created_at {created_at!r} has no time zone"
        raise ValueError(message)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H%M%SZ}-{weights_hash[:8]}"


def verify_folder(folder: Path) -> None:
    """Check a local version against its sums and its archive against the allow-list.

    Raises:
        RegistryError: naming the first file that is missing or differs, or the layer refused.
    """
    paths = []
    for digest, name in _parse_sums((folder / SUMS).read_text()):
        path = folder / name
        if not path.is_file() or _sha256(path.read_bytes()) != digest:
            message = f"{name} in {folder} is not what the registry published; delete the folder"
            raise RegistryError(message)
        paths.append(path)
    _check(paths)


def _check(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.suffix not in SUFFIXES:
            message = f"{path.name} is no file of a version: {', '.join(sorted(SUFFIXES))} are"
            raise RegistryError(message)
        if path.suffix == NETWORK_SUFFIX:
            try:
                check_archive(path)
            except ArchiveError as error:
                raise RegistryError(str(error)) from error


def _alias_key(prefix: str, name: str) -> str:
    return f"{prefix}aliases/{name}.json"


def _reference(body: bytes) -> AliasRef | None:
    value = orjson.loads(body)
    if value["version"] is None:
        return None
    return AliasRef(value["version"], value["sha256"], value["status"], value.get("previous"))


def _parse_sums(text: str) -> list[tuple[str, str]]:
    pairs = [line.split("  ", 1) for line in text.splitlines() if line]
    for pair in pairs:
        if len(pair) != 2 or "/" in pair[1] or pair[1].startswith("."):
            message = f"{SUMS} holds a line that is no plain file: {'  '.join(pair)!r}"
            raise RegistryError(message)
    return [(digest, name) for digest, name in pairs]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
