"""What machines read: valid by their own schemas, with the columns that each of them counts."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

from dbhygiene import DOCUMENTATION, REPOSITORY
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import OWN_CODES, internal_error
from dbhygiene.checker.registry import all_rules
from dbhygiene.cli.run import page
from dbhygiene.config.settings import FORMATS, Confidence, Settings
from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Step
from dbhygiene.reports import RenderContext, reporter
from dbhygiene.reports.common import page_url
from dbhygiene.reports.github import job_summary
from dbhygiene.reports.line_hash import line_hash
from dbhygiene.source.file import File, NoProject
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import replace
from tests.examples import examples
from tests.test_docs import TEXTS

SCHEMAS = Path(__file__).parent / "schemas"
ROOT = Path("/repo")
APP = ROOT / "app" / "数据 1.py"
CODE = "说明 = '🐬'; conn = connect(\n    host)\nuse(conn)\n"
OPENED = Step(APP, Span(1, 17, 2, 9), "opened here")
LEFT = Step(APP, Span(3, 0, 3, 9), "the function ends, `conn` still open")
LEAK = Finding(
    APP,
    OPENED.span,
    "HYG101",
    "connection-not-closed",
    "connection `conn`, 说明: 100% | <never> closed]",
    (OPENED, LEFT),
    Fix("Close it", ()),
    notes=("each one holds a server connection",),
    context="load",
    expression="connect(host)",
    fingerprint="0123456789abcdef",
)
DOUBT = LEAK._replace(
    code="HYG301",
    name="stale-connection-after-gap",
    confidence=Confidence.LIKELY,
    fix=NoFix("it is not plain"),
    steps=(),
)
BROKEN = Finding(ROOT / "bad\033\udcff.py", Span(1, 0, 1, 0), "HYG001", "syntax-error", "invalid\nsyntax \0")
ELSEWHERE = LEAK._replace(path=Path("/elsewhere/x.py"))
SCENE = RenderContext(lambda path: CODE.split("\n") if path == APP else [], str, ROOT, page, version="1.2.3")


@pytest.fixture(scope="module")
def everything() -> list[Finding]:
    """What the rules find in their own examples, and the odd ones."""
    found = [LEAK, DOUBT, BROKEN, ELSEWHERE]
    for rule in all_rules():
        for example in examples(rule.doc):
            path = ROOT / rule.code / f"{example.line}.py"
            file = File(path, example.code, project=NoProject(Settings(min_confidence=Confidence.POSSIBLE), ROOT))
            found += check_file(file, [rule])
    return found


def told(name: str, *findings: Finding) -> str:
    return "".join(reporter(name)(findings, SCENE))


def validator(name: str) -> Callable[[Any], None]:
    schema = json.loads((SCHEMAS / name).read_text("utf-8"))
    return jsonschema.validators.validator_for(schema)(schema).validate  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_encoded_and_tells_every_finding(name: str, everything: list[Finding]) -> None:
    text = told(name, *everything)
    text.encode("utf-8", "backslashreplace")
    for finding in everything:
        assert finding.name in text or finding.code in text
    told(name).encode("utf-8", "backslashreplace")  # of nothing, too


# -- SARIF ----------------------------------------------------------------------------------------------


def sarif(*findings: Finding) -> Any:
    (run,) = json.loads(told("sarif", *findings))["runs"]
    return run


def test_sarif_is_valid(everything: list[Finding]) -> None:
    valid = validator("sarif-2.1.0.json")
    valid(json.loads(told("sarif", *everything)))
    valid(json.loads(told("sarif")))
    with pytest.raises(jsonschema.ValidationError):
        valid({"version": "2.1.0"})


def test_sarif_names_places_relative_to_the_source_root() -> None:
    run = sarif(LEAK, ELSEWHERE)
    here, there = (result["locations"][0]["physicalLocation"]["artifactLocation"] for result in run["results"])
    assert here == {"uri": "app/%E6%95%B0%E6%8D%AE%201.py", "uriBaseId": "%SRCROOT%"}
    assert there == {"uri": "file:///elsewhere/x.py"}
    assert "/repo" not in told("sarif", LEAK)


def test_sarif_counts_code_points_on_one_line() -> None:
    run = sarif(LEAK)
    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "startColumn": 18, "endLine": 1, "endColumn": 26}


def test_sarif_shows_the_way_as_one_flow() -> None:
    leak, doubt = sarif(LEAK, DOUBT)["results"]
    (flow,) = leak["codeFlows"]
    (thread,) = flow["threadFlows"]
    told_steps = [place["location"]["message"]["text"] for place in thread["locations"]]
    assert told_steps == ["opened here", "the function ends, `conn` still open"]
    assert "codeFlows" not in doubt


def test_sarif_knows_rules_and_findings_again() -> None:
    run = sarif(LEAK, DOUBT, BROKEN)
    rules = run["tool"]["driver"]["rules"]
    for result, name in zip(run["results"], [LEAK.name, DOUBT.name, BROKEN.name], strict=True):
        assert rules[result["ruleIndex"]]["name"] == name
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    leak = rules[run["results"][0]["ruleIndex"]]
    assert leak["help"]["markdown"].startswith("Connection that a function")
    assert leak["properties"]["precision"] == "very-high"
    assert leak["properties"]["problem.severity"] == leak["defaultConfiguration"]["level"] == "error"
    assert leak["fullDescription"]["text"].startswith("A connection that is not closed holds")
    broken = rules[run["results"][2]["ruleIndex"]]
    assert "cannot parse a file" in broken["help"]["text"]
    fingerprints = run["results"][0]["partialFingerprints"]
    assert fingerprints == {
        "dbhygiene/v1": LEAK.fingerprint,
        "primaryLocationLineHash": line_hash(CODE.split("\n"), 1),
    }
    assert "partialFingerprints" not in run["results"][2] or not run["results"][2]["partialFingerprints"]


def test_sarif_says_what_produced_it_and_for_which_part() -> None:
    driver = sarif(LEAK)["tool"]["driver"]
    assert (driver["version"], driver["semanticVersion"]) == ("1.2.3", "1.2.3")
    assert "informationUri" not in driver
    assert "automationDetails" not in sarif(LEAK)  # GitHub's upload ignores its input `category` if there is one
    scene = replace(SCENE, version="2.0.0rc1", part="services/a", repository="https://example.org/r/")
    (run,) = json.loads("".join(reporter("sarif")([LEAK], scene)))["runs"]
    assert run["automationDetails"] == {"id": "dbhygiene/services/a/"}
    assert run["tool"]["driver"]["semanticVersion"] == "2.0.0"
    assert run["tool"]["driver"]["informationUri"] == "https://example.org/r/"


def test_sarif_reports_internal_errors_as_notifications() -> None:
    error = internal_error(APP, "connection-not-closed", ValueError("no"))
    log = json.loads(told("sarif", LEAK, error))
    validator("sarif-2.1.0.json")(log)
    (run,) = log["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["HYG101"]
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "internal error in connection-not-closed: ValueError: no."
    assert run["tool"]["driver"]["notifications"][0]["id"] == "HYG000"
    assert sarif(LEAK)["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_the_message_of_sarif_is_sentences() -> None:
    text = sarif(LEAK)["results"][0]["message"]["text"]
    assert text.splitlines()[1] == "each one holds a server connection."
    assert all(line.endswith(".") for line in text.splitlines())


GITHUB_HASHES = [  # from its own tests
    ("", ["c129715d7a2bc9a3:1"]),
    (" a\nb\n  \t\tc\n d", ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]),
    ("Lorem ipsum dolor sit amet.\n" * 10, [*(f"a7f2ff13bc495cf2:{n}" for n in range(1, 7)), "a7f2ff1481e87703:1"]),
]


@pytest.mark.parametrize(("text", "hashes"), GITHUB_HASHES)
def test_the_hash_of_a_line_is_that_of_github(text: str, hashes: list[str]) -> None:
    lines = text.split("\n")
    assert [line_hash(lines, number) for number in range(1, len(hashes) + 1)] == hashes


# -- GitHub ---------------------------------------------------------------------------------------------


def test_github_escapes_and_orders_by_weight() -> None:
    first, second, third = told("github", DOUBT, LEAK._replace(span=Span(3, 4, 3, 8)), BROKEN).splitlines()
    assert first.startswith("::error title=connection-not-closed (HYG101),file=app/数据 1.py,line=3,endLine=3,col=5,")
    assert "100%25 |" in first
    assert "%0A1. line 1: opened here%0A2. line 3:" in first
    assert "%0Aclose it (safe fix: `dbhygiene fix app/数据 1.py`)%0A" in first
    assert second.startswith("::error title=syntax-error")
    assert third.startswith("::warning title=stale-connection-after-gap")
    assert ",col=" not in third  # a range of two lines has none


def test_the_summary_of_a_job_is_a_table() -> None:
    text = job_summary([DOUBT, LEAK], SCENE, "https://github.com/o/r/blob/c0ffee")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert all(len(re.split(r"(?<!\\)\|", row)) == 7 for row in rows)
    assert rows[0].startswith("| error | [app/数据 1.py:1](https://github.com/o/r/blob/c0ffee/app/%E6%95%B0")
    assert "\\| &lt;never>" in rows[0]
    assert "Nothing found" in job_summary([], SCENE)


# -- the others -----------------------------------------------------------------------------------------


def test_gitlab_is_valid_and_each_fingerprint_is_alone(everything: list[Finding]) -> None:
    valid = validator("gitlab.json")
    issues = json.loads(told("gitlab", *everything))
    for issue in issues:
        valid(issue)
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    with pytest.raises(jsonschema.ValidationError):
        valid({})


def test_gitlab_knows_a_finding_again_whose_line_moved() -> None:
    def fingerprint(finding: Finding) -> str:
        (issue,) = json.loads(told("gitlab", finding))
        return str(issue["fingerprint"])

    assert fingerprint(LEAK) == fingerprint(LEAK._replace(span=Span(30, 0, 30, 9)))
    assert fingerprint(LEAK) != fingerprint(ELSEWHERE)


def test_junit_is_valid(everything: list[Finding]) -> None:
    schema = xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd")
    schema.validate(io.StringIO(told("junit", *everything)))
    schema.validate(io.StringIO(told("junit")))
    root = xmlschema.XMLResource(io.StringIO(told("junit", LEAK, DOUBT, BROKEN))).root
    assert (root.get("tests"), root.get("failures")) == ("3", "3")
    assert [suite.get("name") for suite in root] == [
        "app/数据 1.py",
        "bad\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.py",
    ]


def test_junit_of_nothing_passes_one_case() -> None:
    root = xmlschema.XMLResource(io.StringIO(told("junit"))).root
    assert (root.get("tests"), root.get("failures")) == ("1", "0")


def test_rdjson_is_valid_and_counts_bytes(everything: list[Finding]) -> None:
    valid = validator("rdjson.json")
    valid(json.loads(told("rdjson", *everything)))
    valid(json.loads(told("rdjson")))
    with pytest.raises(jsonschema.ValidationError):
        valid({"diagnostics": [{"message": 1}]})
    (leak,) = json.loads(told("rdjson", LEAK))["diagnostics"]
    assert leak["location"]["range"] == {"start": {"line": 1, "column": 25}, "end": {"line": 2, "column": 10}}
    assert [related["message"] for related in leak["related_locations"]] == [OPENED.message, LEFT.message]
    assert CODE.split("\n")[0].encode()[24:].decode() == "connect("


def test_json_lines_are_objects_with_the_keys_of_json() -> None:
    lines = [json.loads(line) for line in told("json-lines", LEAK, DOUBT).splitlines()]
    assert lines == json.loads(told("json", LEAK, DOUBT))


def test_pylint_is_what_jenkins_reads() -> None:
    jenkins = r"(?P<path>.*):(?P<line>\d+): \[(?P<category>\D\d*)\((?P<symbol>.*)\), .*?\] (?P<message>.*)"
    first, second = (re.fullmatch(jenkins, line) for line in told("pylint", LEAK, DOUBT).splitlines())
    assert first is not None
    assert first.groupdict() == {
        **{"path": "app/数据 1.py", "line": "1", "category": "E", "symbol": "connection-not-closed"},
        "message": f"HYG101 {LEAK.message} (opened 1, still open at 3)",
    }
    assert second is not None
    assert second["category"] == "W"


def test_azure_escapes() -> None:
    (line,) = told("azure", LEAK._replace(path=ROOT / "a;b].py")).splitlines()
    assert line.startswith(
        "##vso[task.logissue type=error;sourcepath=a%3Bb%5D.py;linenumber=1;columnnumber=18;code=HYG101;]"
    )
    assert "100%AZP25" in line


# -- links ----------------------------------------------------------------------------------------------

PUBLISHED = replace(SCENE, documentation="https://example.org/docs/", repository="https://example.org/repo/")
PAGE = "https://example.org/docs/rules/connection-not-closed.html"


def linked(name: str) -> str:
    return "".join(reporter(name)([LEAK], PUBLISHED))


def test_findings_link_to_the_page_of_their_rule() -> None:
    assert json.loads(linked("json"))[0]["url"] == PAGE
    assert json.loads(linked("json-lines"))["url"] == PAGE
    assert json.loads(linked("rdjson"))["diagnostics"][0]["code"]["url"] == PAGE
    (rule,) = json.loads(linked("sarif"))["runs"][0]["tool"]["driver"]["rules"]
    assert rule["helpUri"] == PAGE
    for name in ("github", "gitlab", "junit"):
        assert f"more: {PAGE}" in linked(name)
    assert f"| [connection-not-closed]({PAGE}) (HYG101) |" in job_summary([LEAK], PUBLISHED)


def test_without_an_address_findings_name_the_command() -> None:
    assert json.loads(told("json", LEAK))[0]["url"] is None
    assert json.loads(told("rdjson", LEAK))["diagnostics"][0]["code"] == {"value": "HYG101 connection-not-closed"}
    assert "helpUri" not in told("sarif", LEAK)
    for name in ("github", "gitlab", "junit"):
        assert "more: `dbhygiene rule connection-not-closed`" in told(name, LEAK)
    assert "| connection-not-closed (HYG101) |" in job_summary([LEAK], SCENE)


@pytest.mark.parametrize("name", ["gitlab", "rdjson", "sarif"])
def test_linked_reports_are_valid(name: str) -> None:
    valid = validator({"sarif": "sarif-2.1.0.json"}.get(name, f"{name}.json"))
    report = json.loads(linked(name))
    for each in report if name == "gitlab" else [report]:
        valid(each)


def test_each_page_that_findings_link_to_exists() -> None:
    names = {rule.name for rule in all_rules()} | set(OWN_CODES.values())
    assert {page_url(name, PUBLISHED) for name in names} == {
        f"https://example.org/docs/rules/{path.stem}.html" for path in TEXTS if path.parent.name == "rules"
    } - {"https://example.org/docs/rules/index.html"}


def test_addresses_end_with_a_slash() -> None:
    for address in (DOCUMENTATION, REPOSITORY):
        assert not address or re.fullmatch(r"https://.*/", address)
