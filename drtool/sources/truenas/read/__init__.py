"""Opening a snapshot for reading: clones, shares, raw blocks and exact streams."""
