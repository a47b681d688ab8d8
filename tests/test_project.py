"""Which files a project has, how its modules are found, and what it says that it needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dbhygiene.config.loading import root_of
from dbhygiene.config.settings import EXCLUDED, Settings
from dbhygiene.project.discovery import Listing
from dbhygiene.project.project import Project
from dbhygiene.project.requirements import read_requirements

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make files, by their names, and perhaps their texts."""

    def make(*names: str, **texts: str) -> Path:
        for name in (*names, *texts):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts.get(name, ""), "utf-8")
        return tmp_path

    return make


def names(root: Path, *paths: str, exclude: tuple[str, ...] = (), force: bool = False) -> list[str]:
    found = Listing([root / path for path in paths or ("",)], root, (*EXCLUDED, *exclude), force=force).collect()
    assert not found.unlisted
    return [path.relative_to(root).as_posix() for path in found.files]


# -- discovery ------------------------------------------------------------------------------------------


@pytest.fixture(params=["git", "walk"])
def maybe_git(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "git":
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return str(request.param)


def test_python_files_only_each_once(tree: Tree, maybe_git: str) -> None:
    root = tree("a.py", "b.pyi", "c.txt", "app/d.py", "tool")
    assert names(root) == ["a.py", "app/d.py", "b.pyi"]
    assert names(root, "app", "a.py", "", "a.py") == ["a.py", "app/d.py", "b.pyi"]


def test_ignored_files_are_not_found(tree: Tree, maybe_git: str) -> None:
    root = tree("a.py", "gen.py", "app/d.py", "app/local.py", "out/e.py", "app/out.py")
    (root / ".gitignore").write_text("gen.py\n/out/\n")
    (root / "app" / ".gitignore").write_text("local.py\n")
    assert names(root) == ["a.py", "app/d.py", "app/out.py"]


def test_the_usual_directories_are_not_entered(tree: Tree, maybe_git: str) -> None:
    root = tree("a.py", "build.py", ".venv/lib/x.py", "node_modules/y.py", "app/__pycache__/z.py", "build/b.py")
    assert names(root) == ["a.py", "build.py"]


def test_what_is_given_is_taken(tree: Tree, maybe_git: str) -> None:
    root = tree("gen.py", "out/e.py", "build/b.py", "tool", ".venv/lib/x.py")
    (root / ".gitignore").write_text("gen.py\nout/\n.venv/\n")
    assert names(root, "gen.py", "tool") == ["gen.py", "tool"]
    assert names(root, "out") == ["out/e.py"]
    assert names(root, "build", ".venv/lib") == [".venv/lib/x.py", "build/b.py"]


def test_excludes_are_relative_to_the_root(tree: Tree, maybe_git: str) -> None:
    root = tree("a.py", "app/a.py", "app/deep/b.py")
    assert names(root, exclude=("/a.py",)) == ["app/a.py", "app/deep/b.py"]
    assert names(root, exclude=("app/deep/",)) == ["a.py", "app/a.py"]
    assert names(root, exclude=(root.name,)) == ["a.py", "app/a.py", "app/deep/b.py"]


def test_patterns_that_are_invalid_match_nothing(tree: Tree, maybe_git: str) -> None:
    root = tree("a.py", "b.py", "c.py", "d.py")
    (root / ".gitignore").write_text("a.py\n!\nc.py\\\n")
    assert names(root, exclude=("/b.py", "!", "/d.py\\")) == ["c.py", "d.py"]


def test_excludes_are_forced_on_what_is_given(tree: Tree) -> None:
    root = tree("a.py", "app/a.py", ".venv/x.py")
    paths = ("a.py", "app/a.py", ".venv/x.py")
    assert names(root, *paths, exclude=("app/",)) == [".venv/x.py", "a.py", "app/a.py"]
    assert names(root, *paths, exclude=("app/",), force=True) == ["a.py"]


def test_links_do_not_lead_in_circles(tree: Tree, maybe_git: str) -> None:
    root = tree("app/a.py")
    (root / "app" / "round").symlink_to(root, target_is_directory=True)
    (root / "self.py").symlink_to("self.py")
    (root / "gone.py").symlink_to("nowhere.py")
    assert names(root) == ["app/a.py"]


def test_a_directory_that_cannot_be_listed_is_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree("a.py", "closed/b.py")
    scandir = os.scandir

    def refuse(path: str) -> object:  # the tests may be run by root, who may list anything
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = Listing([root], root).collect()
    assert found.files == [root / "a.py"]
    assert found.unlisted == [(root / "closed", "Permission denied")]


def test_strange_names(tree: Tree, maybe_git: str) -> None:
    root = tree("a b.py", "\u65e5\u672c.py", "new\nline.py", "-x.py")
    assert names(root) == ["-x.py", "a b.py", "new\nline.py", "\u65e5\u672c.py"]


def test_git_is_asked_of_few_directories_at_a_time(tree: Tree) -> None:
    root = tree(*(f"d{number}/{name}.py" for number in range(30) for name in ("app", "left")))
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".git" / "info" / "exclude").write_text("left.py\n")
    listing = Listing([root / f"d{number}" for number in range(30)] * 2, root)
    assert len(listing._asked) == 8
    assert len(listing.collect().files) == 30


@pytest.mark.parametrize("marker", ["pyproject.toml", "dbhygiene.toml", "setup.cfg", ".git"])
def test_the_root_is_the_nearest_that_looks_like_one(tree: Tree, marker: str) -> None:
    root = tree("top/pyproject.toml", f"top/part/{marker}", "top/part/app/a.py")
    assert root_of(root / "top/part/app/a.py") == root / "top/part"
    assert root_of(root / "top/part/app") == root / "top/part"


# -- modules --------------------------------------------------------------------------------------------


def found(project: Project, name: str, near: str) -> str | None:
    file = project.module(name, project.file(project.root / near))
    return None if file is None else file.path.relative_to(project.root).as_posix()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("app/__init__.py", "app"),
        ("app/db/base.py", "app.db.base"),
        ("src/lib/core.py", "lib.core"),
        ("scripts/job.py", "scripts.job"),
        ("setup.py", "setup"),
        ("part/inner/x.py", "inner.x"),
    ],
)
def test_module_names(tree: Tree, path: str, name: str) -> None:
    root = tree("app/__init__.py", "app/db/__init__.py", "src/lib/__init__.py", "part/inner/__init__.py", path)
    assert Project(root).module_name(root / path) == name


def test_modules_are_found_as_python_finds_them(tree: Tree) -> None:
    root = tree(
        *("app/__init__.py", "app/db.py", "app/web/__init__.py", "app/web/db.py", "src/lib/__init__.py", "src/one.py"),
        *("scripts/job.py", "scripts/helper.py", "helper.py", "space/part.py", "backend/core/__init__.py"),
        *("backend/core/models.py", "backend/tools/run.py"),
    )
    project = Project(root)
    assert found(project, "app.db", "app/web/db.py") == "app/db.py"
    assert found(project, "app", "scripts/job.py") == "app/__init__.py"
    assert found(project, "lib", "app/db.py") == "src/lib/__init__.py"
    assert found(project, "one", "scripts/job.py") == "src/one.py"
    assert found(project, "helper", "scripts/job.py") == "scripts/helper.py"
    assert found(project, "helper", "app/db.py") == "helper.py"
    assert found(project, "space.part", "app/db.py") == "space/part.py"
    assert found(project, "core.models", "backend/tools/run.py") == "backend/core/models.py"
    assert found(project, "app.nothing", "app/db.py") is None
    assert found(project, "pymysql", "app/db.py") is None


def test_a_package_that_holds_a_part_of_a_repository_is_a_directory_of_programs_too(tree: Tree) -> None:
    root = tree(
        *("backend/__init__.py", "backend/pyproject.toml", "backend/jobs/__init__.py", "backend/jobs/nightly.py"),
        *("backend/shop/__init__.py", "backend/shop/db.py"),
        *("lib/__init__.py", "lib/celery.py", "lib/jobs/__init__.py", "lib/jobs/nightly.py"),
    )
    project = Project(root)
    assert found(project, "shop.db", "backend/jobs/nightly.py") == "backend/shop/db.py"
    assert found(project, "backend.shop.db", "backend/jobs/nightly.py") == "backend/shop/db.py"
    assert found(project, "celery", "lib/jobs/nightly.py") is None  # nothing says that programs run in `lib`


def test_source_directories_of_the_settings(tree: Tree) -> None:
    root = tree("python/lib.py", "tests/t.py")
    assert found(Project(root), "lib", "tests/t.py") is None
    assert found(Project(root, Settings(src=("python",))), "lib", "tests/t.py") == "python/lib.py"


@pytest.mark.parametrize(
    "files",
    [
        {  # a workspace of uv
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*', 'services/api']\n",
            "packages/common/pyproject.toml": "[project]\nname = 'common'\n",
            "packages/common/src/common/db.py": "package",
            "packages/old/common/db.py": "package",
            "services/api/pyproject.toml": "[project]\nname = 'api'\ndependencies = ['common']\n"
            "[tool.uv.sources]\ncommon = { workspace = true }\n",
            "services/api/src/api/main.py": "package",
        },
        {
            "libs/common/pyproject.toml": "[project]\nname = 'acme-common'\n",
            "libs/common/common/db.py": "package",
            "libs/other/common/db.py": "package",
            "services/api/pyproject.toml": "[project]\ndependencies = ['acme-common']\n[tool.uv.sources]\n"
            "acme-common = {path = '../../libs/common', editable = true}\n",
            "services/api/api/main.py": "package",
        },
        {
            "libs/common/pyproject.toml": "[tool.poetry]\nname = 'common'\n",
            "libs/common/python/common/db.py": "package",
            "libs/other/common/db.py": "package",
            "services/api/pyproject.toml": "[tool.poetry.dependencies]\n"
            "common = {path = '../../libs/common', develop = true}\n",
            "services/api/main.py": "",
        },
        {  # indirectly
            "libs/common/setup.py": "setup(name='acme', package_dir={'': 'lib'})",
            "libs/common/lib/common/db.py": "package",
            "libs/old/lib/common/db.py": "package",
            "libs/tools/requirements.txt": "common @ file:../common\n",
            "services/api/requirements.txt": "--editable ../../libs/tools[extra]  # ours\nflask\n",
            "services/api/main.py": "",
        },
        {"libs/common/common/db.py": "package", "services/api/main.py": "", "services/api/setup.cfg": ""},
        {"libs/common/setup.cfg": "", "libs/common/src/common/db.py": "", "services/main.py": ""},  # namespaces
        {"libs/common/pyproject.toml": "", "libs/common/common/db.py": "", "services/api/src/main.py": ""},
        {"backend/manage.py": "", "backend/common/db.py": "package", "scripts/run.py": ""},
        {"pants.toml": "", "python-lib/common/db.py": "package", "src/python/api/main.py": "package"},
        {"a/common/common/db.py": "package", "b/common/common/db.py": "package", "a/api/main.py": ""},  # the nearest
        {"libs/common/common/db.py": "package", "tests/data/common/db.py": "package", "services/main.py": ""},
        {  # the part of its name, though it is among the requirements
            "libs/common/pyproject.toml": "",
            "libs/common/common/db.py": "package",
            "api/main.py": "",
            "api/requirements.txt": "Common==1.0\n",
        },
        {
            "libs/common/setup.py": "setup(name='acme', py_modules=['common'])",
            "libs/common/common.py": "",
            "services/api/requirements.txt": "-e ../../libs/common\n",
            "services/api/main.py": "",
        },
    ],
)
def test_packages_of_other_parts(tree: Tree, files: dict[str, str]) -> None:
    packages = [name for name, text in files.items() if text == "package"]
    beside = {f"{name.rpartition('/')[0]}/__init__.py": "" for name in packages}
    root = tree(**beside, **{name: "" if name in packages else text for name, text in files.items()})
    [wanted, *_] = [name for name in files if name.endswith(("common/db.py", "/common.py"))]
    module = "common.db" if wanted.endswith("db.py") else "common"
    [user] = [name for name in files if name.endswith(("main.py", "run.py"))]
    assert found(Project(root), module, user) == wanted


@pytest.mark.parametrize(
    "files",
    [
        ("libs/one/common/__init__.py", "libs/two/common/__init__.py"),  # two of them, equally near
        ("tests/data/common/__init__.py",),
        ("services/vendor/common/__init__.py",),
        ("docs/ext/common/__init__.py",),
        ("libs/common.py",),  # a module, of which nothing says that it is installed
        ("libs/common/db.py",),  # nothing says that this is a package
    ],
)
def test_a_package_that_may_be_another_one_is_not_found(tree: Tree, files: tuple[str, ...]) -> None:
    assert found(Project(tree(*files, "services/api/main.py")), "common", "services/api/main.py") is None
    assert found(Project(tree(*files, "services/api/main.py")), "common.db", "services/api/main.py") is None


def test_parts_have_no_modules_of_the_standard_library_and_none_of_required_distributions(tree: Tree) -> None:
    root = tree("libs/a/logging/__init__.py", "libs/a/celery/__init__.py", "api/main.py")
    assert found(Project(root), "celery", "api/main.py") == "libs/a/celery/__init__.py"
    (root / "api/requirements.txt").write_text("celery>=5\n")
    assert found(Project(root), "celery", "api/main.py") is None
    assert found(Project(root), "logging", "api/main.py") is None


def test_namespace_packages_of_several_parts(tree: Tree) -> None:
    root = tree("libs/a/acme/common/__init__.py", "libs/b/src/acme/web/app.py", "libs/a/setup.py", "libs/b/setup.py")
    project = Project(root)
    assert found(project, "acme.common", "libs/b/src/acme/web/app.py") == "libs/a/acme/common/__init__.py"
    assert found(project, "acme.web.app", "libs/a/acme/common/__init__.py") == "libs/b/src/acme/web/app.py"
    assert found(project, "acme", "libs/a/setup.py") is None


def test_a_module_that_does_not_parse_is_not_there(tree: Tree) -> None:
    root = tree("a.py", **{"b.py": "def f(:\n"})
    assert found(Project(root), "b", "a.py") is None


def test_files_are_read_once(tree: Tree) -> None:
    root = tree("a.py")
    project = Project(root)
    assert project.file(root / "a.py") is project.file(root / "a.py")


def test_a_file_too_large_to_be_a_program_is_not_read(tree: Tree) -> None:
    root = tree("a.py")
    os.truncate(root / "a.py", 11 << 20)
    with pytest.raises(OSError, match="11 MiB; the limit is 10 MiB"):
        Project(root).file(root / "a.py")


# -- requirements ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "requirements.txt",
            "# ours\n-r base.txt\nPyMySQL==1.1.0 ; python_version > '3'\nsqlalchemy[asyncio]>=2.0,<3\nflask\n",
        ),
        ("requirements/prod.txt", "pymysql == 1.1.0\nSQLAlchemy ~= 2.0\nFlask\n"),
        (
            "pyproject.toml",
            '[project]\ndependencies = [\n  "pymysql==1.1.0",\n  "sqlalchemy[asyncio]>=2.0",\n  "flask",\n]\n',
        ),
        (
            "pyproject.toml",
            '[dependency-groups]\ndev = ["pymysql==1.1.0", "sqlalchemy>=2.0; python_version>\'3\'", "flask"]\n',
        ),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\npymysql = "^1.1.0"\n'
            'sqlalchemy = {extras = ["x"], version = ">=2.0"}\nflask = "*"\n',
        ),
        (
            "pyproject.toml",
            '[project]\nname = "a"  # ["no"]\n[project.optional-dependencies]\n'
            "db = [  # 'x'\n  'PyMySQL (>=1.1.0,<2)',\n]\n"
            "web = ['flask; python_version > \"3.8\"', 'SQLAlchemy~=2.0']\n",
        ),
        (
            "pyproject.toml",
            '[project]\noptional-dependencies.db = ["pymysql==1.1.0"]\noptional-dependencies.web = ["flask"]\n'
            "[tool]\nuv.dev-dependencies = ['sqlalchemy==2.0']\n",
        ),
        (
            "pyproject.toml",
            'project = {name = "a", dependencies = ["pymysql==1.1.0"], optional-dependencies = {x = ["flask"]}}\n'
            "[tool.pdm.dev-dependencies]\ntest = ['sqlalchemy>=2.0', '-e file:///${PROJECT_ROOT}/sub#egg=sub']\n",
        ),
        (
            "pyproject.toml",
            "[dependency-groups]\n\"all\" = [{include-group = 'test'}, 'flask']\n"
            'test = [\'pymysql==1.1.0\', {include-group = \'db\'}]\ndb = ["""sqlalchemy>=2.0"""]\n',
        ),
        (
            "pyproject.toml",
            '[tool.poetry]\nname = "a"\n[tool.poetry.group."dev".dependencies]\nflask = {git = "https://git.test/x"}\n'
            "[tool.poetry.group.db]\noptional = true\ndependencies.pymysql = '~1.1.0'\n"
            "[[tool.poetry.dependencies.sqlalchemy]]\nversion = '^2.1'\npython = '>=3.9'\n"
            "[[tool.poetry.dependencies.sqlalchemy]]\nversion = '^2.0'\npython = '<3.9'\n",
        ),
        (
            "pyproject.toml",
            '[tool.poetry.dev-dependencies]\n"PyMySQL" = {version = "^1.1.0", extras = ["rsa"]}\n'
            'sqlalchemy.version = "2.0"\nflask = [{version = "^2.3", python = "<3.9"}, {version = "*"}]\n',
        ),
        ("Pipfile", '[packages]\npymysql.version = "~=1.1.0"\n[dev-packages]\n"SQLAlchemy" = "==2.0"\nflask = {}\n'),
        ("Pipfile", '[packages]\npymysql = "==1.1.0"\nsqlalchemy = {version = ">=2.0"}\nflask = "*"\n'),
        (
            "Pipfile.lock",
            '{"default": {"pymysql": {"version": "==1.1.0"}, "sqlalchemy": {"version": "==2.0"}},'
            ' "develop": {"flask": {}}}',
        ),
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n  pymysql==1.1.0\n  sqlalchemy>=2.0\n"
            "[options.extras_require]\nweb = flask\n",
        ),
        (
            "setup.py",
            "from setuptools import setup\n"
            "setup(install_requires=['pymysql==1.1.0', 'sqlalchemy>=2.0'], extras_require={'web': ['flask']})\n",
        ),
    ],
)
def test_requirements(tree: Tree, name: str, text: str) -> None:
    found = {each: bounds and bounds.lowest for each, bounds in read_requirements(tree(**{name: text})).items()}
    assert found == {"pymysql": (1, 1, 0), "sqlalchemy": (2, 0), "flask": None}


@pytest.mark.parametrize(
    ("written", "below"),
    [
        ("==1.1.2", (1, 1, 3)),
        (">=1.0", None),
        (">=1.0,<1.2", (1, 2)),
        ("~=1.1", (2,)),
        ("~=1.1.0", (1, 2)),
        (">=1.0,<=1.1", (1, 2)),
    ],
)
def test_versions_that_a_requirement_stays_below(tree: Tree, written: str, below: tuple[int, ...] | None) -> None:
    assert Project(tree(**{"requirements.txt": f"PyMySQL{written}\n"})).version_below("pymysql") == below


@pytest.mark.parametrize(
    ("written", "below"), [("^1.1", (2,)), ("^0.9.3", (0, 10)), ("~1.1.2", (1, 2)), ("1.1.2", (1, 1, 3)), ("*", None)]
)
def test_versions_that_poetry_stays_below(tree: Tree, written: str, below: tuple[int, ...] | None) -> None:
    text = f'[tool.poetry.dependencies]\npymysql = "{written}"\n'
    assert Project(tree(**{"pyproject.toml": text})).version_below("PyMySQL") == below


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pdm.lock"])
def test_lock_files_know_best(tree: Tree, name: str) -> None:
    lock = 'version = 1\n\n[[package]]\nname = "flask-sqlalchemy"\nversion = "3.1.1"\nsource = { registry = "x" }\n'
    project = Project(tree(**{name: lock, "requirements.txt": "Flask_SQLAlchemy>=2\n"}))
    assert project.version_of("Flask-SQLAlchemy") == (3, 1, 1)
    here = project.file(tree(**{"here.py": ""}) / "here.py")
    assert project.requires("flask.sqlalchemy", here)
    assert not project.requires("django", here)
    assert project.version_of("django") is None


def test_each_part_of_a_repository_has_requirements_of_its_own(tree: Tree) -> None:
    files = {
        "shop/requirements.txt": "PyMySQL==1.1",
        "services/mail/requirements/base.txt": "psycopg2",
        "tools/a.py": "",
    }
    files |= {"shop/web/a.py": "", "services/mail/a.py": "", "tools/a.py": "", "requirements-dev.txt": "ruff"}
    root = tree(**files)
    project = Project(root)
    shop, mail, tools = (project.file(root / name) for name in ("shop/web/a.py", "services/mail/a.py", "tools/a.py"))
    assert [project.requires("pymysql", each) for each in (shop, mail, tools)] == [True, False, False]
    assert [project.requires("psycopg2", each) for each in (shop, mail, tools)] == [False, True, False]
    assert all(project.requires("ruff", each) for each in (shop, mail, tools))
    assert project.version_of("pymysql") == (1, 1)


def test_where_nothing_beside_a_file_says_anything_all_parts_count(tree: Tree) -> None:
    root = tree(**{"deploy/requirements.txt": "PyMySQL", "shop/a.py": ""})
    project = Project(root)
    assert project.requires("pymysql", project.file(root / "shop/a.py"))


def test_broken_files_say_nothing(tree: Tree) -> None:
    broken = {"setup.py": "def f(:\n", "setup.cfg": "[a\n", "Pipfile.lock": "{", "pyproject.toml": "[project\n"}
    assert read_requirements(tree(**broken)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "[project]\ndependencies = ['pymysql'\n",
        "[project]\ndependencies = ['pymysql']\ndependencies = ['flask']\n",
        "x = " + "[" * 9999 + "\n[project]\ndependencies = ['pymysql']\n",
        "project = ['dependencies']\ntool.poetry.dependencies = 'pymysql'\ntool.uv = 1\n",
        "[project]\ndependencies = 'pymysql'\n[dependency-groups]\na = 'flask'\nb = [1, {}]\n",
        '[tool.ruff]\nx = """\n[project]\ndependencies = [\'pymysql\']\n"""\n',
    ],
)
def test_toml_that_is_broken_or_no_list_of_requirements_says_nothing(tree: Tree, text: str) -> None:
    assert read_requirements(tree(**{"pyproject.toml": text})) == {}


def test_files_that_speak_of_names(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(**{"a.py": "x.conn = y", "b.py": "x.connect()", "c.py": "z.conn; x = 1", "d.py": "x.conn ="})
    project = Project(root)

    def naming(*names: str) -> list[str]:
        return sorted(file.path.name for file in project.files_mentioning_all(*names) or ())

    assert naming(".conn") == ["a.py", "c.py"]  # d.py is no Python text
    assert naming(".conn", "x") == ["a.py", "c.py"]
    assert naming(".conn", "y") == ["a.py"]
    monkeypatch.setattr("dbhygiene.project.project.MANY", 1)
    assert Project(root).files_mentioning_all("x") is None


def test_an_index_of_called_names_finds_the_files_that_single_searches_find(tmp_path: Path) -> None:
    for name, text in {
        "calls.py": "helper(1)\nx.close()\n",
        "defines.py": "def helper(a): ...\nclass close(Base): ...\n",
        "both.py": "def helper(a):\n    return helper (a) or helper(a)\n",
        "longer.py": "def f():\n    my_helper(1)\n",
        "attribute.py": "shop.helper(2)\n",
        "unicode.py": "größe(1)\n",
    }.items():
        (tmp_path / name).write_text(text)
    names = ["helper", "close", "my_helper", "größe", "f", "Base"]

    def calling(project: Project) -> dict[str, set[str]]:
        return {name: {file.path.name for file in project.files_calling(name)} for name in names}

    single, indexed = Project(tmp_path), Project(tmp_path)
    for n in range(50):
        indexed.files_calling(f"other_{n}")
    found = calling(indexed)
    assert found["helper"] == {"calls.py", "both.py", "attribute.py"}
    assert found["close"] == {"calls.py"}
    assert found["größe"] == {"unicode.py"}
    assert all(found[name] <= calling(single)[name] for name in names)
