"""Find database connections that are leaked, held too long or configured to die, and fix them."""

__version__ = "0.1.0"
