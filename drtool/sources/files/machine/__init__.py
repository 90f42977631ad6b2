"""What there is on a machine: file systems, databases, containers; each asked by a fixed command, within bounds."""
