"""What there is on a NAS, how each of it can be read, and who uses it."""
