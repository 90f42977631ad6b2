"""What the cluster does, by the part of the interface it stands in."""
