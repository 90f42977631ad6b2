"""Keys that open a repository: listed, added for a safe place, proven alone, rotated."""
