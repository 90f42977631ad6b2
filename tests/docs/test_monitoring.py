"""The rules for Prometheus: each fires where it should, all are quiet where all is well, and no name in them is ours by mistake."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from drtool.planning.metrics import metrics_of
from tests.planning.planning_values import NOW

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
NAMES = {metric.name for metric in metrics_of((), (), policy="home", unfinished=0, dead=0, as_of=NOW, now=NOW)}
RULES = {rule["alert"]: rule for rule in YAML(typ="safe").load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]}

_SET, _JOB = '{policy="home", set="docs"}', '{policy="home", verb="run", name="docs"}'
HOUR = 3600
START = 1111 * HOUR
"""When a test begins, in seconds since 1970: promtool's clock begins at 0."""
WELL: Mapping[str, float | None] = {
    f"drtool_set_newest_point_timestamp_seconds{_SET}": START - 3600,
    f"drtool_set_rpo_target_seconds{_SET}": 86400,
    f"drtool_set_rto_target_seconds{_SET}": 3600,
    f"drtool_set_rto_forecast_seconds{_SET}": 1200,
    f"drtool_set_proof_timestamp_seconds{_SET}": START - 86400,
    'drtool_copy_whole{policy="home", set="docs", repository="near"}': 1,
    f"drtool_job_last_attempt_timestamp_seconds{_JOB}": START - 3600,
    f"drtool_job_last_status{_JOB}": 2,
    'drtool_unfinished_exchanges{policy="home"}': 0,
    'drtool_dead_runs{policy="home"}': 0,
}
ABSENT = None
FIRES: Mapping[str, Mapping[str, float | None]] = {
    "DrtoolOutsideRPO": {f"drtool_set_newest_point_timestamp_seconds{_SET}": START - 90000},
    "DrtoolNoPoint": {f"drtool_set_newest_point_timestamp_seconds{_SET}": ABSENT},
    "DrtoolFailed": {f"drtool_job_last_status{_JOB}": 0},
    "DrtoolReservation": {f"drtool_job_last_status{_JOB}": 1},
    "DrtoolOverdue": {f"drtool_job_overdue_timestamp_seconds{_JOB}": START - 7200},
    "DrtoolSilent": {f"drtool_job_last_attempt_timestamp_seconds{_JOB}": START - 200_000},
    "DrtoolCopyNotWhole": {'drtool_copy_whole{policy="home", set="docs", repository="near"}': 0},
    "DrtoolForecastOverRTO": {f"drtool_set_rto_forecast_seconds{_SET}": 4000},
    "DrtoolNotProven": {f"drtool_set_proof_timestamp_seconds{_SET}": START - 41 * 86400},
    "DrtoolInPieces": {'drtool_unfinished_exchanges{policy="home"}': 1},
}


def firing(folder: Path, series: Mapping[str, float | None], alert: str) -> bool:
    """Let promtool evaluate the rules for eight hours of such numbers: it is told that the alert is silent, and red says that it fires."""
    before, after = START // HOUR, 10
    told = [
        {"series": name, "values": f"_x{before} {value}x{after}"}  # nothing, then that for some hours
        for name, value in series.items()
        if value is not ABSENT
    ]
    asked = [{"eval_time": f"{before + 8}h", "alertname": alert, "exp_alerts": []}]
    tests = [{"interval": "1h", "input_series": told, "alert_rule_test": asked}]
    body = {"rule_files": [str(FOLDER / "alerts.yaml")], "evaluation_interval": "1h", "tests": tests}
    (folder / "test.yaml").write_text(json.dumps(body))
    done = subprocess.run(["promtool", "test", "rules", str(folder / "test.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or f"alertname: {alert}" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("alert", sorted(RULES))
def test_a_rule_fires_where_it_should_and_is_quiet_where_all_is_well(tmp_path: Path, alert: str) -> None:
    assert firing(tmp_path, {**WELL, **FIRES[alert]}, alert)
    assert not firing(tmp_path, WELL, alert)


def test_rules_and_board_ask_for_nothing_that_is_not_told() -> None:
    text = (FOLDER / "alerts.yaml").read_text() + (FOLDER / "board.json").read_text()
    assert set(re.findall(r"drtool_[a-z_]+", text)) <= NAMES
    page = (FOLDER / "README.md").read_text()
    assert {name for name in NAMES if name not in page} == set()
    assert json.loads((FOLDER / "board.json").read_text())["panels"]
