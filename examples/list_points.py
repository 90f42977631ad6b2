"""List what a repository holds, with nothing but its address and key: list_points.py LOCATION PASSWORD_FILE."""

from __future__ import annotations

import sys

from drtool import open_repository


def main(location: str, password_file: str) -> int:
    """Print a line per recovery point, newest first; no policy is needed, as it travels in the points."""
    app = open_repository(location, password_file)
    for view in app.points(refresh=True):
        point = view.point
        state = "complete" if point.complete else "partial"
        print(f"{point.instant:%Y-%m-%d %H:%M} {point.point} {point.set} {state} {point.files} files {point.bytes} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
