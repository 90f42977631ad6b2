"""The few requests to an S3 server that need no client, signed by hand (AWS Signature Version 4)."""

import hashlib
import hmac
import re
import urllib.request
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_REGION = "us-east-1"


class Bucket:
    """The objects of a bucket whose names start alike: `http://host:port/bucket/prefix/`."""

    def __init__(self, address: str, access_key: str, secret_key: str) -> None:
        parts = urlsplit(address)
        self._host = parts.netloc
        self._bucket, _, self._prefix = parts.path.lstrip("/").partition("/")
        self._access_key, self._secret_key = access_key, secret_key

    def names(self) -> list[str]:
        """The names behind the prefix, of the first thousand."""
        listing = self._ask("GET", "", query=f"list-type=2&prefix={quote(self._prefix, safe='')}").decode()
        return [key.removeprefix(self._prefix) for key in re.findall("<Key>([^<]*)</Key>", listing)]

    def read(self, name: str) -> bytes:
        return self._ask("GET", self._prefix + name)

    def write(self, name: str, body: bytes) -> None:
        self._ask("PUT", self._prefix + name, body=body)

    def remove(self, name: str) -> None:
        self._ask("DELETE", self._prefix + name)

    def _ask(self, method: str, key: str, *, query: str = "", body: bytes = b"") -> bytes:
        path = quote(f"/{self._bucket}/{key}")
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self._host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        names = ";".join(headers)
        request = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", names, digest])
        scope = (stamp[:8], _REGION, "s3", "aws4_request")
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(request.encode()).hexdigest()])
        signature = f"AWS4{self._secret_key}".encode()
        for each in (*scope, text):
            signature = hmac.digest(signature, each.encode(), "sha256")
        credential = f"{self._access_key}/{'/'.join(scope)}"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature.hex()}"
        address = f"http://{self._host}{path}{'?' if query else ''}{query}"
        asked = urllib.request.Request(address, data=body if method == "PUT" else None, headers=headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - always http
            return bytes(answer.read())
