"""Findings: their edits, fingerprints, suppressions and baselines."""
