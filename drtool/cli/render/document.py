"""JSON for programs: one document, its format named first, additive only."""

from __future__ import annotations

import json
from typing import Any

from drtool.cli.saying import said, told_people
from drtool.model.codec import encode


def document(name: str, value: Any, **further: Any) -> str:  # noqa: ANN401 - any noun of the model
    """Return the JSON of a noun as `drtool.NAME/1`; a tuple of nouns goes under NAME."""
    body = encode(value)
    fields = body if isinstance(body, dict) else {name: body}
    more = {key: encode(item) for key, item in further.items()}
    return json.dumps({"format": f"drtool.{name}/1", **told_people({**fields, **more}, said)}, indent=2)
