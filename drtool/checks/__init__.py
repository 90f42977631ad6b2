"""Questions to a restored thing, one file each."""
