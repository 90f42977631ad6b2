"""Public contract suites and stand-ins for those who build on drtool."""
