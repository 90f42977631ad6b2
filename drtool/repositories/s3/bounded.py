"""What is read of a server's answer before anybody parses it: so much and no more, and no document that defines entities."""

from __future__ import annotations

from typing import Any, Final

from drtool.model.errors import Conflict

MOST_BYTES: Final = 16 * 2**20
"""A page of a thousand versions has less than one."""
_DECLARES: Final = (b"<!DOCTYPE", b"<!ENTITY")


class BoundedSession:
    """Stands before the HTTP session of the client; what is streamed is left to whoever reads it."""

    def __init__(self, session: Any, *, name: str) -> None:  # noqa: ANN401 - botocore has no types
        self._session = session
        self._name = name
        self.requests = 0

    def send(self, request: Any) -> Any:  # noqa: ANN401
        """Send a request and return its answer, read and looked at."""
        self.requests += 1
        streamed, request.stream_output = request.stream_output, True  # else the session reads all of it, however much that is
        response = self._session.send(request)
        request.stream_output = streamed
        if streamed:
            return response
        body = response.raw.read(MOST_BYTES + 1) or b""
        if len(body) > MOST_BYTES:
            response.raw.close()
            raise Conflict(
                f"the server of {self._name} answers with more than {MOST_BYTES} bytes", hint=f"is that an S3 server? {request.url}"
            )
        if any(word in body for word in _DECLARES):
            raise Conflict(f"the server of {self._name} answers with a document that defines entities", hint="no S3 server does that")
        response._content = body  # noqa: SLF001 - what `content` would read now, without a limit
        return response

    def close(self) -> None:
        """Close its connections."""
        self._session.close()
