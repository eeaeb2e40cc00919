"""S3 client of the model registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from conf.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_s3(settings: S3Settings) -> S3Client:
    """Return a client; opens no connection yet. Checksums only where required: s3proxy refuses others."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key.get_secret_value(),
        region_name=settings.region,
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            retries={"max_attempts": 4, "mode": "standard"},
        ),
    )
