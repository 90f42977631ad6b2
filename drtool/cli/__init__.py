"""Words, flags, colours and exit codes: the outermost room; the only one that knows click."""
