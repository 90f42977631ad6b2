"""Whatever a program prints."""
