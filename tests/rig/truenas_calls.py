"""The calls that drtool makes to a NAS, in our own words: what each takes, within which bounds, and what of its answer is used.

Held against all that goes through a simulated appliance in tests; and against the vendor's own models, where somebody has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Schema = Mapping[str, Any]
RELEASES: Final = ("25.04", "25.10", "26")
ANYTHING: Final[Schema] = {}
NOTHING: Final[Schema] = {"type": "null"}
YES_NO: Final[Schema] = {"type": "boolean"}


@dataclass(frozen=True)
class Named:
    """One argument, in its place."""

    name: str
    schema: Schema
    needed: bool = True


@dataclass(frozen=True)
class Call:
    """One call: the releases that have it, its arguments, what of its answer is used; of a job that is what it ends with.

    `unmodelled` are the releases whose published models do not describe it: there this table is from reading only.
    """

    arguments: tuple[Named, ...] = ()
    answer: Schema = field(default_factory=dict)
    job: bool = False
    first: str = RELEASES[0]
    last: str = RELEASES[-1]
    unmodelled: tuple[str, ...] = ()

    def is_in(self, release: str) -> bool:
        """Tell whether a release has it."""
        return RELEASES.index(self.first) <= RELEASES.index(release) <= RELEASES.index(self.last)


def text(*, shortest: int = 0, longest: int = 1024, pattern: str = "") -> Schema:
    """Return what a text of so many characters is."""
    return {"type": "string", "minLength": shortest, "maxLength": longest} | ({"pattern": pattern} if pattern else {})


def whole(*, least: int | None = None, most: int | None = None) -> Schema:
    """Return what a whole number within bounds is."""
    return {"type": "integer"} | ({"minimum": least} if least is not None else {}) | ({"maximum": most} if most is not None else {})


def one_of(*words: str | int | bool | None) -> Schema:
    """Return what one of some words is."""
    return {"enum": list(words)}


def either(*schemas: Schema) -> Schema:
    """Return what fits one of these."""
    return {"anyOf": list(schemas)}


def rows(of: Schema) -> Schema:
    """Return what a list of those is."""
    return {"type": "array", "items": of}


def asked(needed: Mapping[str, Schema] | None = None, /, **more: Schema) -> Schema:
    """Return what an object is that we send: these keys, and no other."""
    return {"type": "object", "properties": {**(needed or {}), **more}, "required": list(needed or {}), "additionalProperties": False}


def told(needed: Mapping[str, Schema] | None = None, /, **more: Schema) -> Schema:
    """Return what an object is that we are sent: these keys are used, others may be there."""
    return {"type": "object", "properties": {**(needed or {}), **more}, "required": list(needed or {})}


def words(value: Schema = ANYTHING) -> Schema:
    """Return what an object is whose keys are anybody's."""
    return {"type": "object", "additionalProperties": value}


_TEXT: Final = text()
_NAME: Final = text(shortest=1)
_KEY: Final = text(shortest=64, longest=64)
_MAYBE: Final = either(_TEXT, NOTHING)
_ON_OFF: Final = one_of("ON", "OFF", "INHERIT")
_OPTIONS: Final = asked(
    extra=words(),
    order_by=rows(_TEXT),
    select=rows(ANYTHING),
    count=YES_NO,
    get=YES_NO,
    offset=whole(least=0),
    limit=whole(least=0, most=10_000),
)
_QUERY: Final = (Named("filters", rows({"type": "array"}), needed=False), Named("options", _OPTIONS, needed=False))
_USER: Final = asked({"key": text(pattern=".*:.*"), "value": _TEXT})
_QUOTA: Final = either(whole(least=1 << 30), one_of(0, None))
_COMPRESSIONS: Final = one_of(
    *("ON", "OFF", "LZ4", "GZIP", "GZIP-1", "GZIP-9", "ZSTD", "ZSTD-FAST", "ZLE", "LZJB", "INHERIT"),
    *(f"ZSTD-{level}" for level in range(1, 20)),
    *(f"ZSTD-FAST-{level}" for level in (*range(1, 11), *range(20, 101, 10), 500, 1000)),
)
_OF_ANY: Final[Mapping[str, Schema]] = {
    "compression": _COMPRESSIONS,
    "copies": either(whole(), one_of("INHERIT")),
    "readonly": _ON_OFF,
    "snapdev": one_of("HIDDEN", "VISIBLE", "INHERIT"),
    "sync": one_of("STANDARD", "ALWAYS", "DISABLED", "INHERIT"),
    "refreservation": whole(),
    "reservation": whole(),
    "comments": _TEXT,
    "special_small_block_size": either(whole(), one_of("INHERIT")),
    "deduplication": one_of("ON", "VERIFY", "OFF", "INHERIT"),
    "checksum": one_of("ON", "OFF", "FLETCHER2", "FLETCHER4", "SHA256", "SHA512", "SKEIN", "EDONR", "BLAKE3", "INHERIT"),
}
_OF_FILES: Final[Mapping[str, Schema]] = {
    "aclmode": one_of("PASSTHROUGH", "RESTRICTED", "DISCARD", "INHERIT"),
    "acltype": one_of("OFF", "NFSV4", "POSIX", "INHERIT"),
    "atime": _ON_OFF,
    "exec": _ON_OFF,
    "quota": _QUOTA,
    "refquota": _QUOTA,
    "recordsize": _TEXT,
    "snapdir": one_of("DISABLED", "VISIBLE", "HIDDEN", "INHERIT"),
}
_BIRTH: Final[Mapping[str, Schema]] = {
    "user_properties": rows(_USER),
    "encryption": YES_NO,
    "inherit_encryption": YES_NO,
    "encryption_options": asked(generate_key=YES_NO, key=_KEY, passphrase=text(shortest=8)),
    "create_ancestors": YES_NO,
}
_FILES: Final = asked(
    {"name": _NAME},
    type=one_of("FILESYSTEM"),
    casesensitivity=one_of("SENSITIVE", "INSENSITIVE", "INHERIT"),
    **_BIRTH,
    **_OF_ANY,
    **_OF_FILES,
)
_BLOCKS: Final = asked(
    {"name": _NAME, "type": one_of("VOLUME"), "volsize": whole(least=1)},
    sparse=YES_NO,
    force_size=YES_NO,
    volblocksize=one_of("512", "512B", "1K", "2K", "4K", "8K", "16K", "32K", "64K", "128K"),
    **_BIRTH,
    **_OF_ANY,
)
_CHANGE: Final = asked(
    user_properties_update=rows(asked({"key": text(pattern=".*:.*")}, value=_TEXT, remove=YES_NO)),
    volsize=whole(least=1),
    **_OF_ANY,
    **_OF_FILES,
)
_PROPERTY: Final = told(value=_MAYBE, rawvalue=_MAYBE, source=_MAYBE, parsed=ANYTHING)
_DATASET: Final = told(
    id=_TEXT,
    name=_TEXT,
    type=_TEXT,
    pool=_TEXT,
    mountpoint=_MAYBE,
    encrypted=YES_NO,
    encryption_root=_MAYBE,
    locked=YES_NO,
    user_properties=words(),
    **dict.fromkeys(
        ("key_format", "origin", "used", "available", "usedbydataset", "recordsize", "compression", "quota", "refquota"), _PROPERTY
    ),
    **dict.fromkeys(("volsize", "volblocksize", "refreservation", "readonly", "acltype", "aclmode", "sync", "copies"), _PROPERTY),
)
_SNAPSHOT_PROPERTY: Final = told({"value": _TEXT, "rawvalue": _TEXT, "source": _TEXT})
_TAKEN: Final = told(id=_TEXT, name=_TEXT, dataset=_TEXT, snapshot_name=_TEXT, properties=words(_SNAPSHOT_PROPERTY))
_SNAPSHOT: Final = told(id=_TEXT, name=_TEXT, dataset=_TEXT, snapshot_name=_TEXT, properties=words(_SNAPSHOT_PROPERTY), holds=words())
_TAKE: Final = asked({"dataset": _NAME, "name": _NAME}, recursive=YES_NO, properties=words())
_ONE_QUOTA: Final = asked(
    {"quota_type": one_of("USER", "USEROBJ", "GROUP", "GROUPOBJ"), "id": _TEXT, "quota_value": either(whole(least=1), NOTHING)}
)
_ROOTS: Final = rows(asked({"name": _NAME}, key=_KEY, passphrase=text(shortest=1)))
_SHARE: Final = told({"id": whole(), "path": _TEXT}, comment=_TEXT, enabled=YES_NO, hosts=rows(_TEXT), networks=rows(_TEXT), ro=YES_NO)
_STAT: Final = told({"dev": whole(), "inode": whole()}, type=_TEXT)
_EXTENT: Final = told({"id": whole(), "name": _TEXT}, disk=_MAYBE, path=_MAYBE, enabled=YES_NO)
_MACHINE: Final = told(
    {"id": whole(), "name": _TEXT, "status": told({"state": _TEXT})}, devices=rows(told({"attributes": told(path=_MAYBE)}))
)
_APP: Final = told(
    {"name": _TEXT, "state": one_of("CRASHED", "DEPLOYING", "RUNNING", "STOPPED", "STOPPING")},
    active_workloads=told(volumes=rows(told({"source": _TEXT}))),
)
_OLD: Final = ("25.04",)
_IDENTITY: Final = (Named("id", _TEXT),)


_RECURSIVE: Final = Named("options", asked(recursive=YES_NO), needed=False)


def _snapshots(service: str, first: str, last: str, unmodelled: tuple[str, ...]) -> dict[str, Call]:
    delete = asked(recursive=YES_NO, defer=YES_NO)
    clone = asked({"snapshot": _NAME, "dataset_dst": _NAME}, dataset_properties=words())
    return {
        f"{service}.query": Call(_QUERY, rows(_SNAPSHOT), first=first, last=last, unmodelled=unmodelled),
        f"{service}.create": Call((Named("data", _TAKE),), _TAKEN, first=first, last=last, unmodelled=unmodelled),
        f"{service}.delete": Call(
            (*_IDENTITY, Named("options", delete, needed=False)), one_of(True), first=first, last=last, unmodelled=unmodelled
        ),
        **{
            f"{service}.{verb}": Call((*_IDENTITY, _RECURSIVE), NOTHING, first=first, last=last, unmodelled=unmodelled)
            for verb in ("hold", "release")
        },
        f"{service}.clone": Call((Named("data", clone),), one_of(True), first=first, last=last, unmodelled=unmodelled),
    }


_PLAIN_KEY: Final = asked(
    {"mechanism": one_of("API_KEY_PLAIN"), "username": _TEXT, "api_key": _TEXT}, login_options=asked(user_info=YES_NO)
)
_STEPS: Final = one_of("CLIENT_FIRST_MESSAGE", "CLIENT_FINAL_MESSAGE")
_PROOF: Final = asked({"mechanism": one_of("SCRAM"), "scram_type": _STEPS, "rfc_str": _TEXT})


CALLS: Final[Mapping[str, Call]] = {
    "auth.login_ex": Call((Named("login_data", _PLAIN_KEY),), told({"response_type": _TEXT})),
    "auth.mechanism_choices": Call((), rows(_TEXT), unmodelled=_OLD),
    "api_key.create": Call(
        (Named("api_key_create", asked({"name": text(shortest=1, longest=200), "username": _NAME})),), told({"id": whole(), "key": _TEXT})
    ),
    "auth.me": Call((), told({"pw_name": _TEXT, "privilege": words()})),
    "core.ping": Call((), one_of("pong")),
    "core.subscribe": Call((Named("event", _TEXT),), _TEXT),
    "core.get_methods": Call((Named("service", _MAYBE, needed=False),), words(), unmodelled=_OLD),
    "core.get_jobs": Call(_QUERY, rows(told({"id": whole(), "method": _TEXT, "state": _TEXT}, message_ids=rows(ANYTHING)))),
    "core.download": Call(
        (Named("method", _TEXT), Named("args", rows(ANYTHING)), Named("filename", _TEXT), Named("buffered", YES_NO, needed=False)),
        {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [whole(), _TEXT]},
        unmodelled=_OLD,
    ),
    "system.info": Call((), told({"version": _TEXT}), unmodelled=_OLD),
    "system.version": Call((), _TEXT, unmodelled=_OLD),
    "pool.query": Call(_QUERY, rows(told({"name": _TEXT}, healthy=YES_NO, status=_TEXT)), unmodelled=_OLD),
    "pool.snapshottask.query": Call(_QUERY, rows(told({"id": whole()}, dataset=_TEXT))),
    "service.query": Call(_QUERY, rows(told(service=_TEXT, state=_TEXT)), unmodelled=_OLD),
    "sharing.smb.query": Call(_QUERY, rows(told({"id": whole()}, path=_TEXT)), unmodelled=_OLD),
    "sharing.nfs.query": Call(_QUERY, rows(_SHARE), unmodelled=_OLD),
    "sharing.nfs.create": Call(
        (
            Named(
                "data",
                asked(
                    {"path": _NAME},
                    comment=_TEXT,
                    hosts=rows(_NAME),
                    networks=rows(_NAME),
                    ro=YES_NO,
                    maproot_user=_MAYBE,
                    maproot_group=_MAYBE,
                    enabled=YES_NO,
                ),
            ),
        ),
        _SHARE,
        unmodelled=_OLD,
    ),
    "sharing.nfs.delete": Call((Named("id", whole()),), one_of(True), unmodelled=_OLD),
    "iscsi.extent.create": Call(
        (Named("iscsi_extent_create", asked({"name": text(shortest=1, longest=64)}, disk=_TEXT)),), told({"id": whole()})
    ),
    "iscsi.extent.query": Call(_QUERY, rows(_EXTENT)),
    "iscsi.extent.update": Call((Named("id", whole()), Named("iscsi_extent_update", asked(enabled=YES_NO))), _EXTENT),
    "vm.query": Call(_QUERY, rows(_MACHINE)),
    "vm.create": Call((Named("vm_create", asked({"name": _NAME, "memory": whole(least=20)})),), _MACHINE),
    "vm.device.create": Call(
        (Named("vm_device_create", asked({"attributes": asked({"dtype": one_of("DISK"), "path": _NAME}), "vm": whole()})),),
        told({"id": whole()}),
    ),
    "vm.start": Call((Named("id", whole()), Named("options", asked(overcommit=YES_NO), needed=False)), NOTHING),
    "vm.stop": Call(
        (Named("id", whole()), Named("options", asked(force=YES_NO, force_after_timeout=YES_NO), needed=False)), NOTHING, job=True
    ),
    "app.query": Call(_QUERY, rows(_APP)),
    "app.create": Call(
        (
            Named(
                "app_create",
                asked(
                    {"app_name": text(shortest=1, longest=40, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$")},
                    custom_app=YES_NO,
                    custom_compose_config=words(),
                ),
            ),
        ),
        _APP,
        job=True,
    ),
    "app.start": Call((Named("app_name", _NAME),), NOTHING, job=True),
    "app.stop": Call((Named("app_name", _NAME),), NOTHING, job=True),
    "iscsi.extent.delete": Call((Named("id", whole()),), one_of(True)),
    "filesystem.stat": Call((Named("path", _NAME),), _STAT),
    "filesystem.statfs": Call((Named("path", _NAME),), told({"source": _NAME, "fsid": _NAME})),
    "config.save": Call((Named("options", asked(secretseed=YES_NO, root_authorized_keys=YES_NO), needed=False),), ANYTHING, job=True),
    "pool.dataset.query": Call(_QUERY, rows(_DATASET), unmodelled=_OLD),
    "pool.dataset.create": Call((Named("data", either(_FILES, _BLOCKS)),), _DATASET, unmodelled=_OLD),
    "pool.dataset.update": Call((*_IDENTITY, Named("data", _CHANGE)), _DATASET, unmodelled=_OLD),
    "pool.dataset.delete": Call(
        (*_IDENTITY, Named("options", asked(recursive=YES_NO, force=YES_NO), needed=False)), one_of(True, None), unmodelled=_OLD
    ),
    "pool.dataset.rename": Call((Named("id", _NAME), Named("data", asked({"new_name": _NAME}, force=YES_NO))), NOTHING, first="25.10"),
    "pool.dataset.get_quota": Call(
        (Named("dataset", _TEXT), Named("quota_type", one_of("USER", "GROUP"))),
        rows(told(quota_type=_TEXT, id=either(whole(), _TEXT), quota=whole(), obj_quota=whole())),
        unmodelled=_OLD,
    ),
    "pool.dataset.set_quota": Call(
        (
            Named("dataset", _TEXT),
            Named("quotas", {"type": "array", "maxItems": 100, "items": _ONE_QUOTA}),
        ),
        NOTHING,
        unmodelled=_OLD,
    ),
    "pool.dataset.attachments": Call(
        _IDENTITY, rows(told({"type": _TEXT, "service": _MAYBE, "attachments": rows(_TEXT)})), unmodelled=_OLD
    ),
    "pool.dataset.inherit_parent_encryption_properties": Call(_IDENTITY, NOTHING, unmodelled=_OLD),
    "pool.dataset.encryption_summary": Call(
        (*_IDENTITY, Named("options", asked(datasets=_ROOTS), needed=False)),
        rows(told({"name": _TEXT, "key_format": _TEXT, "valid_key": YES_NO, "locked": YES_NO, "unlock_error": _MAYBE})),
        job=True,
        unmodelled=_OLD,
    ),
    "pool.dataset.unlock": Call(
        (*_IDENTITY, Named("options", asked(datasets=_ROOTS), needed=False)),
        told({"unlocked": rows(_TEXT), "failed": words()}),
        job=True,
        unmodelled=_OLD,
    ),
    "pool.dataset.change_key": Call(
        (*_IDENTITY, Named("options", asked(generate_key=YES_NO, key=_KEY, passphrase=text(shortest=1)), needed=False)),
        NOTHING,
        job=True,
        unmodelled=_OLD,
    ),
    "pool.dataset.lock": Call(
        (*_IDENTITY, Named("options", asked(force_umount=YES_NO), needed=False)), one_of(True), job=True, unmodelled=_OLD
    ),
    "pool.dataset.export_key": Call(_IDENTITY, _MAYBE, job=True, unmodelled=_OLD),
    "pool.dataset.export_keys": Call(_IDENTITY, ANYTHING, job=True, unmodelled=_OLD),
    **_snapshots("zfs.snapshot", "25.04", "25.04", _OLD),
    **_snapshots("pool.snapshot", "25.10", "26", ()),
    "zfs.resource.snapshot.query": Call(
        (Named("data", asked(paths=rows(_TEXT), get_user_properties=YES_NO, recursive=YES_NO), needed=False),),
        rows(told({"name": _TEXT, "dataset": _TEXT}, user_properties=either(words(_TEXT), NOTHING))),
        first="26",
    ),
}
"""By name, as the oldest release that has them takes them."""
_SINCE_26: Final[Mapping[str, Call]] = {
    "auth.login_ex": Call((Named("login_data", either(_PLAIN_KEY, _PROOF)),), told({"response_type": _TEXT}, rfc_str=_TEXT)),
}
"""What a release takes more, and we ask of it."""


def call_of(method: str, release: str) -> Call | None:
    """Return a call as a release takes it, None where the table has none of that name."""
    return (_SINCE_26.get(method) if release == "26" else None) or CALLS.get(method)
