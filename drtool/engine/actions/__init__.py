"""One file an action: how each intent of a plan meets the world."""
