"""Datasets, their snapshots, and the labels that tell which are ours."""
