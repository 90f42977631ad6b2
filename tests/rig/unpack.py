from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: tarfile.TarFile, directory: Path) -> None:
    """Unpack an archive of these tests; by rules of its own where this Python has some: since 3.11.4, and Debian 12 has 3.11.2."""
    if hasattr(tarfile, "tar_filter"):
        archive.extractall(directory, filter="tar")
    else:
        archive.extractall(directory)  # noqa: S202 - it was made by us
