"""Idle time between two queries: `search` finds the gaps of Django's connection, `explicit` those of other ones."""
