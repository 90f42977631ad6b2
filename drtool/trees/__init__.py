"""Counting, comparing and looking inside trees of files."""
