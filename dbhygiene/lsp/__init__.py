"""The language server: diagnostics, fixes and explanations in editors. The only package that imports pygls.

One thread talks to the editor (`server`), one checks files (`workspace`). The rest are functions from findings to the
types of the protocol.
"""
