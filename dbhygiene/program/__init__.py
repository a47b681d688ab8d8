"""What the code under check means: names, definitions, callees, values."""
