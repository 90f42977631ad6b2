from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookVerb
from drtool.cli.questions import go_on
from drtool.cli.render.words import counted, printable
from drtool.cli.session import open_session
from drtool.model.errors import Refused

if TYPE_CHECKING:
    from drtool.model.standing import Adoption


@click.command("adopt", cls=LookVerb)
@click.argument("gone", required=False, metavar="[MACHINE]")
@click.option("--signer", metavar="FINGERPRINT", default="", help="Its key, where its points bear several signatures.")
@click.option("--leftovers", is_flag=True, help="Only what it left at the sources: accept no key, count no point.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def command(context: click.Context, gone: str | None, signer: str, leftovers: bool, yes: bool) -> int:  # noqa: FBT001 - click's shape
    """Take over MACHINE, which is gone: its points, and the key that signed them, count here from now on.

    Without MACHINE: list the machines whose points lie here under this policy's name and are not ours. Compare the fingerprint with
    the recovery sheet before you say yes: whoever holds the key of a repository can write into it. Where you only want to sweep or
    take back what it left at a place that both reach, --leftovers accepts nothing else; that is all that a bare machine
    (--repository and --password-file, no policy) takes over: a restore there that died, and whose state is lost.
    """
    session = open_session(context)
    if not leftovers and session.bare() is not None:
        raise Refused(
            "a bare machine takes nobody over: whose points are meant is said at each call",
            hint="--machine and a fingerprint of the recovery sheet; what a restore left here: drtool adopt --leftovers MACHINE",
            safe="nothing was changed",
        )
    app = session.app()
    if leftovers and (signer or not gone):
        raise Refused(
            "--leftovers takes a machine and accepts no key",
            hint="drtool adopt --leftovers MACHINE",
            safe="nothing was changed",
        )
    if gone is None:
        found = app.adoptable()
        session.answer("adoptable", found, lambda: [_line(each) for each in found] or ["No other machine made points under this name."])
        return exits.SUCCEEDED
    chosen = app.choose_adoption(gone, signer=signer, leftovers=leftovers)
    if not (session.options.quiet and yes):
        compare = "Compare that fingerprint with the recovery sheet. Two machines must not make one set's points at once."
        look = "Look at each: whoever may write there can make it look like that, and it is moved or removed as its label says."
        screen.words([*_line(chosen).splitlines(), f"  {compare if chosen.signer else look}"])
    doubt = app.doubt_of(chosen)
    if doubt:
        alive = "give one of the two a `name:` of its own instead" if chosen.signer else "wait for it, or sweep on its machine"
        screen.words([f"  {printable(doubt)} If it lives, {alive}."])
    if not yes:
        refusal = Refused("adopting asks first, and there is no terminal to ask", hint="add --yes", safe="nothing was changed")
        question = "Is it gone, and shall its points count here?" if chosen.signer else "Is it gone, and shall what it left be ours?"
        if not go_on(question, refusal=refusal):
            screen.words(["Nothing was changed."])
            return exits.FAILED
    code = session.carry_out(lambda: app.adopt(chosen))
    if code == exits.SUCCEEDED and chosen.signer:
        screen.words(["The recovery sheet of that machine is out of date: drtool key sheet prints the new one; destroy the old one."])
    return code


def _line(each: Adoption) -> str:
    if not each.signer:
        left = "".join(f"\n  {printable(place)}" for place in each.places)
        return (
            f"{printable(each.machine)}  what it left may be swept and taken back here; no key is accepted, and no point of it counts{left}"
        )
    sets = ", ".join(map(printable, each.sets))
    met = " (seen first here; compare it)" if each.first else ""
    span = f"{each.oldest:%Y-%m-%d %H:%M} to {each.newest:%Y-%m-%d %H:%M} UTC"
    keys = ", then by ".join(each.keys or (each.signer,))
    accepted = f"; {each.signer} is accepted" if each.signer not in (each.keys or (each.signer,))[:1] else ""
    machine = printable(each.machine) or "no machine"
    return f"{machine}  {counted(each.points, 'point')} of {sets}, {span}, signed by {keys}{met}{accepted}"
