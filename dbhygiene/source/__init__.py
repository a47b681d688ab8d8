"""One Python file: its text, tree, positions and names."""
