"""Writes down what happened and reads it back: manifests, journals, reports, the index."""
