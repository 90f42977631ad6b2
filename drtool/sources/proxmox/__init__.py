"""A cluster of Proxmox VE over its own HTTP API; looked at, and not yet stored."""
