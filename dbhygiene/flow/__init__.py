"""Analysis of Python code: names, calls, constant values, control flow and fixed points. Knows no databases."""
