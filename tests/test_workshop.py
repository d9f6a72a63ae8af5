"""The workshop: set-up, targets, constraints and the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TARGETS = [
    *("help", "setup", "demo", "test", "lint", "types"),
    *("test-browser", "bench", "package", "clean"),
]


def run(*command, cwd=ROOT, **options):
    # GNU make tells its children about itself; the makes started here are no children of it.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env=clean | {"LC_ALL": "C"}, **options
    )


def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


def asked_for():
    project = PROJECT["project"]
    extras = [line for group in project["optional-dependencies"].values() for line in group]
    lines = [
        *project["dependencies"],
        *extras,
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    return [Requirement(line) for line in lines if not line.startswith("headstart")]


def test_constraints_are_exact_and_name_no_place():
    for pin in pinned().values():
        assert pin.url is None
        assert [clause.operator for clause in pin.specifier] == ["=="], str(pin)


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_constraints_cover_what_is_asked_for(requirement):
    pin = pinned()[canonicalize_name(requirement.name)]
    (clause,) = pin.specifier
    assert clause.version in requirement.specifier


def test_make_lists_its_targets():
    done = run("make")
    assert done.returncode == 0
    assert [line.split()[0:2] for line in done.stdout.splitlines()] == [
        ["make", target] for target in TARGETS
    ]


def test_make_test_runs_everything():
    commands = run("make", "-n", "test").stdout
    for part in ("ruff check .", "ruff format --check .", "bin/mypy", "pytest -n "):
        assert part in commands


def test_set_up_says_what_is_missing_and_how_large_it_is(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = run("make", "setup", "PYTHON=", cwd=tmp_path)
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=" in done.stderr
    # A venv whose pip does nothing: what is said is said before anything is fetched.
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/lib").mkdir()
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "ran $2 $3"\ntest "$1" != -c\n')
    python.chmod(0o755)
    done = run("make", "setup", "PYTHON=python3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("about 3 GB") < done.stdout.index("ran pip install")
    assert "5.6 GB on disk" in done.stdout
    assert "CPU" in done.stdout
    pins = pinned()
    for name in ("torch", "torchvision"):
        assert str(pins[name]) in done.stdout
    again = run("make", "setup", cwd=tmp_path)
    assert "ran pip" not in again.stdout


def test_integration_runs_what_a_person_runs():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert "make test" in text


def test_hooks_download_nothing():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    assert all(hook["language"] == "system" for hook in hooks["repos"][0]["hooks"])


def test_the_package_holds_everything(tmp_path):
    if Version(version("setuptools")) < Version("77"):
        pytest.skip("building needs setuptools 77 or newer (make setup installs it)")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = ("-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index")
    done = run(sys.executable, *build, "--wheel-dir", "dist", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("headstart-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("headstart/")}
    there = {
        str(path.relative_to(tmp_path / "src"))
        for path in (tmp_path / "src" / "headstart").rglob("*")
        if path.is_file()
    }
    assert packed == there
    assert "headstart/py.typed" in packed
    assert any(name.startswith("headstart/report/") and name.endswith(".html") for name in packed)
