"""Names of files are UTF-8, whatever the locale says: in another one Python would look for other names than were written in the policy."""

from __future__ import annotations

import os
import sys


def begin_again_in_utf8() -> None:
    """Replace this program by itself in Python's UTF-8 mode when its locale has another encoding; what was typed is kept byte by byte.

    The children's locale stays what it was.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding().lower().replace("-", "") == "utf8" or not sys.executable:
        return
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - itself, with the words it was given
