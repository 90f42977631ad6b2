from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("forecast", cls=Verb)
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option("--refresh", is_flag=True, help="Ask the repositories again instead of the cache.")
@click.pass_context
def command(context: click.Context, sets: tuple[str, ...], refresh: bool) -> int:  # noqa: FBT001 - click's shape
    """Say how long SETs would take to come back from each copy, measured from what, and how good past forecasts were.

    For the newest point, to its original place, with a cold cache. Exit 1 when a set cannot make its objective.
    """
    from drtool.cli.render.forecast import forecast_lines  # noqa: PLC0415

    session = open_session(context)
    view = session.app().forecast(sets, refresh=refresh)
    session.answer("forecast", view, lambda: forecast_lines(view.rto_forecasts, view.past, now=view.now))
    return exits.NEEDS_ATTENTION if any(rto_forecast.met is False for rto_forecast in view.rto_forecasts) else exits.SUCCEEDED
