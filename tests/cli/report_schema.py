"""The published schema of a report, to hold what `--json` prints against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

PATH = Path(__file__).parents[2] / "docs" / "schemas" / "report.schema.json"


def validated(document: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Return a document; one that says it is a report must be one by the schema."""
    if isinstance(document, dict) and document.get("format") == "drtool.report/1":
        schema = json.loads(PATH.read_text(encoding="utf-8"))
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(document)
    return document
