"""A database server that answers: what an ordinary account may ask it about its limits and its connections.

Only `dbhygiene doctor --server` comes here. Nothing is written, no query text and no grants are read.
"""
