"""A host's files: this machine or another one over SSH."""
