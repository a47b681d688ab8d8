"""What a repository says of its servers: how long they keep idle connections, how many they accept, how they run.

`facts` reads the files; `limits` answers for the server that a URL names. Each number has its place.
"""
