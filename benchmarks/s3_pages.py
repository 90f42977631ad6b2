"""An S3 server that answers what an audit asks, from arithmetic: pages of versions, and locks. It proves nothing but costs."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from bisect import bisect_left, bisect_right
from urllib.parse import parse_qs, unquote, urlsplit

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
PREFIX = "dr/"
PAGE = 1000
INDEX_PACKS = 3000


def digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def packs(count: int) -> list[str]:
    return sorted(digest(f"pack {number}") for number in range(count))


def indexes(count: int) -> dict[str, list[str]]:
    """The files of the index by name, each with its packs."""
    names = packs(count)
    return {digest(f"index {start}"): names[start : start + INDEX_PACKS] for start in range(0, count, INDEX_PACKS)}


def listed(count: int) -> list[str]:
    """All names below the prefix, in order."""
    names = [f"data/{name[:2]}/{name}" for name in packs(count)]
    names += [f"index/{name}" for name in indexes(count)]
    names += ["config", f"keys/{digest('key')}", *(f"snapshots/{digest(f'snapshot {number}')}" for number in range(100))]
    return sorted(names)


class Server:
    def __init__(self, count: int) -> None:
        self.names = listed(count)

    def answer(self, target: str) -> tuple[int, str]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if "versions" in query:
            return 200, self._page(unquote(query.get("prefix", "")).removeprefix(PREFIX), query.get("key-marker", "").removeprefix(PREFIX))
        if "retention" in query:
            until = "2027-06-01T00:00:00Z"
            return 200, f"{_HEAD}<Retention {_SPACE}><Mode>COMPLIANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        if "versioning" in query:
            return 200, f"{_HEAD}<VersioningConfiguration {_SPACE}><Status>Enabled</Status></VersioningConfiguration>"
        if "object-lock" in query:
            rule = "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>45</Days></DefaultRetention></Rule>"
            enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
            return 200, f"{_HEAD}<ObjectLockConfiguration {_SPACE}>{enabled}{rule}</ObjectLockConfiguration>"
        return 404, f"{_HEAD}<Error><Code>NoSuchLifecycleConfiguration</Code></Error>"

    def _page(self, prefix: str, marker: str) -> str:
        start = bisect_right(self.names, marker) if marker else bisect_left(self.names, prefix)
        found = [name for name in self.names[start : start + PAGE + 1] if name.startswith(prefix)]
        more = len(found) > PAGE
        rows = "".join(
            f"<Version><Key>{PREFIX}{name}</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest>"
            f"<LastModified>2026-11-01T00:00:00.000Z</LastModified><ETag>&quot;{name[-32:]}&quot;</ETag><Size>17000000</Size></Version>"
            for name in found[:PAGE]
        )
        told = f"<NextKeyMarker>{PREFIX}{found[PAGE - 1]}</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>" if more else ""
        return f"{_HEAD}<ListVersionsResult {_SPACE}><IsTruncated>{str(more).lower()}</IsTruncated>{told}{rows}</ListVersionsResult>"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, body = self.answer(head.split(b" ", 2)[1].decode())
                data = body.encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(count: int) -> None:
    server = await asyncio.start_server(Server(count).serve, "127.0.0.1", 0, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
