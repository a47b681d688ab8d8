"""SQLAlchemy's engines and sessions: what their pools do, and what escapes."""
