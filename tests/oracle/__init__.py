"""A judge of the lifetime analysis: small random programs, run under everything their environment could do to them."""
