"""What a person may write for an instant or an end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click


class Instant(click.ParamType[datetime]):
    """An instant: RFC 3339 or `2026-11-23 14:00`; UTC unless it says otherwise."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        try:
            instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no instant: write 2026-11-23 or 2026-11-23T14:00 (UTC) or 2026-11-23T14:00+02:00", param, ctx)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class Until(Instant):
    """An instant, or how long from now: `30d`."""

    name = "until"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        from drtool.engine.clock import SystemClock  # noqa: PLC0415
        from drtool.policy.units import WrongValueError, parse_duration  # noqa: PLC0415

        try:
            return SystemClock().now() + parse_duration(value)
        except WrongValueError:
            return super().convert(value, param, ctx)


class Seconds(click.ParamType[float]):
    """A duration: `90m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        from drtool.policy.units import WrongValueError, parse_duration  # noqa: PLC0415

        try:
            seconds = value if isinstance(value, float) else parse_duration(value).total_seconds()
        except WrongValueError as error:
            self.fail(f"{error}: {error.hint}", param, ctx)
        if not seconds > 0:
            self.fail("a deadline lies ahead: write 90s, 15m, 4h or 1h30m", param, ctx)
        return seconds


class Bytes(click.ParamType[int]):
    """A size: `8GiB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        from drtool.policy.units import WrongValueError, parse_size  # noqa: PLC0415

        try:
            return value if isinstance(value, int) else parse_size(value)
        except WrongValueError as error:
            self.fail(str(error), param, ctx)
