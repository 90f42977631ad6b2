"""A simulated TrueNAS: the vendor's protocol over real sockets, real bytes beneath, and faults by script."""
