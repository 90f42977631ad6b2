"""Where secrets are found at the moment of use."""
