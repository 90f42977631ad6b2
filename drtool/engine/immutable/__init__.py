"""Looks at the locks of a bucket, extends them, and brings back what was hidden or overwritten."""
