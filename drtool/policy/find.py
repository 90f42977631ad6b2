from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drtool.model.errors import Place, PolicyError, PolicyProblem

_SUFFIXES = (".yaml", ".yml")
_HINT = (
    "write one: drtool new; or name it: --policy PATH or $DRTOOL_POLICY; "
    "on a new machine name a repository instead: --repository ADDRESS --password-file FILE"
)
HERE = "policies"
SYSTEM = "/etc/drtool"


def find(
    explicit: str | None,
    environment: Mapping[str, str],
    *,
    here: str = HERE,
    system: str = SYSTEM,
) -> tuple[str, ...]:
    """Return where the policy lies: `explicit`, `$DRTOOL_POLICY`, `./policies/` or `/etc/drtool/`, the first that is there.

    One that was named must exist; the two places of habit count when they hold a YAML file.
    Raises PolicyError with one problem when there is none.
    """
    for named, origin in ((explicit, "--policy"), (environment.get("DRTOOL_POLICY"), "$DRTOOL_POLICY")):
        if named:
            if not Path(named).exists():
                raise _nothing(named, f"there is nothing here ({origin} names it)", "look at the spelling")
            return (named,)
    for directory in (here, system):
        if holds_policy(Path(directory)):
            return (directory,)
    raise _nothing(here, f"neither *.yaml nor *.yml lies here, nor in {system}", _HINT)


def holds_policy(directory: Path) -> bool:
    """Tell whether a folder has a file that would be read as a policy; one that is closed to us may."""
    try:
        return any(file.suffix in _SUFFIXES and not file.name.startswith(".") for file in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # it is there and closed to us: reading it will say so


def is_read_from(place: str, path: str) -> bool:
    """Tell whether a file of that path is, or would be, read from a place where a policy lies; links are not followed."""
    file = Path(path)
    return path == place or (str(file.parent) == place and file.suffix in _SUFFIXES and not file.name.startswith("."))


def _nothing(place: str, message: str, hint: str) -> PolicyError:
    return PolicyError((PolicyProblem(Place(place, 0, 0), "", message),), what="there is no policy to go by", hint=hint)
