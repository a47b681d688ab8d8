"""The page of HTML: one well-formed file that loads and runs nothing, with the life of each connection."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dbhygiene.cli import main
from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding, NoFix
from dbhygiene.diagnostics.text_edits import TextChange
from dbhygiene.reports import reporter
from dbhygiene.reports.markup import inline, markup
from dbhygiene.source.records import replace
from tests.test_formats import LEAK, SCENE, everything  # noqa: F401 (a fixture)
from tests.test_formats import told as told_as

VOID = {"meta", "br", "line", "circle", "link"}


class Reader(HTMLParser):
    """Reads a page, and notes what is not closed, or loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.classes: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        given = {name: value or "" for name, value in attributes}
        assert not {name for name in given if name.startswith("on") or name in ("src", "style", "srcset")}
        if "id" in given:
            self.ids.append(given["id"])
        if "href" in given:
            self.links.append(given["href"])
        self.classes += [f"{tag}.{given['class']}"] if "class" in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(reader.names)
    return reader


def test_the_page_of_all_examples_is_well_formed(everything: list[Finding]) -> None:  # noqa: F811
    text = told_as("html", *everything)
    reader = read(text)
    assert reader.names.count("article") == len(everything)
    assert "default-src 'none'" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert "url(" not in text
    assert "@import" not in text


def test_nothing_found_is_a_page_too() -> None:
    assert "Nothing found." in told_as("html")
    read(told_as("html"))


def test_code_and_messages_are_escaped() -> None:
    evil = LEAK._replace(message="`<script>alert(1)</script>` <b>", notes=("<img src=x>",), fix=NoFix("<i>; \0"))
    text = told_as("html", evil)
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    read(text)


def test_the_life_of_a_connection_is_drawn() -> None:
    reader = read(told_as("html", LEAK))
    drawn = [each for each in reader.classes if each.startswith(("line", "circle"))]
    assert drawn == ["line.open", "circle.open", "circle.left"]
    assert {"mark.open", "mark.left", "em.open", "em.left"} <= set(reader.classes)


def test_a_path_that_goes_back_is_drawn_in_parts() -> None:
    opened, left = LEAK.steps
    again = LEAK._replace(steps=(left._replace(message="queries"), opened._replace(message="queries again")))
    text = told_as("html", again)
    assert text.count("<svg") == 2
    assert 'class="open"' not in text.partition("<main>")[2]


def test_the_fix_is_shown_as_a_diff() -> None:
    change = TextChange("a\nb\n", "a\n<c>\n")
    text = "".join(reporter("html")([LEAK], replace(SCENE, fixed=lambda finding: change)))
    assert '<span class="gone"><i></i> b\n</span><span class="new"><i>2</i> &lt;c&gt;\n</span>' in text
    text = "".join(reporter("html")([LEAK], replace(SCENE, fixed=lambda finding: "it cannot be proved")))
    assert "(no fix: it cannot be proved)" in text


def test_the_summary_counts_by_rule_and_level() -> None:
    text = told_as("html", LEAK, LEAK, LEAK._replace(confidence=Confidence.LIKELY))
    row = '<a href="#rule-connection-not-closed">connection-not-closed</a> HYG101</td>'
    assert f"<tr><td>{row}<td>2</td><td>1</td><td>3</td></tr>" in text
    assert text.count("<details id=") == 1


def test_what_is_not_reported_is_folded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings that a comment, a baseline or an earlier commit hides are listed, each with the reason."""
    open_twice = "import pymysql\n\n\ndef one():\n    a = pymysql.connect()\n\n\ndef two():\n    b = pymysql.connect()"
    (tmp_path / "old.py").write_text(f"{open_twice}  # dbhygiene: ignore\n")
    (tmp_path / "new.py").write_text(open_twice.replace("one", "three").replace("two", "four"))
    (tmp_path / "base.txt").write_text("HYG101 new.py::three pymysql.connect()\n")
    page = tmp_path / "page.html"
    options = ["--isolated", "--baseline", str(tmp_path / "base.txt"), "-q", "-o", f"html:{page}", "-o", "concise"]
    status = main(["check", str(tmp_path), *options])
    out = capsys.readouterr().out
    assert (status, out.count("HYG101")) == (1, 2)
    text = page.read_text()
    read(text)
    assert "1 not reported: a comment silences it" in text
    assert "1 not reported: the baseline lists it" in text
    assert text.index("old.py:9") > text.index("not reported")
    assert text.count("<article") == 2


OWNERS = """\
import pymysql

class Store:
    def __init__(self):
        self.conn = pymysql.connect()

    def close(self):
        self.conn.close()

def give():
    return pymysql.connect()

def good():
    conn = give()
    try:
        conn.ping()
    finally:
        conn.close()

def hand(pool):
    pool.take(pymysql.connect())

def bad():
    conn = pymysql.connect()
    conn.ping()
"""


def test_who_opens_and_who_closes_is_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owners.py").write_text(OWNERS)
    (tmp_path / "nothing.py").write_text("import os\n")
    page = tmp_path / "page.html"
    main(["check", str(tmp_path), "--isolated", "-q", "-o", f"html:{page}"])
    text = page.read_text()
    read(text)
    head = [
        re.sub("<.*?>", "", cell)
        for cell in re.findall("<th>(.*?)</th>", text.partition("Connections of each file")[2])
    ]
    row = re.findall("<td.*?>(.*?)</td>", text.partition("Connections of each file")[2])
    assert dict(zip(head, row, strict=True)) == {
        **{"file": "owners.py", "opened": "5", "closed": "1", "returned": "1"},
        **{"kept": "1", "passed on": "1", "may stay open": "1"},
    }
    assert "line 14 in <code>good</code>" in text
    assert "nothing.py" not in text


def test_pages_of_rules_become_html() -> None:
    page = "Summary `a<b`.\n\nText with [a link](https://example.org/x).\n\n```python fixed\nx = 1  # <\n\ny\n```\n"
    page += "\n## Head\n\n- one\n- two\n"
    assert markup(page) == (
        "<p>Summary <code>a&lt;b</code>.</p>\n"
        '<p>Text with <a href="https://example.org/x">a link</a>.</p>\n'
        "<p>after the fix:</p><pre>x = 1  # &lt;\n\ny\n</pre>\n"
        "<h3>Head</h3>\n<ul><li>one</li><li>two</li></ul>\n"
    )
    assert inline("[x](javascript:alert(1))") == "[x](javascript:alert(1))"


@pytest.mark.parametrize("colour", ["light", "dark"])
def test_colours_can_be_read(colour: str) -> None:
    """Each colour of text has a contrast of 4.5 : 1 on the page and on its panels."""
    css = (Path(__file__).parent.parent / "dbhygiene" / "reports" / "report.css").read_text("utf-8")
    themes = re.findall(r":root \{(.*?)\}", css, re.S)
    values = dict(re.findall(r"--(\w+): #([0-9a-f]+);", themes[colour == "dark"]))
    for name in ("text", "faint", "link", "open", "branch", "left", "warning"):
        for behind in ("back", "panel"):
            assert contrast(values[name], values[behind]) >= 4.5, f"{name} on {behind}"
    for behind in ("new", "gone"):
        assert contrast(values["text"], values[behind]) >= 4.5


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    color = "".join(2 * digit for digit in color) if len(color) == 3 else color
    parts = [int(color[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
