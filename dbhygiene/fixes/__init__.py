"""Edits carried out and proven; the only package that imports LibCST."""
