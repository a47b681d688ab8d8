"""The life of each resource: where it is open, and whose it is."""
