from __future__ import annotations

import json
from typing import Any

import click

from drtool.cli import exits, screen
from drtool.cli.options import Verb


@click.command("schema", cls=Verb)
@click.option("--report", "of_report", is_flag=True, help="The schema of the JSON report instead.")
def command(of_report: bool) -> int:  # noqa: FBT001 - click's shape
    """Print the JSON Schema of the policy, for editors: drtool schema > drtool.schema.json."""
    screen.data([json.dumps(report_schema() if of_report else policy_schema(), indent=2)])
    return exits.SUCCEEDED


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema of the policy language."""
    from drtool.app.composition import KINDS  # noqa: PLC0415
    from drtool.policy.schema import json_schema  # noqa: PLC0415 - heavy

    return json_schema(KINDS)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a report as `--json` prints it: the noun, its format, and the exit code where a verb ends with one."""
    from drtool.model.json_schema import json_schema  # noqa: PLC0415
    from drtool.model.report import REPORT_FORMAT, Report  # noqa: PLC0415

    schema = json_schema(Report)
    schema["properties"]["format"] = {"const": REPORT_FORMAT}
    schema["properties"]["exit_code"] = {"description": "The code the program ended with.", "type": "integer", "minimum": 0, "maximum": 255}
    schema["required"].append("format")
    return schema
