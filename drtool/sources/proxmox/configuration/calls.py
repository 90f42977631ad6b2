"""What is asked of a cluster to keep its configuration: each question, where its answer is kept, and who sees all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from drtool.sources.proxmox.privileges import ACCESS, CLUSTER, GUESTS, MAPPINGS, NETWORKS, POOLS, STORAGES, Need

Release = tuple[int, int]
_FIRST: Final[Release] = (0, 0)
_NINE: Final[Release] = (9, 0)


@dataclass(frozen=True, slots=True)
class Call:
    """One question, by its `path`; below a node or a guest what stands behind that.

    `whole_with` is the privilege without which its answer is less than there is, without a word. Releases from `since` and before `until`
    have it. `each` names the key of its rows by which `of` is asked of every one: paths in which `{}` stands for it, or where `by` is set
    one path with that parameter. `without` are keys that change by themselves, or tell of the asker; `within` are the keys that are kept
    of rows inside a row.
    """

    path: str
    whole_with: Need | None = None
    rows: bool = True
    since: Release = _FIRST
    until: Release | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    each: str = ""
    of: tuple[str, ...] = ()
    by: str = ""
    without: frozenset[str] = frozenset()
    within: Mapping[str, frozenset[str]] = field(default_factory=dict)
    again: bool = True
    """Whether it is asked a second time, to see what changed meanwhile."""
    may_be_null: bool = False
    """A node that is in no cluster has none."""

    def is_in(self, release: Release) -> bool:
        """Tell whether a release has it."""
        return self.since <= release and (self.until is None or release < self.until)

    @property
    def file(self) -> str:
        """The name of the file with its answer; what is asked of each row goes into one file beside it."""
        return f"{self.path.strip('/')}.json"

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files with its answers."""
        return (self.file, *map(self.file_of, self.of))

    def file_of(self, path: str) -> str:
        """Return the name of the file with what was asked of every row by a path of `of`."""
        rest = "" if self.by else path.removeprefix(f"{self.path}/{{}}").strip("/").replace("/", "-")
        return f"{self.path.strip('/')}/{'each' if not rest else f'each-{rest}'}.json"


_RUNS: Final = frozenset({"last-run", "next-run"})
_MEMBER: Final = frozenset({"id", "storage", "type", "vmid"})
_ENDPOINTS: Final = ("gotify", "sendmail", "smtp", "webhook")
OF_CLUSTER: Final = (
    Call("/version", rows=False),
    Call("/cluster/status", without=frozenset({"level", "local", "online"})),
    Call("/cluster/config/nodes"),
    Call("/cluster/config/totem", rows=False, may_be_null=True),
    Call("/cluster/options", CLUSTER, rows=False),
    Call("/storage", STORAGES),
    Call("/cluster/backup", without=_RUNS),
    Call("/cluster/jobs/realm-sync", without=_RUNS),
    Call("/cluster/replication", GUESTS),
    Call("/access/users", ACCESS, parameters={"full": "1"}),
    Call("/access/groups", ACCESS),
    Call("/access/roles"),
    Call("/access/acl", ACCESS),
    Call("/access/domains", each="realm", of=("/access/domains/{}",)),
    Call("/pools", POOLS, each="poolid", of=("/pools",), by="poolid", within={"members": _MEMBER}),
    Call("/cluster/ha/resources"),
    Call("/cluster/ha/groups", until=_NINE),
    Call("/cluster/ha/rules", since=_NINE),
    Call("/cluster/firewall/options", rows=False),
    Call("/cluster/firewall/rules"),
    Call("/cluster/firewall/aliases"),
    Call("/cluster/firewall/ipset", each="name", of=("/cluster/firewall/ipset/{}",)),
    Call("/cluster/firewall/groups", each="group", of=("/cluster/firewall/groups/{}",)),
    Call("/cluster/sdn/zones", NETWORKS),
    Call(
        "/cluster/sdn/vnets",
        NETWORKS,
        each="vnet",
        of=tuple(f"/cluster/sdn/vnets/{{}}/{rest}" for rest in ("subnets", "firewall/options", "firewall/rules")),
    ),
    Call("/cluster/sdn/controllers", NETWORKS),
    Call("/cluster/sdn/dns", NETWORKS),
    Call("/cluster/sdn/ipams", NETWORKS),
    Call("/cluster/sdn/fabrics/all", NETWORKS, rows=False, since=_NINE),
    Call("/cluster/mapping/dir", MAPPINGS),
    Call("/cluster/mapping/pci", MAPPINGS),
    Call("/cluster/mapping/usb", MAPPINGS),
    Call("/cluster/qemu/custom-cpu-models", MAPPINGS, since=(9, 2)),
    Call("/cluster/notifications/targets"),
    Call("/cluster/notifications/matchers"),
    *(Call(f"/cluster/notifications/endpoints/{each}") for each in _ENDPOINTS),
    Call("/cluster/metrics/server", each="id", of=("/cluster/metrics/server/{}",)),
    Call("/cluster/acme/account"),
)
OF_NODE: Final = (
    Call("/config", rows=False),
    Call("/time", rows=False, without=frozenset({"localtime", "time"})),
    Call("/dns", rows=False),
    Call("/hosts", rows=False),
    Call("/network"),
    Call("/firewall/options", rows=False),
    Call("/firewall/rules"),
    Call("/apt/repositories", rows=False),
    Call("/subscription", rows=False, without=frozenset({"checktime"}), again=False),
    Call("/certificates/info", again=False),
    Call("/disks/list", parameters={"skipsmart": "1"}, again=False),
    Call("/services", again=False),
)
CONFIG: Final = Call("/config", rows=False)
OF_GUEST: Final = (
    CONFIG,
    Call("/pending"),
    Call("/snapshot", without=frozenset({"running"})),
    Call("/firewall/options", rows=False),
    Call("/firewall/rules"),
    Call("/firewall/aliases"),
    Call("/firewall/ipset", each="name", of=("/firewall/ipset/{}",)),
)
NOT_ASKED: Final[Mapping[str, str]] = {
    "/cluster/acme/plugins": "needs Sys.Modify at /, with which a token could change the cluster",
    "/cluster/acme/account/{name}": "only root@pam may ask for it",
}
"""What the API would tell somebody else, and why we do not ask."""
