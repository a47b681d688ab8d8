"""Faces of the engine: command line, flake8. None imports another."""
