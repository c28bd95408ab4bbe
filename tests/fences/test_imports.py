"""Who may import whom: import-linter's contracts, and lists of what is allowed."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ("placet", "workflows", "activities")

# A package, and everything it may import itself; indirect imports are import-linter's to judge.
# Of the standard library the domain and the workflows may use what has no clock, no chance and
# no world in it.
PURE = {
    "base64",
    "binascii",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "typing",
    "unicodedata",
    "zoneinfo",
}
ALLOWED = {
    "placet.domain": PURE | {"placet.domain", "pydantic"},
    "workflows": PURE
    | {"asyncio", "workflows", "activities", "placet.domain", "pydantic", "temporalio"},
    "activities": set(sys.stdlib_module_names)
    | {
        "activities",
        "placet.access",
        "placet.attestation",
        "placet.deleting",
        "placet.digest",
        "placet.domain",
        "placet.exports",
        "placet.files",
        "placet.halt",
        "placet.mail",
        "placet.payments",
        "placet.pipelines",
        "placet.policy.service",
        "placet.ports",
        "placet.publishing",
        "pydantic",
        "temporalio",
    },
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS, include_external_packages=True, cache_dir=None)


def lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a process of its own: it turns off the loggers of the one it is in."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(  # noqa: S603 - the program beside this interpreter
        [program, "--config", config, "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_are_kept() -> None:
    answer = lint_imports(REPOSITORY / "pyproject.toml")
    assert answer.returncode == 0, answer.stdout


def test_a_broken_contract_is_noticed(tmp_path: Path) -> None:
    config = tmp_path / "contracts.toml"
    config.write_text(
        '[tool.importlinter]\nroot_packages = ["placet", "workflows", "activities"]\n'
        '[[tool.importlinter.contracts]]\nname = "No workflow knows the domain"\n'
        'type = "forbidden"\nsource_modules = ["workflows"]\n'
        'forbidden_modules = ["placet.domain"]\n'
    )
    answer = lint_imports(config)
    assert answer.returncode == 1
    assert "BROKEN" in answer.stdout


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_it_may(graph: grimp.ImportGraph, package: str) -> None:
    strangers = {
        f"{module} imports {found}"
        for module in {package, *graph.find_descendants(package)}
        for found in graph.find_modules_directly_imported_by(module)
        if not any(found == one or found.startswith(f"{one}.") for one in ALLOWED[package])
    }
    assert strangers == set()


def test_doors_of_one_kind_do_not_know_each_other(graph: grimp.ImportGraph) -> None:
    siblings = [
        name
        for name in ("placet.cli", "placet.inbox", "placet.mcp", "placet.rest")
        if name in graph.modules
    ]
    assert "placet.cli" in siblings
    known = {
        f"{one} imports {other}"
        for one in siblings
        for other in siblings
        if one != other
        and graph.direct_import_exists(importer=one, imported=other, as_packages=True)
    }
    assert known == set()
