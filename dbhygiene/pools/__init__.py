"""SQLAlchemy's engines and sessions: the behaviour of their pools, and where they escape."""
