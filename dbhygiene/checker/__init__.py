"""Apply rules to files: select rules, create subjects, handle failures, and turn diagnostics into findings."""
