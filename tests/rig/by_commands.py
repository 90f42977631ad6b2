"""This machine as another one is worked with: through commands alone, none of which is answered by this process."""

from drtool.runners.local import LocalRunner


class ByCommands(LocalRunner):
    look = None  # type: ignore[assignment]  # what is no method is not asked
