"""The GitHub Action and the container image: their shape, and their scripts as far as they run without their hosts."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbhygiene import DOCUMENTATION, __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "run" in step}
ENGINE = 'from sqlalchemy import create_engine\n\nengine = create_engine("mysql://db/app")\n'

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


# -- the action -----------------------------------------------------------------------------------------


def test_the_shape_of_the_action() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert {"name", "description", "inputs", "runs"} <= ACTION.keys()
    for name, entry in ACTION["inputs"].items():
        assert entry.keys() == {"description", "default"}, name
    for step in STEPS.values():
        assert step["shell"] == "bash"  # without it, GitHub refuses the action
        assert "${{" not in step["run"], "an input must not become a part of a script"
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == ACTION["inputs"].keys()


def step(name: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does; what is not given is empty, as inputs are."""
    given = dict.fromkeys(STEPS[name]["env"], "") | environment
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]]
    return subprocess.run(command, cwd=directory, env={"PATH": path, **given}, capture_output=True, text=True)


def checked(directory: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step that checks, with what the one before it has installed."""
    bin = directory / "runner" / "dbhygiene" / "bin"
    bin.mkdir(parents=True, exist_ok=True)
    for name in ("python", "dbhygiene"):
        if not (bin / name).exists():
            (bin / name).symlink_to(Path(sys.executable).parent / name)
    return step("dbhygiene check", directory, RUNNER_TEMP=str(directory / "runner"), **inputs)


@bash
def test_the_action_annotates_and_writes_sarif(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ENGINE)
    done = checked(tmp_path, PATHS=".", SARIF="out.sarif", GITHUB_STEP_SUMMARY=str(tmp_path / "sum.md"))
    assert done.returncode == 1, done.stderr
    assert re.match(r"::(error|warning) .*file=app\.py,line=3,", done.stdout)
    assert '"ruleId"' in (tmp_path / "out.sarif").read_text()
    assert "HYG201" in (tmp_path / "sum.md").read_text()
    assert checked(tmp_path, PATHS="app.py", ARGS="--exit-zero --select HYG2").returncode == 0
    assert checked(tmp_path, ARGS="-o concise").stdout.startswith("app.py:3:")
    assert checked(tmp_path, PATHS="nowhere.py").returncode == 2
    assert checked(tmp_path, PATHS="$(touch", ARGS="--exit-zero; touch x").returncode == 2
    assert not (tmp_path / "x").exists()


@bash
def test_the_action_takes_several_lines_and_quotes(tmp_path: Path) -> None:
    for name in ("one/app.py", "two words/app.py", "three/app.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(ENGINE)
    done = checked(tmp_path, PATHS="one\n'two words'\n", ARGS="--select HYG2\n--exit-zero\n")
    assert done.returncode == 0, done.stderr
    files = re.findall(r"file=([^,]*),", done.stdout)
    assert sorted(files) == ["one/app.py", "two words/app.py"]
    assert checked(tmp_path, PATHS="--exit-zero").returncode == 2  # a path, and there is none
    done = checked(tmp_path, PATHS="'one")
    assert (done.returncode, done.stderr) == (2, "::error::paths: No closing quotation\n")


def installed(tmp_path: Path, version: str) -> subprocess.CompletedProcess[str]:
    python = tmp_path / "python"  # stands for a real one, and writes down what it is called with
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nmkdir -p "$3/bin" && cp "$0" "$3/bin/python"\n')
    python.chmod(0o755)
    variables = {"RUNNER_TEMP": str(tmp_path), "GITHUB_PATH": str(tmp_path / "path")}
    return step("Install dbhygiene", tmp_path, PYTHON=str(python), SOURCE="/the/action", VERSION=version, **variables)


@bash
@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("", "/the/action"),
        ("0.1.0", "dbhygiene==0.1.0"),
        ("v0.1.0", "dbhygiene==0.1.0"),
        ("latest", "dbhygiene"),
        (">=0.1, <1", "dbhygiene>=0.1,<1"),
        ("~=0.1", "dbhygiene~=0.1"),
    ],
)
def test_the_action_installs(tmp_path: Path, version: str, wanted: str) -> None:
    done = installed(tmp_path, version)
    assert done.returncode == 0, done.stderr
    made, pip = (tmp_path / "calls").read_text().splitlines()
    assert made == f"-m venv {tmp_path}/dbhygiene"
    assert pip.split()[-1] == wanted
    assert not (tmp_path / "path").exists(), "the caller's own python stays the first"


@bash
@pytest.mark.parametrize("version", ["newest", "-evil", "@ https://example.org/evil.whl", "[lsp]"])
def test_the_action_installs_nothing_else(tmp_path: Path, version: str) -> None:
    done = installed(tmp_path, version)
    assert (done.returncode, done.stdout[:17]) == (2, "::error::version:")
    assert not (tmp_path / "calls").exists()


def test_each_lowest_version_is_said_and_tested() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("dependencies = "))
    needed = re.findall(r'"([^"]*)"', line)
    assert all(re.match(r"[a-z]+>=\d+(\.\d+)+(;|$)", each) for each in needed)
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    command = re.search(r"< <\((.*)\)$", script, re.M)
    assert command
    done = subprocess.run(["bash", "-c", command[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [each.partition(";")[0].replace(">=", "==") for each in needed]


# -- the package ----------------------------------------------------------------------------------------

HOOK = runpy.run_path(str(ROOT / "hatch_build.py"))


def test_the_readme_of_the_package_has_absolute_links() -> None:
    text = "[a](docs/fixes.md#x) [b](LICENSE) [c](https://example.org/) [d](#top) `e`(f)"
    linked = HOOK["with_absolute_links"]
    assert linked(text, "", "") == text
    assert linked(text, "https://d.org/", "https://r.org/blob/v1/") == (
        "[a](https://d.org/fixes.html#x) [b](https://r.org/blob/v1/LICENSE) [c](https://example.org/) [d](#top) `e`(f)"
    )
    assert "https://r.org/docs/fixes.md#x" in linked(text, "", "https://r.org/")
    picture = "![p](docs/_static/p.png)"
    assert linked(picture, "", "") == picture
    assert linked(picture, "https://d.org/", "https://r.org/blob/v1/") == "![p](https://d.org/_static/p.png)"
    assert linked(picture, "", "https://r.org/blob/v1/") == "![p](https://r.org/blob/v1/docs/_static/p.png?raw=true)"
    readme = linked((ROOT / "README.md").read_text("utf-8"), "https://d.org/", "https://r.org/")
    assert all(link.startswith("https://") for link in re.findall(r"\]\(([^)]*)\)", readme))


def test_the_metadata_have_the_addresses_that_are_known() -> None:
    urls = HOOK["urls"]
    assert urls("", "") == {}
    assert urls("https://d.org/", "").keys() == {"Homepage", "Documentation"}
    found = urls("https://d.org/", "https://r.org/o/p/")
    assert found.keys() == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert found["Issues"] == "https://r.org/o/p/issues"


# -- other places ---------------------------------------------------------------------------------------

PACKAGING = ROOT / "docs" / "packaging"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_mirror_has_the_hooks_of_this_repository() -> None:
    mirror = PACKAGING / "pre-commit-mirror"
    assert (mirror / ".pre-commit-hooks.yaml").read_bytes() == (ROOT / ".pre-commit-hooks.yaml").read_bytes()
    needed = tomllib.loads((mirror / "pyproject.toml").read_text("utf-8"))["project"]
    assert needed["dependencies"] == [f"dbhygiene=={__version__}"]
    assert needed["requires-python"] == PROJECT["requires-python"]


def test_the_mirror_can_be_installed(tmp_path: Path) -> None:
    """pre-commit runs `pip install .` in it: its wheel has no module, and needs one distribution."""
    mirror = shutil.copytree(PACKAGING / "pre-commit-mirror", tmp_path / "mirror")
    code = "import hatchling.build as build, sys; print(build.build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=mirror, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"dbhygiene_pre_commit-0.dist-info"}


def test_the_recipe_for_conda_says_what_pyproject_says() -> None:
    recipe = yaml.safe_load((PACKAGING / "conda-forge" / "recipe.yaml").read_text("utf-8"))
    assert recipe["context"] == {"version": __version__, "python_min": PROJECT["requires-python"].removeprefix(">=")}
    assert recipe["about"]["summary"] == PROJECT["description"]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert recipe["build"]["python"]["entry_points"] == [f"dbhygiene = {PROJECT['scripts']['dbhygiene']}"]
    bounds = [each.partition(";")[0].lower().replace(">=", " >=") for each in PROJECT["dependencies"]]
    assert recipe["requirements"]["run"] == ["python >=${{ python_min }}", *bounds]


def test_the_entry_for_editors_is_json() -> None:
    entry = json.loads((PACKAGING / "schemastore" / "pyproject-entry.json").read_text("utf-8"))
    assert entry["dbhygiene"]["$ref"].endswith("partial-dbhygiene.json")
    assert PROJECT["description"].removeprefix("Find ") in entry["dbhygiene"]["description"].replace("fixes", "fix")


# -- the release ----------------------------------------------------------------------------------------

RELEASE: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))


def test_a_release_is_tested_and_published_without_a_secret() -> None:
    build, publish = RELEASE["jobs"]["build"], RELEASE["jobs"]["publish"]
    scripts = "\n".join(step.get("run", "") for step in build["steps"])
    assert scripts.index("make test") < scripts.index("python -m build") < scripts.index("twine check --strict")
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert RELEASE["permissions"] == {"contents": "read"}
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


@bash
@pytest.mark.parametrize(("tag", "status"), [(f"v{__version__}", 0), ("v99.0", 1)])
def test_a_release_has_the_version_of_its_tag(tag: str, status: int) -> None:
    (run,) = (step["run"] for step in RELEASE["jobs"]["build"]["steps"] if step.get("name") == "The tag is the version")
    run = run.replace(".venv/bin/dbhygiene", f"{sys.executable} -m dbhygiene")
    assert (
        subprocess.run(["bash", "-c", run], cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": tag}).returncode == status
    )


# -- the image ------------------------------------------------------------------------------------------


def copied() -> list[str]:
    """What the Dockerfile copies from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
    return [word for line in lines for word in line.split()[:-1]]


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    for name in copied():
        assert (ROOT / name).exists()
        assert any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)


def test_the_image_runs_as_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert "\nUSER dbhygiene\n" in text.rpartition("\nFROM ")[2]
    assert all("-slim" in line for line in re.findall(r"^FROM .*$", text, re.M))


def test_what_the_image_copies_is_enough_to_build_the_package(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, project)
    code = "import hatchling.build as build, sys; print(build.build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("dbhygiene-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    assert "\nDescription-Content-Type: text/markdown\n" in metadata
    assert "\n# dbhygiene\n" in metadata
    assert ("\nProject-URL: Documentation, " in metadata) is bool(DOCUMENTATION)
