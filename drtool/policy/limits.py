"""What no policy goes beyond: reading one takes bounded time and memory, whoever wrote it."""

from __future__ import annotations

DEEPEST = 40
MOST_NODES = 100_000
LARGEST_FILE = 4 * 1024 * 1024
"""Bytes."""
MOST_FILES = 200
"""Files that make one policy; together they are not larger than one may be, four times."""
LARGEST_POLICY = 4 * LARGEST_FILE
MOST_TOLD = 1000
"""Mistakes: who reads a thousand reads no more."""


class TooMuchError(Exception):
    """The document nests deeper, or has more in it, than any policy does."""
