"""Making, filling and putting into service what is restored."""
