"""Settings of a project: their schema, and how they are loaded."""
