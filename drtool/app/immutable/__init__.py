"""What of a repository on S3 nobody can delete: audited, extended, recovered."""

from drtool.app.immutable.looks import examine_locks, immutable_audit
from drtool.app.immutable.work import immutable_extend, immutable_recover, plan_immutable_extend, plan_immutable_recover

__all__ = [
    "examine_locks",
    "immutable_audit",
    "immutable_extend",
    "immutable_recover",
    "plan_immutable_extend",
    "plan_immutable_recover",
]
