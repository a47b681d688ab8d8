"""`page_of`: the page of a rule, or of HYG000, HYG001 and HYG003, which settings cannot select or ignore."""

from __future__ import annotations

from dbhygiene.checker.own_findings import INTERNAL_ERROR, NOT_READ, OWN_CODES, SYNTAX_ERROR

PAGES = {  # code -> page
    INTERNAL_ERROR: """dbhygiene failed to check a file, because of an error of its own.

The finding names the line of dbhygiene that raised the error. The other files are checked, and the exit status is 2.
This finding cannot be silenced. Please report it.
""",
    SYNTAX_ERROR: """The Python that runs dbhygiene cannot parse a file.

The message is that of Python's parser, with the version of this Python. A file with a syntax error is reported if it is
named on the command line, or if it mentions a database library.

In a directory, files for another Python are no findings. A line on standard error counts them, and a SARIF report lists
them as notifications. The source line at which the parser stops shows which Python they need:

- Newer syntax, such as `t"{name}"` of Python 3.14. To check them, install dbhygiene with that version.
- Python 2, such as `print "done"`. Such files cannot be checked. To silence the warning, exclude them with
  `extend-exclude`.

A file whose first line names another interpreter, such as `#!/bin/bash`, is not counted, and is reported only if the
command line names it.
""",
    NOT_READ: """A file or a directory cannot be read.

The message gives the reason, such as missing permissions. To skip the path, add it to `extend-exclude`.
""",
}


def page_of(name: str) -> str:
    """Return the page of a rule, or of a finding about the run itself, as Markdown."""
    from dbhygiene.checker.registry import all_rules

    own = {OWN_CODES[code]: text for code, text in PAGES.items()}
    return own.get(name) or next(rule.doc for rule in all_rules() if rule.name == name)
