"""The policy language: YAML with line numbers in, one compiled Policy or every mistake at once out."""
