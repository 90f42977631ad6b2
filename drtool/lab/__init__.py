"""Simulated platforms that speak the vendors' own protocols; started by `drtool lab` and by tests, imported by nothing else."""
