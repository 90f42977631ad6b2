"""Where the world of the first format lies, and what it was made with."""

from __future__ import annotations

from pathlib import Path

from tests.rig import restic

ROOT = Path("/var/tmp/drtool-first-format")
ARCHIVE = Path(__file__).parent / "first.tar.gz"
RESTIC = restic.binary(restic.OLDEST)
