"""A simulated Proxmox VE cluster: the vendor's HTTP interface over real sockets, its users and privileges, and faults by script."""
