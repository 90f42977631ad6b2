"""Decide on paper: values in (the clock reading and fresh ids among them), plans with reasons out."""
