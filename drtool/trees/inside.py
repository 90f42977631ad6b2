"""Where a path inside something restored really lies: links mean what they meant where it lay, and lead nowhere out of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command, understanding
from drtool.ports import NearRunner, Runner
from drtool.trees import near

_ENVIRONMENT: Final = {"LC_ALL": "C"}
_OUT: Final = 3
_LINKS: Final = 40
"""As many as the kernel follows."""

# Arguments: whether a link at the very end is followed, the path, then pairs of where a tree lay and where it is; the first is begun in.
_FOLLOW: Final = f"""
last=$1 rest=$2 links=0 cur=
shift 2
out() {{ printf '%s\\0%s\\0' "$1" "$2"; exit {_OUT}; }}
target() {{ to=$(readlink -n -- "$1"; echo .); to=${{to%.}}; }}
enter() {{
  wanted=$1 place=$2 said=$3 found='' was=''
  shift 3
  while [ $# -gt 0 ]; do
    case $wanted/ in "$1"/*) if [ -z "$found" ] || [ ${{#1}} -gt ${{#was}} ]; then found=yes was=$1 is=$2; fi;; esac
    shift 2
  done
  [ -n "$found" ] || out "$place" "$said"
  lay=$was root=$is cur='' rest=${{wanted#"$was"}}
  if [ -L "$root" ]; then target "$root"; out "$root" "$to"; fi
}}
begin=$rest
enter "$1" "$2" "$2" "$1" "$2"
rest=$begin
while [ -n "$rest" ]; do
  part=${{rest%%/*}}
  case $rest in */*) rest=${{rest#*/}};; *) rest=;; esac
  case $part in
    ''|.) continue;;
    ..)
      if [ -n "$cur" ]; then cur=${{cur%/*}}; else enter "${{lay%/*}}/$rest" "$root/.." "${{lay%/*}}" "$@"; fi
      continue;;
  esac
  place=$root$cur/$part
  if [ -L "$place" ] && {{ [ -n "$rest" ] || [ "$last" = yes ]; }}; then
    target "$place"
    links=$((links + 1))
    [ $links -le {_LINKS} ] || out "$place" "itself, in a ring"
    case $to in
      /*) enter "$to/$rest" "$place" "$to" "$@";;
      *) rest=$to/$rest;;
    esac
  else
    cur=$cur/$part
  fi
done
printf '%s\\0' "$root$cur"
"""


@dataclass(frozen=True, slots=True)
class Tree:
    """A restored tree (or one file): its path when the point was made, and its path now."""

    lay: str
    now: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where something lies, by a path without links; or the `problem`, why it must not be looked at."""

    path: str
    problem: str = ""


def look_inside(runner: Runner, trees: Sequence[Tree], path: str, *, last: bool = True) -> Resolved:
    """Follow a relative path inside the first of `trees`, where a runner runs.

    An absolute link is followed by what it named when the point was made, into any of `trees`. Nothing is opened; whether something is
    there is not asked. Without `last` a link at the very end is what is looked for.
    """
    first = trees[0]
    if not first.now:
        return Resolved("", "it is no file now, so nothing can be looked for in it")
    pairs = [word for tree in trees if tree.now for word in (tree.lay.rstrip("/"), tree.now.rstrip("/"))]
    argv = ("sh", "-c", _FOLLOW, "drtool", "yes" if last else "no", path, *pairs)
    completed = runner.run(Command(argv, environment=_ENVIRONMENT))
    said = [os.fsdecode(part) for part in completed.standard_output.split(b"\0")]
    shown = f"{first.now.rstrip('/')}/{path}".rstrip("/")
    if completed.exit_code == _OUT:
        return Resolved(shown, f"{shown} leads out of what was restored: {said[0]} leads to {said[1]}")
    if completed.exit_code != 0:
        return Resolved(shown, f"{shown} cannot be looked for: {completed.said(200)}")
    return Resolved(said[0])


def regular_files(runner: Runner, root: str, paths: Sequence[str]) -> dict[str, int]:
    """Return the bytes of those of `paths` that are regular files of a restored tree without a link in any component; opens nothing."""
    if not paths:
        return {}
    if isinstance(runner, NearRunner):
        return runner.look(lambda: near.regular_files(root, paths), what=f"looking at {root}")
    names = b"".join(os.fsencode(path) + b"\0" for path in (root, *paths))
    script = "find \"$@\" -maxdepth 0 -type f -printf '%s %p\\0'; true"
    listed = runner.run(Command(("xargs", "-0", "-r", "sh", "-c", script, "drtool"), environment=_ENVIRONMENT, standard_input=names))
    with understanding(f"find on {runner.name}"):
        sizes = {
            os.fsdecode(name): int(size) for size, _, name in (each.partition(b" ") for each in listed.standard_output.split(b"\0")[:-1])
        }
    above = os.path.dirname(root.rstrip("/")) or "/"
    asked = b"".join(os.fsencode(path) + b"\0" for path in (above, *sizes))
    real = runner.run(Command(("xargs", "-0", "-r", "realpath", "-z", "-m", "--"), environment=_ENVIRONMENT, standard_input=asked))
    with understanding(f"realpath on {runner.name}"):
        home, *found = [os.fsdecode(part) for part in real.standard_output.split(b"\0")[:-1]]
        begin = above.rstrip("/")
        return {
            path: sizes[path]
            for path, lies in zip(sizes, found, strict=True)
            if path.startswith(f"{begin}/") and lies == home.rstrip("/") + path[len(begin) :]
        }
