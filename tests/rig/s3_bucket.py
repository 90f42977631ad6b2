"""Objects of a bucket on the tests' own S3 server."""

from urllib.parse import urlsplit

import boto3
from botocore.config import Config


class Bucket:
    """The objects of a bucket whose names start alike: `http://host:port/bucket/prefix/`; its keys stand in the environment."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._bucket, _, self._prefix = parts.path.lstrip("/").partition("/")
        config = Config(request_checksum_calculation="when_required")  # not every server takes checksums behind the data
        self._client = boto3.client("s3", endpoint_url=f"http://{parts.netloc}", region_name="us-east-1", config=config)

    def names(self) -> list[str]:
        """The names behind the prefix, of the first thousand."""
        found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix)
        return [str(each["Key"]).removeprefix(self._prefix) for each in found.get("Contents", ())]

    def read(self, name: str) -> bytes:
        return bytes(self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read())

    def write(self, name: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body)

    def remove(self, name: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)
