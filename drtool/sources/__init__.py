"""Platforms that can be asked for data and can take it back."""
