"""Whatever is asked, the simulated cluster answers in the vendor's terms and does not fall over itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drtool.lab.proxmox.dispatch import Incoming
from drtool.lab.proxmox.login import Shown
from drtool.lab.proxmox.methods.every import every_call
from tests.rig.pve_lab import PveLab, running_pve

CALLS = every_call()
STATUSES = {200, 400, 401, 403, 500, 501, 595, 596}
NAMES = [*sorted({name for call in CALLS for name in call.parameters}), "unheard-of", ""]
VALUES = st.one_of(
    st.sampled_from(["pve1", "pve2", "pve9", "100", "200", "nas", "local", "root@pam", "drtool@pve", "production", "vm:100", "ct:7", "7"]),
    st.sampled_from(
        ["", "0", "-1", "1", "99999999999999999999", "1e9", "on", "a,b;c d", "/", "/vms/100", "..", "UPID:::::::::", "UPID:a:b"]
    ),
    st.text(max_size=30),
)


@pytest.fixture(scope="module")
def pve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PveLab]:
    with running_pve(Path(tmp_path_factory.mktemp("pve"))) as running:
        running.cluster.refusal_seconds = 0.0
        yield running


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_answer_is_one_that_the_vendor_gives(pve: PveLab, data: st.DataObject) -> None:
    call = data.draw(st.sampled_from(CALLS))
    path = call.path
    for name in [part.strip("{}") for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", quote(data.draw(VALUES), safe=""))
    asked = data.draw(st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, min_size=1, max_size=2), max_size=3))
    shown = Shown(authorization=f"PVEAPIToken={pve.administrator}")
    answer = pve.lab.servers["pve1"].dispatch.answer(Incoming("pve1", call.method, path, asked, shown))
    assert answer.status in STATUSES
    assert answer.reason.isascii()
    assert not set(answer.reason) & set("\r\n")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(authorization=st.text(max_size=40), cookies=st.text(max_size=60), prevention=st.text(max_size=20))
def test_nobody_is_let_in_by_chance(pve: PveLab, authorization: str, cookies: str, prevention: str) -> None:
    for shown in (
        Shown(f"PVEAPIToken={authorization}", cookies, prevention),
        Shown("", f"PVEAuthCookie={cookies}", prevention),
        Shown("", f"PVEAuthCookie=PVE:{cookies}::{authorization}", prevention),
    ):
        assert pve.lab.servers["pve1"].dispatch.answer(Incoming("pve1", "GET", "/version", {}, shown)).status == 401
