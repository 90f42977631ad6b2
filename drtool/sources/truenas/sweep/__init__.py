"""What runs that are over left on a NAS, and its release."""
