from __future__ import annotations

from datetime import timedelta

FUTURE_TOLERANCE = timedelta(minutes=10)
"""How far ahead of our clock a point may be dated before it is not believed."""
