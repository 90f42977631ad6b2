"""Keys that open a repository: listed, added for a safe place, proven alone, removed, rotated."""

from drtool.app.keys.add import key_add
from drtool.app.keys.listing import key_list
from drtool.app.keys.prove import key_prove
from drtool.app.keys.remove import key_remove
from drtool.app.keys.rotate import key_rotate

__all__ = ["key_add", "key_list", "key_prove", "key_remove", "key_rotate"]
