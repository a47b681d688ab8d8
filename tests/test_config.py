"""Settings from files, variables and assignments."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dbhygiene.config import loading, schema
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import EXCLUDED, Confidence, Declared, Lasting, Settings
from dbhygiene.source.records import replace


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(directory: Path, text: str, name: str = "pyproject.toml") -> Settings:
    (directory / name).write_text(text, "utf-8")
    return loading.load_settings(directory)


def values(settings: Settings) -> Settings:
    return replace(settings, sources={})


# -- files ----------------------------------------------------------------------------------------------


def test_the_example_of_every_key_is_read(directory: Path) -> None:
    lines = [key.example for key in schema.KEYS if not key.example.startswith("[")]
    tables = [key.example for key in schema.KEYS if key.example.startswith("[")]
    settings = load(directory, "\n".join(["[tool.dbhygiene]", *lines, *tables]))
    assert settings.select == ("HYG1", "engine-without-protection")
    assert settings.per_file_ignores == {"tests/*": ("HYG1",), "scripts": ("HYG102",)}
    assert settings.min_confidence is Confidence.CERTAIN
    assert settings.server_timeout == 300
    assert settings.extend_exclude == ("generated/", "*_pb2.py")
    assert settings.require_reason
    assert settings.functions["vendor.run"] == Declared(borrows=("conn",), may_raise=False)
    assert settings.gaps["vendor.Client.upload"] == Lasting(10, 1800)
    assert settings.gaps["shop.search.reindex"].most == float("inf")
    assert settings.sources.keys() == schema.BY_NAME.keys()
    assert settings.sources["select"] == f"pyproject.toml:{2 + lines.index(schema.BY_NAME['select'].example)}"


def test_databases_that_are_not_known_here_are_taken(directory: Path) -> None:
    assert load(directory, "databases = ['MySQL', 'vitess']", "dbhygiene.toml").databases == ("MySQL", "vitess")


def test_drivers_by_either_of_their_names(directory: Path) -> None:
    for name in ("pymysql", "PyMySQL", "connection"):
        text = f"[functions]\nf = {{ returns = '{name}' }}\n"
        assert load(directory, text, "dbhygiene.toml").functions["f"].returns == name


def test_nothing_said(directory: Path) -> None:
    assert loading.load_settings(directory) == Settings()
    assert load(directory, "[project]\nname = 'x'\n") == Settings()
    assert load(directory, "[project]\ndependencies = ['dbhygiene']\n") == Settings()


@pytest.mark.parametrize(
    "text",
    [
        "[tool.dbhygiene]\nserver-timeout = 7\n",
        "[ tool . 'dbhygiene' ]\nserver-timeout = 7\n",
        "tool.dbhygiene.server-timeout = 7\n",
        "[tool]\nruff = {}\ndbhygiene = {server-timeout = 7}\n",
        '  ["tool"]\r\ndbhygiene.server-timeout = 7\r\n',
        "tool = {ruff = {}, dbhygiene = {server-timeout = 7}}\n",
    ],
)
def test_settings_are_found_however_their_table_is_written(directory: Path, text: str) -> None:
    assert load(directory, text).server_timeout == 7


def test_a_file_of_its_own_comes_first(directory: Path) -> None:
    load(directory, "[tool.dbhygiene]\nserver-timeout = 1\n")
    assert load(directory, "server-timeout = 2\n", "dbhygiene.toml").server_timeout == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("servertimeout = 1", "unknown key `servertimeout` (did you mean `server-timeout`?)"),
        ("server_timeout = 1", "unknown key `server_timeout` (did you mean `server-timeout`?)"),
        ("'qqq' = 1", "unknown key `qqq`"),
        ("qqq.a = 1", "unknown key `qqq`"),
        ("server-timeout = 0", "`server-timeout` must be a number of seconds above 0"),
        ("server-timeout = true", "`server-timeout` must be a number of seconds above 0"),
        ("select = 'HYG1'", "`select` must be a list of strings"),
        ("require-reason = 1", "`require-reason` must be `true` or `false`"),
        ("baseline = true", "`baseline` must be a string"),
        ("min-confidence = 'sure'", "`min-confidence` must be `possible`, `likely` or `certain`"),
        (
            "min-confidence = 'likly'",
            "`min-confidence` must be `possible`, `likely` or `certain` (did you mean `likely`?)",
        ),
        ("per-file-ignores = ['a']", '`per-file-ignores` must be a table such as { "tests/*" = ["HYG1"] }'),
        ("databases = ['mysq']", "`databases` must be a list of databases; `mysq` is unknown (did you mean"),
        ("functions = { f = { returns = 'pymsql' } }", "`functions` must be a table whose `returns` is a driver or"),
        (
            "functions = { f = { close = 0 } }",
            "`functions` must be a table with the keys returns, closes, keeps, borrows, ",
        ),
        ("gaps = 5", '`gaps` must be a table such as { "shop.search.reindex" = 600 }'),
        ("gaps = { 'a b' = 5 }", "`gaps` must be a table whose keys are dotted names of functions, not `a b`"),
        (
            "gaps = { f = 'unbounde' }",
            '`gaps` must be a table that gives seconds, `[least, most]` or "unbounded" for `f`'
            " (did you mean `unbounded`?)",
        ),
        ("gaps = { f = [60, 5] }", '`gaps` must be a table that gives seconds, `[least, most]` or "unbounded" for `f`'),
    ],
)
def test_mistakes_are_told_in_one_line_with_their_place(directory: Path, line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(directory, f"[project]\nselect = 1\n\n[tool.dbhygiene]\n# more\n{line}\n")
    assert str(caught.value).startswith(f"pyproject.toml:6: {words}")
    assert "\n" not in str(caught.value)


def test_the_line_of_a_table(directory: Path) -> None:
    with pytest.raises(UsageError, match=r"^pyproject\.toml:4: unknown key `function` \(did you mean `functions`\?\)$"):
        load(directory, "[tool.dbhygiene]\nsrc = []\n\n[tool.dbhygiene.function]\nf = {}\n")


def test_broken_files(directory: Path) -> None:
    with pytest.raises(UsageError, match=r"^pyproject\.toml: .*line 1"):
        load(directory, "[tool.dbhygiene\n")
    (directory / "pyproject.toml").write_bytes(b"[tool.dbhygiene]\n# \xff\n")
    with pytest.raises(UsageError, match=r"^pyproject\.toml: not UTF-8; save it as UTF-8$"):
        loading.load_settings(directory)


def test_no_parser_is_imported_for_a_file_that_is_not_about_us(directory: Path) -> None:
    (directory / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    code = (
        "import sys, pathlib; from dbhygiene.config import loading; loading.load_settings(pathlib.Path(sys.argv[1]));"
        "assert not {'tomllib', 'tomli'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True)


# -- which file holds -----------------------------------------------------------------------------------


def test_the_nearest_file_with_settings_makes_the_root(directory: Path) -> None:
    (directory / "part" / "app").mkdir(parents=True)
    (directory / "part" / "pyproject.toml").write_text("[project]\nname = 'part'\n")
    assert loading.root_of(directory / "part" / "app") == directory / "part"
    (directory / "dbhygiene.toml").write_text("server-timeout = 5\n")
    assert loading.root_of(directory / "part" / "app") == directory
    (directory / "part" / "dbhygiene.toml").write_text("")
    assert loading.root_of(directory / "part" / "app") == directory / "part"


def test_the_root_is_that_of_the_current_directory_whatever_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = directory / "top" / "part"
    (part / "app").mkdir(parents=True)
    (part / "setup.py").touch()
    monkeypatch.chdir(directory / "top")
    assert [loading.root_of(each) for each in (part / "app", part.parent)] == [part, directory / "top"]
    (directory / "top" / "setup.cfg").touch()
    assert [loading.root_of(each) for each in (part / "app", part.parent)] == [directory / "top"] * 2
    (part / ".git").mkdir()  # another repository, within this one
    assert loading.root_of(part / "app") == part
    (part / ".git").rmdir()
    monkeypatch.chdir(part)
    assert [loading.root_of(each) for each in (part / "app", part, directory)] == [part, part, directory]


def test_without_a_mark_what_is_named_is_the_root(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("app", "lib", "part"):
        (directory / "all" / name).mkdir(parents=True)
    app, lib, part = (directory / "all" / name for name in ("app", "lib", "part"))
    monkeypatch.chdir(directory)
    assert loading.root_of(app) == app
    assert loading.roots_of([app]) == {app: app}
    assert loading.roots_of([app, lib / "a.py"]) == dict.fromkeys([app, lib / "a.py"], directory / "all")
    (part / "setup.py").touch()
    assert loading.roots_of([app, part]) == {app: app, part: part}


def test_requirements_mark_a_project_that_is_in_no_repository(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top, app = directory / "top", directory / "top" / "app"
    app.mkdir(parents=True)
    (top / "requirements.txt").touch()
    assert [loading.root_of(each) for each in (top, app, app / "a.py")] == [top] * 3
    (app / "setup.py").touch()
    assert loading.root_of(app / "a.py") == app
    (app / "setup.py").unlink()
    (directory / ".git").mkdir()
    assert loading.root_of(app / "a.py") == directory
    (directory / ".git").rmdir()
    monkeypatch.setenv("HOME", str(top))
    assert loading.root_of(app) == app


def test_the_whole_file_system_is_no_project_and_neither_is_a_home(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, lib = directory / "app", directory / "lib"
    for each in (app, lib):
        each.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    assert loading.roots_of([app, lib]) == {app: app, lib: lib}
    assert loading.roots_of([app, Path(directory.anchor)]) == {
        app: app,
        Path(directory.anchor): Path(directory.anchor),
    }


def test_no_settings_are_taken_from_outside_of_a_repository(directory: Path) -> None:
    (directory / "dbhygiene.toml").write_text("server-timeout = 5\n")
    (directory / "clone" / ".git").mkdir(parents=True)
    assert loading.root_of(directory / "clone") == directory / "clone"


def test_files_by_the_nearest_settings(directory: Path) -> None:
    names = ["a.py", "x/b.py", "x/y/c.py", "z/d.py"]
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / "x" / "pyproject.toml").write_text("[tool.dbhygiene]\n")
    (directory / "z" / "pyproject.toml").write_text("[project]\n")
    found = loading.by_root([directory / name for name in names], directory)
    assert {root: [file.name for file in files] for root, files in found.items()} == {
        directory: ["a.py", "d.py"],
        directory / "x": ["b.py", "c.py"],
    }


# -- variables and assignments --------------------------------------------------------------------------


def test_variables() -> None:
    base = Settings(select=("HYG1",), ignore=("HYG2",))
    environment = {
        "DBHYGIENE_SELECT": "HYG2, HYG3",
        "DBHYGIENE_EXTEND_IGNORE": '["HYG301"]',
        "DBHYGIENE_SERVER_TIMEOUT": "60",
        "DBHYGIENE_MIN_CONFIDENCE": "certain",
        "DBHYGIENE_REQUIRE_REASON": "true",
        "DBHYGIENE_PER_FILE_IGNORES": '{ "tests/*" = ["HYG1"] }',
        "DBHYGIENE_VERSION": "a script's own",
        "SELECT": "x",
    }
    settings = loading.from_environment(base, environment)
    assert values(settings) == Settings(
        select=("HYG2", "HYG3"),
        ignore=("HYG2",),
        extend_ignore=("HYG301",),
        server_timeout=60,
        min_confidence=Confidence.CERTAIN,
        require_reason=True,
        per_file_ignores={"tests/*": ("HYG1",)},
    )
    assert settings.sources["select"] == "DBHYGIENE_SELECT"


def test_assignments() -> None:
    assert loading.with_assignment(Settings(), "select=HYG1").select == ("HYG1",)
    assert loading.with_assignment(Settings(), 'select = ["HYG1", "HYG2"]').select == ("HYG1", "HYG2")
    assert loading.with_assignment(Settings(), "baseline=known.txt").baseline == "known.txt"
    assert loading.with_assignment(Settings(), "select=").select == ()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "DBHYGIENE_SELCT",
            "x",
            "unknown environment variable `DBHYGIENE_SELCT` (did you mean `DBHYGIENE_SELECT`?)",
        ),
        ("DBHYGIENE_SERVER_TIMEOUT", "soon", "`server-timeout` must be a number of seconds above 0"),
        ("DBHYGIENE_FUNCTIONS", "f", "`functions` must be a table such as"),
    ],
)
def test_mistakes_in_variables(name: str, value: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        loading.from_environment(Settings(), {name: value})
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_mistakes_in_assignments() -> None:
    with pytest.raises(UsageError, match=r"^--config: unknown key `selct` \(did you mean `select`\?\)$"):
        loading.with_assignment(Settings(), "selct=HYG1")


# -- versions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "right"),
    [
        ("", True),
        ("1.4.2", True),
        ("==1.4", False),
        ("==1.4.*", True),
        ("!=1.4.*", False),
        (">=1.4,<2", True),
        (">=1.4.3", False),
        ("<1.4.2", False),
        ("<=1.4.2.0", True),
        ("~=1.4", True),
        ("~=1.5", False),
        ("~=1.3.9", False),
        (">1.4", True),
    ],
)
def test_required_versions(wanted: str, right: bool) -> None:
    settings = Settings(required_version=wanted, sources={"required-version": "pyproject.toml:3"})
    if right:
        loading.require_version(settings, "1.4.2")
    else:
        with pytest.raises(UsageError) as caught:
            loading.require_version(settings, "1.4.2")
        words = f"this is dbhygiene 1.4.2, but the project requires {wanted}; install such a version"
        assert str(caught.value) == f"pyproject.toml:3: {words}"


def test_a_required_version_that_is_none() -> None:
    with pytest.raises(UsageError, match="must be versions such as"):
        loading.require_version(Settings(required_version="newest"))


# -- the table of keys ----------------------------------------------------------------------------------


def test_keys_are_the_fields_of_settings() -> None:
    assert {key.field for key in schema.KEYS} == set(Settings.__match_args__) - {"sources"}


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    import jsonschema

    found = json.loads(json.dumps(schema.schema()))
    jsonschema.Draft7Validator.check_schema(found)
    validator = jsonschema.Draft7Validator(found)
    for key in schema.KEYS:
        table = loading.toml(key.example)
        table = table.get("tool", {}).get("dbhygiene", table)
        assert validator.is_valid(table), key.name
        assert key.kind.read(table[key.name]) is not None
    for wrong in (
        {"selct": []},
        {"select": "HYG1"},
        {"server-timeout": 0},
        {"functions": {"f": {"close": 0}}},
        {"gaps": {"f": "for ever"}},
    ):
        assert not validator.is_valid(wrong)
        (name, value), *_ = wrong.items()
        with pytest.raises((ValueError, KeyError)):
            schema.BY_NAME[name].kind.read(value)


def test_defaults_are_told_as_toml_has_them() -> None:
    properties = schema.schema()["properties"]
    assert isinstance(properties, dict)
    assert properties["min-confidence"]["default"] == "likely"
    assert properties["exclude"]["default"] == list(EXCLUDED)
    assert "default" not in properties["server-timeout"]
