"""What `pool.dataset.*` takes, with the vendor's names of models: they show in what it says of wrong arguments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from drtool.lab.truenas.registry import Arguments

Inherit = Literal["INHERIT"]
OnOff = Literal["ON", "OFF", "INHERIT"]
Percent = Annotated[int, Field(ge=0, le=100)] | Inherit
Quota = Annotated[int, Field(ge=1024**3)] | Literal[0] | None
Text = Annotated[str, Field(min_length=1)]
Key = Annotated[str, Field(min_length=64, max_length=64)]
Compression = Annotated[str, Field(pattern=r"^(ON|OFF|LZ4|GZIP(-[19])?|ZSTD(-FAST)?(-\d+)?|ZLE|LZJB|INHERIT)$")]


class UserProperty(Arguments):
    key: Annotated[str, Field(pattern=".*:.*")]
    value: str


class UserPropertyUpdate(Arguments):
    key: Annotated[str, Field(pattern=".*:.*")]
    value: str | None = None
    remove: bool | None = None


class PoolCreateEncryptionOptions(Arguments):
    generate_key: bool = False
    pbkdf2iters: Annotated[int, Field(ge=100000)] = 350000
    algorithm: str = "AES-256-GCM"
    passphrase: Annotated[str, Field(min_length=8)] | None = None
    key: Key | None = None


class Changeable(Arguments):
    """What a dataset may be given at its birth and later; what is left out stays as it is."""

    comments: str | None = None
    sync: Literal["STANDARD", "ALWAYS", "DISABLED", "INHERIT"] | None = None
    snapdev: Literal["HIDDEN", "VISIBLE", "INHERIT"] | None = None
    compression: Compression | None = None
    exec: OnOff | None = None
    managedby: Text | None = None
    quota_warning: Percent | None = None
    quota_critical: Percent | None = None
    refquota_warning: Percent | None = None
    refquota_critical: Percent | None = None
    reservation: int | None = None
    refreservation: int | None = None
    special_small_block_size: int | Inherit | None = None
    copies: int | Inherit | None = None
    snapdir: Literal["DISABLED", "VISIBLE", "HIDDEN", "INHERIT"] | None = None
    deduplication: Literal["ON", "VERIFY", "OFF", "INHERIT"] | None = None
    checksum: Literal["ON", "OFF", "FLETCHER2", "FLETCHER4", "SHA256", "SHA512", "SKEIN", "EDONR", "BLAKE3", "INHERIT"] | None = None
    readonly: OnOff | None = None
    user_properties: list[UserProperty] = []
    create_ancestors: bool = False


class OfFilesystems(Changeable):
    aclmode: Literal["PASSTHROUGH", "RESTRICTED", "DISCARD", "INHERIT"] | None = None
    acltype: Literal["OFF", "NFSV4", "POSIX", "INHERIT"] | None = None
    atime: OnOff | None = None
    quota: Quota = None
    refquota: Quota = None
    recordsize: str | None = None


class AtBirth(Arguments):
    name: Text
    share_type: Literal["GENERIC", "MULTIPROTOCOL", "NFS", "SMB", "APPS"] = "GENERIC"
    encryption_options: PoolCreateEncryptionOptions = PoolCreateEncryptionOptions()
    encryption: bool = False
    inherit_encryption: bool = True


class PoolDatasetCreateFilesystem(OfFilesystems, AtBirth):
    type: Literal["FILESYSTEM"] = "FILESYSTEM"
    casesensitivity: Literal["SENSITIVE", "INSENSITIVE", "INHERIT"] | None = None


class PoolDatasetCreateVolume(Changeable, AtBirth):
    type: Literal["VOLUME"] = "VOLUME"
    force_size: bool | None = None
    sparse: bool | None = None
    volsize: int
    volblocksize: Literal["512", "512B", "1K", "2K", "4K", "8K", "16K", "32K", "64K", "128K"] | None = None


class PoolDatasetUpdate(OfFilesystems):
    force_size: bool | None = None
    volsize: int | None = None
    user_properties_update: list[UserPropertyUpdate] = []


class Create(Arguments):
    data: PoolDatasetCreateFilesystem | PoolDatasetCreateVolume


class Update(Arguments):
    id: str
    data: PoolDatasetUpdate


class DeleteOptions(Arguments):
    recursive: bool = False
    force: bool = False


class Delete(Arguments):
    id: str
    options: DeleteOptions = DeleteOptions()


class RenameOptions(Arguments):
    new_name: Text
    recursive: bool = False
    force: bool = False


class Rename(Arguments):
    id: Text
    data: RenameOptions


class Identity(Arguments):
    id: str


class GetQuota(Arguments):
    dataset: str
    quota_type: Literal["USER", "GROUP", "DATASET", "PROJECT"]
    filters: list[Any] = []
    options: dict[str, Any] = {}


class OneQuota(Arguments):
    quota_type: Literal["DATASET", "USER", "USEROBJ", "GROUP", "GROUPOBJ"]
    id: str
    quota_value: int | None


class SetQuota(Arguments):
    dataset: str
    quotas: Annotated[list[OneQuota], Field(max_length=100)]


class GetInstance(Arguments):
    id: str
    options: dict[str, Any] = {}


class SummaryDataset(Arguments):
    force: bool = False
    name: Text
    key: Key | None = None
    passphrase: Text | None = None


class SummaryOptions(Arguments):
    key_file: bool = False
    force: bool = False
    datasets: list[SummaryDataset] = []


class Summary(Arguments):
    id: str
    options: SummaryOptions = SummaryOptions()


class LockOptions(Arguments):
    force_umount: bool = False


class Lock(Arguments):
    id: str
    options: LockOptions = LockOptions()


class UnlockDataset(SummaryDataset):
    recursive: bool = False


class UnlockOptions(Arguments):
    force: bool = False
    key_file: bool = False
    recursive: bool = False
    toggle_attachments: bool = True
    datasets: list[UnlockDataset] = []


class Unlock(Arguments):
    id: str
    options: UnlockOptions = UnlockOptions()


class ChangeKeyOptions(Arguments):
    generate_key: bool = False
    key_file: bool = False
    pbkdf2iters: Annotated[int, Field(ge=100000)] = 350000
    passphrase: Annotated[str, Field(min_length=8)] | None = None
    key: Key | None = None


class ChangeKey(Arguments):
    id: str
    options: ChangeKeyOptions = ChangeKeyOptions()


class ExportKey(Arguments):
    id: str
    download: bool = False
