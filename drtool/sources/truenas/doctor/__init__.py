"""What doctor asks of a NAS."""
