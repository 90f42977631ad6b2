"""What opens an encrypted dataset."""
