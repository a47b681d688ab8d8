"""Findings and what is done with them: edits, fingerprints, suppressions, baselines."""
