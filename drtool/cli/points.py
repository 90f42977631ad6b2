from __future__ import annotations

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookVerb
from drtool.cli.render.words import counted, known_as_of, printable
from drtool.cli.session import open_session


@click.command("points", cls=LookVerb)
@click.argument("name", required=False, metavar="[SET]")
@click.option("--last", type=click.IntRange(min=1), metavar="NUMBER", help="Only so many, the newest.")
@click.option("--refresh", is_flag=True, help="Ask the repositories again instead of the cache.")
@click.pass_context
def command(context: click.Context, name: str | None, last: int | None, refresh: bool) -> int:  # noqa: FBT001 - click's shape
    """List the recovery points (of SET), where they lie, and what holds or proves them."""
    from drtool.cli.render.listings import others_lines, points_lines  # noqa: PLC0415
    from drtool.planning.others import views_of_others  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    listings = app.listings(refresh=refresh)
    every = app.points_in(listings)
    views = tuple(view for view in every if name in (None, view.point.set))
    unread = [listing for listing in listings.values() if listing.problem]
    if name is not None and not views and not unread:
        app.named(name, {*app.policy.sets, *(view.point.set for view in every)}, "set")
    others = tuple(view for view in views_of_others(listings) if name in (None, view.point.set))
    known = known_as_of(app.age_of(listings).total_seconds())
    count = counted(len(views), "point")
    views = views[:last]
    shown = [*points_lines(views, others), f"{count}{f', the newest {last} shown' if last else ''}, {known}"] if views or not unread else []
    lines = lambda: [*shown, *others_lines(others)]  # noqa: E731 - one use
    session.answer("points", views, lines, others=others)
    screen.words(
        f"failed  the repository {printable(listing.repository)} could not be read: {printable(listing.problem.what)}  next: drtool doctor"
        for listing in unread
        if listing.problem
    )
    # A list that may be incomplete is not a success: somebody decides by it.
    return exits.FAILED if unread else exits.SUCCEEDED
