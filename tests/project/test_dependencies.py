"""Dependencies: the same in every file that names them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import scenecart

ROOT = Path(__file__).resolve().parents[2]

EXTRAS = (
    "widgets",
    "report",
    "parquet",
    "raster",
    "cover",
    "keyring",
    "socks",
    "mcp",
    "office",
    "completion",
    "sandbox",
)
CONDA_NAMES = {"playwright-python": "playwright", "python-build": "build", "python-duckdb": "duckdb"}


def test_environment_yml_names_the_packages_of_pyproject():
    """environment.yml requires the same packages with the same lower bounds as pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = set(project["dependencies"])
    for extra in (*EXTRAS, "test", "lab", "docs"):
        wanted |= set(extras[extra])
    lines = re.findall(r"^  - (\S+) (>=\S+)$", (ROOT / "environment.yml").read_text(), re.MULTILINE)
    found = {f"{CONDA_NAMES.get(name, name)}{version}" for name, version in lines if name != "python"}
    assert found == wanted


def test_conda_recipe_is_that_of_pyproject():
    """The conda recipe has the version, the command, the packages and the lower bounds of pyproject.toml; parts are constraints."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = whole["project"]
    recipe = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text("utf-8"))
    needs = {name: {line.replace(" ", "") for line in lines} for name, lines in recipe["requirements"].items()}
    assert recipe["context"] == {"version": scenecart.__version__, "python_min": project["requires-python"].removeprefix(">=")}
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert needs["run"] == {"python>=${{python_min}}", *project["dependencies"]}
    assert needs["host"] == {"python${{python_min}}.*", "pip", *whole["build-system"]["requires"]}
    parts = {entry for extra in EXTRAS for entry in project["optional-dependencies"][extra]}
    assert needs["run_constraints"] == parts
    about = (recipe["about"]["summary"], recipe["about"]["license"], [recipe["about"]["license_file"]])
    assert about == (project["description"], project["license"], project["license-files"])


def test_constraints_pin_every_named_package():
    """Every package of pyproject.toml has one exact version in constraints.txt, which names no host."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = (project["dependencies"], *project["optional-dependencies"].values())
    named = [entry for group in groups for entry in group]
    pins = (ROOT / "constraints.txt").read_text()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins.splitlines() if "==" in line}
    needed = {re.split(r"[\[<>=]", entry)[0].lower() for entry in named} - {"scenecart"}
    assert needed <= pinned
    assert "://" not in pins


def test_lowest_constraints_equal_the_lower_bounds():
    """constraints-lowest.txt pins exactly the lower bounds of pyproject.toml, one version a package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"]]
    groups += [entries for extra, entries in project["optional-dependencies"].items() if extra not in {"all", "lint"}]
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    pins = [Requirement(line.partition(" #")[0]) for line in lines if not line.startswith("#")]
    pinned = {canonicalize_name(one.name): one.specifier for one in pins}
    assert len(pinned) == len(pins)
    assert all(part.operator == "==" for specifier in pinned.values() for part in specifier)
    for entry in (Requirement(line) for group in groups for line in group):
        (lowest,) = entry.specifier
        (pin,) = pinned[canonicalize_name(entry.name)]
        assert (lowest.operator, Version(lowest.version)) == (">=", Version(pin.version)), entry.name


def test_build_requirements_are_test_requirements():
    """The build requires the same hatchling as the suite."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(whole["build-system"]["requires"]) <= set(whole["project"]["optional-dependencies"]["test"])


def test_dependency_has_its_reason_in_the_docs():
    """docs/dependencies.md says why each package is needed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        for entry in group:
            name = re.split(r"[\[<>=]", entry)[0]
            assert name == "scenecart" or f"`{name}`" in text, name
