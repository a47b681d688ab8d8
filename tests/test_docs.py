"""Check the pages: links lead somewhere, examples run, options and settings exist."""

from __future__ import annotations

import contextlib
import fnmatch
import importlib.util
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml
from pygments.styles import get_style_by_name
from pygments.token import Token

from dbhygiene import cli
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import OWN_CODES
from dbhygiene.checker.registry import all_rules
from dbhygiene.checker.selection import selected_rules
from dbhygiene.cli import main
from dbhygiene.cli.commands import COMMANDS, commands
from dbhygiene.config import loading
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.library.drivers import drivers
from dbhygiene.source.file import File, NoProject
from tests.examples import Example, examples

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GENERATED = {DOCS / "rules", DOCS / "_generated", DOCS / "_build"}
WRITTEN = [
    path
    for path in sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
    if not any(path.is_relative_to(directory) for directory in GENERATED)
]
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```$", re.M | re.S)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def pages() -> ModuleType:
    """`docs/pages.py`, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = pages()
TEXTS = {path: path.read_text("utf-8") for path in WRITTEN}
TEXTS |= {DOCS / "rules" / f"{rule.name}.md": PAGES.page(rule) for rule in all_rules()}
TEXTS |= {DOCS / "rules" / f"{name}.md": PAGES.own_page(code) for code, name in OWN_CODES.items()}
TEXTS[DOCS / "rules" / "index.md"] = PAGES.index()
TEXTS[DOCS / "configuration.md"] += PAGES.settings()  # as it is included
TEXTS[DOCS / "libraries.md"] += PAGES.supported_drivers()


def fences(path: Path) -> Iterator[tuple[str, str]]:
    """The words after each fence, and what is in it."""
    for match in FENCE.finditer(TEXTS[path]):
        yield match["info"], re.sub(f"^{match['indent']}", "", match["code"], flags=re.M)


def of_kind(kind: str) -> list[Any]:
    found = [(path, i, code) for path in TEXTS for i, (info, code) in enumerate(fences(path)) if info == kind]
    return [pytest.param(code, id=f"{named(path)}-{i}") for path, i, code in found]


# -- links ----------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The names of a page's headings, as GitHub and MyST make them."""
    plain = FENCE.sub("", text)
    heads = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", head) for head in re.findall(r"^#+ (.*)$", plain, re.M)]
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", TEXTS[path]))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there in TEXTS or there.exists(), f"{target}: nothing is there"
        if anchor:
            assert anchor in anchors(TEXTS[there]), f"{target}: no such heading"


def test_every_page_can_be_reached() -> None:
    trees = [code for path in TEXTS for info, code in fences(path) if info == "{toctree}"]
    words = {line.strip() for tree in trees for line in tree.splitlines()}
    for path in WRITTEN:
        if path.parent != ROOT and path != DOCS / "index.md" and DOCS / "packaging" not in path.parents:
            assert path.relative_to(DOCS).with_suffix("").as_posix() in words


# -- examples -------------------------------------------------------------------------------------------

PROGRAMS = [path for path in WRITTEN if path.name not in ("python-api.md", "CONTRIBUTING.md")]
EXAMPLES = [
    pytest.param(example, id=f"{named(path)}:{example.line}")
    for path in PROGRAMS
    if "```python" in TEXTS[path]
    for example in examples(TEXTS[path])
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_findings_are_exactly_those_marked(example: Example) -> None:
    settings = Settings(min_confidence=Confidence.POSSIBLE) if example.possible else Settings()
    file = File(Path("example.py"), example.code, project=NoProject(settings))
    rules = selected_rules(settings)
    findings = check_file(file, rules)
    assert [(f.span.line, f.code) for f in findings] == [(mark.line, mark.code) for mark in example.marks]
    for finding, mark in zip(findings, example.marks, strict=True):
        assert mark.words in finding.message
    if example.fixed is not None:
        from dbhygiene.fixes.apply import fix

        assert fix(file, lambda changed: check_file(changed, rules)).text == example.fixed


def test_the_page_of_the_python_api_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = list(fences(DOCS / "python-api.md"))
    program = "\n".join(code for info, code in blocks if info == "python")
    (shown,) = (code for info, code in blocks if info == "")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "python-api.md", "exec"), {})
    assert fnmatch.fnmatchcase(out.getvalue(), f"{shown.rstrip().replace('...', '*')}*")
    assert "nowhere.py: no such file or directory" in out.getvalue()
    (tmp_path / "page.py").write_text(program)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={ROOT / '.mypy_cache'}",
        "page.py",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# -- glossary -------------------------------------------------------------------------------------------


def test_each_term_of_the_glossary_is_in_the_code() -> None:
    _, _, glossary = TEXTS[DOCS / "design.md"].partition("\n## Glossary\n")
    rows = re.findall(r"^\| ([^|]+) \| `([\w.]+)` \|", glossary, re.M)
    assert len(rows) >= 25
    missing = [f"{term}: dbhygiene.{name}" for term, name in rows if not is_class_or_module(f"dbhygiene.{name}")]
    assert not missing, "renamed? no such class or module"


def is_class_or_module(name: str) -> bool:
    package, _, last = name.rpartition(".")
    try:
        if isinstance(getattr(importlib.import_module(package), last, None), type):
            return True
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


# -- words ----------------------------------------------------------------------------------------------

# Words that make a sentence a riddle: they hide who does what. Say report, infer, depend on, mention, return, fix.
RIDDLES = (
    r"\b(?i:told|tells?|whoever|nobody|somebody|in vain|mend(s|ed|ing)?|lest|rests? on|need be|worth|what is"
    r"|(speaks?|spoken|speaking) of|(hand|hands|handed|handing) (out|on|over|back))\b"
)


@pytest.mark.parametrize("path", [*WRITTEN, ROOT / "action.yml", ROOT / "Dockerfile"], ids=named)
def test_pages_are_in_plain_words(path: Path) -> None:
    lines = enumerate(FENCE.sub("", path.read_text("utf-8")).splitlines(), 1)
    assert not [f"{number}: {line}" for number, line in lines if re.search(RIDDLES, line)]


@pytest.mark.parametrize("path", WRITTEN, ids=named)
def test_pages_have_no_traces_of_a_merge(path: Path) -> None:
    assert not re.search(r"^(<{7}|>{7}) ", path.read_text("utf-8"), re.M)


# -- recipes --------------------------------------------------------------------------------------------

RECIPES = TEXTS[ROOT / "CONTRIBUTING.md"]


def recipe(heading: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The first program below a heading, as a module."""
    found = re.search(rf"^## {heading}$.*?^(````?)python\n(.*?)^\1$", RECIPES, re.M | re.S)
    assert found
    path = tmp_path / "engine_echo.py"
    path.write_text(found[2])
    spec = importlib.util.spec_from_file_location("dbhygiene.rules.engine_echo", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    return module


def test_the_recipe_for_a_rule_is_a_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rule = recipe("Recipe: add a rule", monkeypatch, tmp_path).check
    shown = list(examples(rule.doc))
    assert any(example.marks for example in shown)
    assert not all(example.marks for example in shown)
    for example in shown:
        findings = check_file(File(Path("example.py"), example.code, project=NoProject()), [rule])
        assert [(f.span.line, f.code) for f in findings] == [(mark.line, mark.code) for mark in example.marks]


def test_the_recipe_for_a_driver_is_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = recipe("Recipe: add a driver", monkeypatch, tmp_path).DRIVER
    assert driver.resource().title == "firebird-driver connection"
    assert driver.opens[0].startswith(f"{driver.package}.")


def sessions() -> Iterator[Any]:
    """Pages with files and a terminal in which `dbhygiene` is called."""
    for path in WRITTEN:
        if any(info == "console" and re.search(r"^\$ dbhygiene .*\n(?!\$)", code, re.M) for info, code in fences(path)):
            yield pytest.param(path, id=named(path))


@pytest.mark.parametrize("path", list(sessions()))
def test_a_terminal_shows_what_it_shows(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert played(path) == TEXTS[path]


def played(path: Path) -> str:
    """A page whose terminals show what is so: commands are run in order, here, with the page's files and the demo."""
    shutil.copytree(ROOT / "fixtures" / "demo", "fixtures/demo")
    Path(".git").mkdir()  # the root of the project is where it is in a clone

    def block(match: re.Match[str]) -> str:
        if match["info"] in {"{code-block} python", "{code-block} json"}:
            caption, _, text = match["code"].partition("\n\n")
            Path(caption.removeprefix(":caption: ")).write_text(text)
        elif match["info"] == "console":
            return re.sub(r"^\$ (.*)\n((?:(?!\$ |```).*\n)+)", command, match[0], flags=re.M)
        return match[0]

    def command(match: re.Match[str]) -> str:
        return f"$ {match[1]}\n{terminal(shlex.split(match[1]))}"

    return FENCE.sub(block, TEXTS[path])


def terminal(words: list[str]) -> str:
    if words[0] == "cat":
        return Path(words[1]).read_text()
    assert words[0] == "dbhygiene"
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        cli.main(words[1:])
    return out.getvalue()


def test_the_demo_has_a_finding_of_each_family(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["check", "--isolated", "-o", "json", str(ROOT / "fixtures" / "demo")])
    found = json.loads(capsys.readouterr().out)
    assert {each["code"][:4] for each in found} == {"HYG1", "HYG2", "HYG3", "HYG4", "HYG5"}


@pytest.mark.parametrize("error", ["1226", "2006", "2013"])
def test_the_cure_of_an_error_is_two_clicks_from_the_readme(error: str) -> None:
    (page,) = re.findall(rf"\]\((docs/errors/{error}-[^)#]*)\)", TEXTS[ROOT / "README.md"])
    text = TEXTS[ROOT / page]
    before = text.partition("\n## ")[0]
    causes = re.findall(r"(?m)^\| \[[^]]*\]\(#([^)]*)\)[^|]*\| (?!cure)", before)
    assert len(causes) > 3
    for title in causes:
        (section,) = (each for each in re.split(r"(?m)^###? ", text)[1:] if title in anchors(f"## {each}"))
        assert re.search(r"```|\]\(\.\./rules/|`\w+", section), f"{page}: {title} shows no cure"


# -- commands, options, settings ------------------------------------------------------------------------


def calls() -> Iterator[Any]:
    """Each call of `dbhygiene` with a command that any page shows, in a line of code or between backquotes."""
    for path, text in TEXTS.items():
        found = re.findall(r"(?:^[ $-]*|`|: |&& |')dbhygiene ([a-z]+(?: [^`'\n|#]+)?)", text, re.M)
        for words in dict.fromkeys(found):
            if words.partition(" ")[0] in COMMANDS or "--" in words:
                yield pytest.param(words, id=f"{named(path)}: {words.strip()}")


@pytest.mark.parametrize("words", list(calls()))
def test_commands_and_options_are_there(words: str) -> None:
    name, *rest = shlex.split(words)
    assert name in COMMANDS
    command = commands.get_command(click.Context(commands), name)
    assert command
    options = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in options, f"{word} is no option of {name}"


@pytest.mark.parametrize("text", of_kind("toml"))
def test_settings_are_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    selected_rules(loading.load_settings(tmp_path))
    assert "[tool.dbhygiene" not in text or loading.load_settings(tmp_path).sources


@pytest.mark.parametrize("text", of_kind("yaml"))
def test_yaml_is_yaml_and_names_hooks_that_there_are(text: str) -> None:
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    value = yaml.safe_load(text)
    for repo in value.get("repos", ()) if isinstance(value, dict) else ():
        assert {hook["id"] for hook in repo["hooks"]} <= hooks


def test_the_inputs_of_the_action_are_there() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    for text in (code for info, code in fences(DOCS / "ci.md") if info == "yaml"):
        value = yaml.safe_load(text)
        jobs = value.get("jobs", {}) if isinstance(value, dict) else {"": {"steps": value}}
        for step in (step for job in jobs.values() for step in job["steps"]):
            if str(step.get("uses", "")).startswith("OWNER/dbhygiene@"):
                assert step.get("with", {}).keys() <= action["inputs"].keys()


CI_COMMANDS = sorted(
    {
        found[0].strip()
        for _, code in fences(DOCS / "ci.md")
        for found in re.finditer(r"(?<![-/\w])dbhygiene (?:check|fix)[^'\n|#]*", code)
        if "docker" not in code[: found.start()].rpartition("\n")[2]
    }
)


@pytest.mark.parametrize("words", CI_COMMANDS)
def test_the_commands_of_recipes_run(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reports the leak of a small project, into the files that it names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leak.py").write_text("import pymysql\n\ndef f():\n    conn = pymysql.connect()\n    conn.ping()\n")
    (tmp_path / "test-results").mkdir()
    assert main(words.split()[1:]) == (0 if "--exit-zero" in words else 1)
    for name in re.findall(r"-o \w+:(\S+)", words):
        assert "HYG101" in (tmp_path / name).read_text("utf-8")


# -- how pages look and are found -----------------------------------------------------------------------


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by WCAG 2: 1 if they are the same, 21 between black and white."""
    darker, lighter = sorted(luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue))
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["pygments_style", "pygments_dark_style"])
def test_code_can_be_read(theme: str) -> None:
    found = re.search(rf'^{theme} = "(\w+)"', (DOCS / "conf.py").read_text("utf-8"), re.M)
    assert found
    style = get_style_by_name(found[1])
    background = style.background_color.lstrip("#")
    for token, of_token in style:
        colour, behind = of_token["color"], of_token["bgcolor"] or background
        if colour and token is not Token.Text.Whitespace:
            assert contrast(colour, behind) >= 4.5, f"{token}: #{colour} on #{behind}"
    css = (DOCS / "_static" / "dbhygiene.css").read_text("utf-8")
    assert ".go { color: inherit; }" in css, "output has the colour of the text"


def test_the_search_asks_for_numbers() -> None:
    """`docs/search.js` on top of Sphinx's own script; the index is built with numbers by `docs/conf.py`."""
    sphinx, node = importlib.util.find_spec("sphinx"), shutil.which("node")
    if sphinx is None or sphinx.origin is None or node is None:
        pytest.skip("needs Sphinx (`make docs` installs it) and node")
    theirs = Path(sphinx.origin).parent / "themes" / "basic" / "static" / "searchtools.js"
    page = "var window = globalThis, document = {addEventListener() {}}, SPHINX_HIGHLIGHT_ENABLED = false;"
    page += "var DOCUMENTATION_OPTIONS = {}, Documentation = {}, stopwords = new Set(['the']), _ready = () => {};"
    page += "class Stemmer { stemWord(word) { return word; } }\n"
    page += f"{theirs.read_text('utf-8')}\n{(DOCS / 'search.js').read_text('utf-8')}\n"
    page += "console.log([...Search._parseQuery('the error 2006')[1]].join(' '));"
    page += (
        "console.log(Scorer.score(['errors/1226', '', '', null, 5]) > Scorer.score(['changelog', '', '', null, 5]));"
    )
    done = subprocess.run([node, "-"], input=page, capture_output=True, text=True)
    assert done.stdout == "error 2006\ntrue\n", done.stderr


def test_the_index_of_the_search_has_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx", reason="`make docs` installs it")
    monkeypatch.setattr(sys, "path", list(sys.path))  # which conf.py extends
    spec = importlib.util.spec_from_file_location("conf", DOCS / "conf.py")
    assert spec
    assert spec.loader
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    language = conf.languages["en"]({})
    assert [word for word in ("1226", "error", "the") if language.word_filter(word)] == ["1226", "error"]


# -- generated pages ------------------------------------------------------------------------------------


def test_generated_pages_are_written_and_old_ones_taken_away(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gone.md").touch()
    PAGES.write(tmp_path)
    names = {path.stem for path in (tmp_path / "rules").glob("*.md")}
    assert names == {"index", *(rule.name for rule in all_rules()), *OWN_CODES.values()}
    assert "### server-timeout\n" in (tmp_path / "_generated" / "settings.md").read_text("utf-8")


def test_there_are_as_many_drivers_as_the_readme_says() -> None:
    least = re.search(r"\[more than (\d+) drivers\]", TEXTS[ROOT / "README.md"])
    assert least
    assert int(least[1]) < len(drivers())


def test_every_family_has_a_title() -> None:
    assert {rule.code[:4] for rule in all_rules()} <= PAGES.FAMILIES.keys()
    for rule in all_rules():
        assert f"| {rule.code} | [{rule.name}]({rule.name}.md) |" in TEXTS[DOCS / "rules" / "index.md"]


def test_tools_that_pages_and_tests_share_are_of_one_version() -> None:
    """Both are installed to one place: else each would undo the other."""
    for_docs, for_tests = (
        dict(re.findall(r"^([\w.-]+)==(.+)$", path.read_text("utf-8"), re.M))
        for path in (DOCS / "requirements.txt", ROOT / "requirements-dev.txt")
    )
    shared = for_docs.keys() & for_tests.keys()
    assert "Pygments" in shared
    assert {name: for_docs[name] for name in shared} == {name: for_tests[name] for name in shared}


def test_nothing_generated_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "docs"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    assert not [
        name
        for name in listed.stdout.splitlines()
        if name.startswith(("docs/rules/", "docs/_")) and not name.startswith("docs/_static/")
    ]


if __name__ == "__main__":  # write what terminals show now
    import os
    import tempfile

    for each in sessions():
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            (page,) = each.values
            page.write_text(played(page), "utf-8")
