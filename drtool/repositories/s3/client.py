"""Speaks to one bucket: address, credentials, limits, and whose fault a failure is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drtool.model.errors import Conflict, DrtoolError, NotFound, Refused, Unavailable
from drtool.model.location import parse_location
from drtool.model.policy import Address
from drtool.model.secret import SecretReference
from drtool.ports import SecretStore
from drtool.process import shown, stopwatch
from drtool.repositories.s3.bounded import BoundedSession

AT_ONCE: Final = 16
_TRIES: Final = 4
_REFUSED: Final = frozenset(
    {"AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}
)
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_BUSY: Final = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "503", "500"})
_AMAZON: Final = re.compile(r"(?:s3[.-])([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com")
_DAY_SECONDS: Final = 86400.0


@dataclass(slots=True)
class Bucket:
    """One bucket and the prefix of a repository in it; `call` carries out any operation of the client."""

    name: str
    bucket: str
    prefix: str
    client: Any
    session: BoundedSession

    def call(self, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - botocore's answers are dictionaries
        """Carry an operation out; raises what its failure means, with the bucket as it is called here."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - heavy

        stopwatch(_DAY_SECONDS, f"a request to {self.name}")()
        try:
            return getattr(self.client, operation)(Bucket=self.bucket, **arguments)
        except ClientError as error:
            raise self._translated(error.response, operation) from None
        except DrtoolError:
            raise
        except (BotoCoreError, ValueError, TypeError, KeyError) as error:
            words = shown(str(error).encode())
            if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"):
                raise Refused(f"{self.name}: {words}", hint="write them under environment: of that repository, by reference") from None
            if type(error).__name__ in ("ResponseParserError", "ValueError", "TypeError", "KeyError"):
                raise Conflict(f"the answer of {self.name} to {operation} cannot be read: {words}", hint="is that an S3 server?") from None
            raise Unavailable(f"{self.name} does not answer: {words}", hint=f"drtool doctor {self.name}") from None

    def _translated(self, response: Mapping[str, Any], operation: str) -> DrtoolError:
        error = response.get("Error", {})
        code, status = str(error.get("Code", "")), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        what = f"{self.name}: {operation} of the bucket {self.bucket}: {shown(code.encode())}"
        if code == "NoSuchBucket":
            return NotFound(what, hint="is the address of the repository right?")
        if code in _MISSING:
            return NotFound(what)
        if code in _BUSY or status >= 500:  # noqa: PLR2004 - the server's own fault
            return Unavailable(what, hint="try again later")
        if code in _REFUSED or status == 403:  # noqa: PLR2004 - forbidden
            return Refused(what, hint="these credentials may not do that: docs/immutable.md says which of S3's rights each verb needs")
        return Conflict(what, hint="docs/immutable.md says on which services this ran")


def open_bucket(name: str, address: Address, environment: Mapping[str, SecretReference | str], secrets: SecretStore) -> Bucket:
    """Open the bucket of a repository with the credentials that `environment` names; none: those that S3's own library finds.

    Raises:
        Refused: the repository is on no S3, or the library is not there.
    """
    if not address.location.startswith("s3:"):
        raise Refused(f"{name} is no repository on S3: only a bucket has Object Lock", hint="name one whose address begins with s3:")
    import boto3  # noqa: PLC0415 - heavy, and needed by these verbs only
    from botocore.config import Config  # noqa: PLC0415

    found = parse_location(address.location)
    bucket, _slash, prefix = found.path.partition("/")
    told = {key: value if isinstance(value, str) else secrets.resolve(value).reveal() for key, value in environment.items()}
    plain = address.location.removeprefix("s3:").startswith("http://")
    host = f"[{found.host}]" if ":" in found.host else found.host
    port = f":{found.port}" if found.port else ""
    amazon = _AMAZON.search(found.host)
    region = told.get("AWS_DEFAULT_REGION") or told.get("AWS_REGION") or (amazon[1] if amazon else "us-east-1")
    session = boto3.session.Session(
        aws_access_key_id=told.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=told.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=told.get("AWS_SESSION_TOKEN"),
        profile_name=told.get("AWS_PROFILE"),
        region_name=region,
    )
    client = session.client(
        "s3",
        endpoint_url=f"{'http' if plain else 'https'}://{host}{port}",
        verify=told.get("SSL_CERT_FILE"),
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=AT_ONCE,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            signature_version="s3v4",
            request_checksum_calculation="when_required",  # not every server takes checksums behind the data
            response_checksum_validation="when_required",
            s3={"addressing_style": "virtual" if found.host.endswith(".amazonaws.com") else "path"},
        ),
    )
    endpoint = client._endpoint  # noqa: SLF001 - there is no other way to bound what is read
    bounded = BoundedSession(endpoint.http_session, name=name)
    endpoint.http_session = bounded
    return Bucket(name, bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "", client, bounded)


def gone(error: DrtoolError, *codes: str) -> bool:
    """Tell whether a failure only says that something of that kind is not set."""
    return any(error.what.endswith(code) for code in codes)


Call = Callable[..., Any]
