"""What `pool.snapshot.*` takes, with the vendor's names of models where they show."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from drtool.lab.truenas.registry import Arguments

Text = Annotated[str, Field(min_length=1)]


class CreateTemplate(Arguments):
    dataset: Text
    recursive: bool = False
    exclude: list[str] = []
    vmware_sync: bool = False
    properties: dict[str, Any] = {}


class PoolSnapshotCreateWithName(CreateTemplate):
    name: Text


class PoolSnapshotCreateWithSchema(CreateTemplate):
    naming_schema: Text


class Create(Arguments):
    data: PoolSnapshotCreateWithName | PoolSnapshotCreateWithSchema


class DeleteOptions(Arguments):
    defer: bool = False
    recursive: bool = False


class Delete(Arguments):
    id: str
    options: DeleteOptions = DeleteOptions()


class HoldOptions(Arguments):
    recursive: bool = False


class Hold(Arguments):
    id: str
    options: HoldOptions = HoldOptions()


class PoolSnapshotClone(Arguments):
    snapshot: Text
    dataset_dst: Text
    dataset_properties: dict[str, Any] = {}


class Clone(Arguments):
    data: PoolSnapshotClone


class RollbackOptions(Arguments):
    recursive: bool = False
    recursive_clones: bool = False
    force: bool = False
    recursive_rollback: bool = False


class Rollback(Arguments):
    id: str
    options: RollbackOptions = RollbackOptions()


class RenameOptions(Arguments):
    new_name: Text
    force: bool = False


class Rename(Arguments):
    id: Text
    options: RenameOptions


class GetInstance(Arguments):
    id: str
    options: dict[str, Any] = {}
