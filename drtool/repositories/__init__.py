"""Where copies are kept: repositories and what wraps them."""
