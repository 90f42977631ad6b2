from __future__ import annotations

import json

import click

from drtool.cli import exits, screen
from drtool.cli.options import Verb


@click.command("schema", cls=Verb)
def command() -> int:
    """Print the JSON Schema of the policy, for editors: drtool schema > drtool.schema.json."""
    from drtool.policy.schema import json_schema  # noqa: PLC0415 - heavy
    from drtool.wiring import KINDS  # noqa: PLC0415

    screen.data([json.dumps(json_schema(KINDS), indent=2)])
    return exits.SUCCEEDED
