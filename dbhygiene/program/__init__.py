"""The meaning of the checked code: names, definitions, callees, values."""
