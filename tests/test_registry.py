"""Rules known by their headers are the rules that their files hold."""

from __future__ import annotations

import pytest

from dbhygiene.checker import registry
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.library.django import CLOSES


@pytest.mark.parametrize("rule", registry.all_rules(), ids=lambda rule: rule.name)
def test_a_header_tells_what_the_rule_is(rule: AnyRule) -> None:
    module = rule.check.__module__
    read, written = registry.read_header(module), registry.import_rule(module)
    assert read is not None, "the header is not on one line, or its words are neither a set nor in `library.prefilter`"
    for fact in ("code", "on", "imports", "also", "default", "within"):
        assert getattr(read, fact) == getattr(written, fact)
    assert (read.name, read.doc) == (written.name, written.doc)


def test_rules_about_closing_want_a_word_of_each_call_that_closes() -> None:
    about = [rule for rule in registry.all_rules() if rule.also and rule.within]
    assert len(about) == 2
    for rule in about:
        assert all(any(word in name for word in rule.also) for name in CLOSES)
