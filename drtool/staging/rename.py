"""rename(2) itself, many at once: `mv` copies where a rename is impossible, and a copy of what is in service is neither quick nor whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.trees.filesystem import FileSystem

# Both read pairs of names, NUL behind each, and end at the first pair that cannot be renamed: 3 it lies elsewhere, 4 the new name is
# taken, 5 anything else. An origin that is gone is printed where its new name is not there either. Perl loads nothing: its modules for the
# numbers of errors and the name of the machine cost more than all else; those numbers are the same on each of these machines.
_PERL: Final = r"""
use strict; $/ = "\0"; binmode STDIN; binmode STDOUT; my ($EEXIST, $EXDEV, $EINVAL, $ENOSYS) = (17, 18, 22, 38);
my $number = {x86_64 => 316, aarch64 => 276, riscv64 => 276, armv7l => 382, armv6l => 382, i686 => 353, ppc64le => 357, s390x => 347}
  ->{$ARGV[0]};
sub move { my ($from, $to) = @_;
  if ($number) { my ($old, $new) = ($from, $to);
    return 1 if syscall($number, -100, $old, -100, $new, 1) == 0; return 0 if $! != $ENOSYS && $! != $EINVAL; }
  if (lstat $to) { $! = $EEXIST; return 0 } return rename $from, $to }
while (defined(my $from = <STDIN>)) { my $to = <STDIN>; chomp $from; chomp $to;
  next if move($from, $to); my $why = $!;
  if (!lstat $from) { print "$from\0" unless lstat $to; next }
  print STDERR "renaming $from to $to: $why\n"; exit($why == $EXDEV ? 3 : $why == $EEXIST ? 4 : 5) }
"""
_PYTHON: Final = r"""
import ctypes, errno, os, sys
rename2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
def move(old, new):
    if rename2 is not None:
        if rename2(-100, old, -100, new, 1) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code))
    if os.path.lexists(new):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(old, new)
fields = sys.stdin.buffer.read().split(b"\0")
for old, new in zip(fields[0::2], fields[1::2]):
    try:
        move(old, new)
    except OSError as error:
        if not os.path.lexists(old):
            if not os.path.lexists(new):
                sys.stdout.buffer.write(old + b"\0")
            continue
        sys.stderr.buffer.write(b"renaming " + old + b" to " + new + b": " + error.strerror.encode() + b"\n")
        sys.exit({errno.EXDEV: 3, errno.EEXIST: 4}.get(error.errno, 5))
"""
_EITHER: Final = (
    'if command -v perl >/dev/null; then exec perl -e "$1" "${4:-$(uname -m 2>/dev/null)}"; fi; '
    'for python in python3 "$3"; do if command -v "$python" >/dev/null; then exec "$python" -c "$2"; fi; done; exit 127'
)
_ELSEWHERE: Final = 3
_TAKEN: Final = 4
_NO_PROGRAM: Final = 127

RENAMES: Final = ("perl", "python3")
"""Programs that call rename(2); one of them must be there."""


def rename_all(file_system: FileSystem, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Rename each origin to its new name, in order; returns the origins that are gone, one that was renamed before is passed over.

    Raises Refused where one cannot be renamed (it lies on another file system, or the system says no), Conflict where a new name is taken.
    What was renamed before that stays renamed.
    """
    joined = b"".join(os.fsencode(name) + b"\0" for pair in pairs for name in pair)
    if not joined:
        return ()
    own = sys.executable if file_system.runner.name == "local" else "python3"
    machine = os.uname().machine if file_system.near is not None else ""
    completed = file_system.run("sh", "-c", _EITHER, "drtool-rename", _PERL, _PYTHON, own, machine, standard_input=joined)
    if completed.exit_code == 0:
        return tuple(os.fsdecode(name) for name in completed.standard_output.split(b"\0") if name)
    if completed.exit_code == _NO_PROGRAM:
        raise NotFound(
            f"neither {' nor '.join(RENAMES)} is there on {file_system.runner.name}, and mv copies where it cannot rename",
            hint="install one of them there (Debian: apt install perl-base)",
        )
    said = completed.said(600) or f"exit code {completed.exit_code}"
    if completed.exit_code == _TAKEN:
        raise Conflict(said, hint="move away what stands there, and repeat")
    hint = "it lies on another file system: restore it by itself, with: --path" if completed.exit_code == _ELSEWHERE else ""
    raise Refused(said, hint=hint)
