"""Control flow, fixed points, constants, calls: knows Python, and nothing of databases."""
