"""Carry out edits, and verify the result; the only package that imports LibCST."""
