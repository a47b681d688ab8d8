"""One file, one rule: its name is the file's name, its page and its tests are the docstring."""
