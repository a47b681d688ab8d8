"""Rules known by their headers are the rules that their files hold."""

from __future__ import annotations

import pytest

from dbhygiene import catalogue
from dbhygiene.model import AnyRule


@pytest.mark.parametrize("rule", catalogue.all_rules(), ids=lambda rule: rule.name)
def test_a_header_tells_what_the_rule_is(rule: AnyRule) -> None:
    module = rule.check.__module__
    read, written = catalogue.header(module), catalogue.imported(module)
    assert read is not None, "the header is not on one line, or its words are neither a set nor in `library.prefilter`"
    for fact in ("code", "on", "imports", "default", "within"):
        assert getattr(read, fact) == getattr(written, fact)
    assert (read.name, read.doc) == (written.name, written.doc)
