"""`dbhygiene doctor --server`: a server that answers, compared with the code of a project."""
