"""The cluster's own configuration, as far as the API tells it: asked for, looked into, and never written back."""
