"""A cluster of Proxmox VE over its own HTTP API; its configuration is stored, and its guests are looked at."""
