"""A TrueNAS host over its own JSON-RPC protocol."""
