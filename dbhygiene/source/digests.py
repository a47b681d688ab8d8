"""`digest`: a short name of some bytes. It is not of `hashlib`, which takes 3 ms to load OpenSSL."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # not every Python has this module
    from hashlib import blake2b


def digest(data: bytes, size: int) -> str:
    """Return a digest of so many bytes, in hexadecimal."""
    return blake2b(data, digest_size=size).hexdigest()
