"""How a NAS is spoken to: the connection, the login, its jobs, its releases, and commands over SSH."""
