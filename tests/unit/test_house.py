"""Rules of the house that a reader would otherwise have to remember."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rplugin" / "python3" / "zeke"
MODULES = {
    ".".join(("zeke", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
PURE = ("zeke.routing", "zeke.prompt", "zeke.report", "zeke.models", "zeke.intents")
OUTSIDE = {"pynvim", "httpcore", "socket", "ssl", "sqlite3"}


def imports(path: Path) -> set[str]:
    """Modules that a file imports anywhere, type-checking blocks left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text("utf-8")))
    return found


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(PURE)])
def test_pure_modules_know_neither_editor_nor_network_nor_database(module: str) -> None:
    assert not {name.partition(".")[0] for name in imports(MODULES[module])} & OUTSIDE


def test_only_the_client_and_what_it_stands_on_know_the_network() -> None:
    users = {name for name, path in MODULES.items() if imports(path) & {"httpcore", "socket", "ssl"}}
    assert users == {f"zeke.exchange.{name}" for name in ("client", "connection", "network", "pools")}
    above = {name for name, path in MODULES.items() if imports(path) & {"zeke.exchange.network", "zeke.exchange.pools"}}
    assert above == {f"zeke.exchange.{name}" for name in ("client", "connection", "pools")}


def test_only_the_cache_knows_sqlite() -> None:
    users = {name for name, path in MODULES.items() if "sqlite3" in imports(path)}
    # The health check reads the file in a process of its own, also when the cache cannot be opened.
    assert all(name.startswith("zeke.cache.") for name in users - {"zeke.checks"})


def test_imports_have_one_direction() -> None:
    graph = {name: {target for target in imports(path) if target in MODULES} - {name} for name, path in MODULES.items()}
    # The package's own file carries the version and nothing that could close a circle.
    graph = {name: targets - {"zeke"} for name, targets in graph.items() if name != "zeke"}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way, name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def loaded_by(code: str) -> set[str]:
    """Names of the modules that a fresh Python has loaded after some code."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    return set(result.stdout.split())


# Modules that a start-up must not pay for. `ssl` is missing here because asyncio imports it itself.
HEAVY = {"httpcore", "h11", "anyio", "certifi", "pydantic", "pydantic_core", "sqlite3", "platformdirs"}
HEAVY |= {"detect_secrets", "requests", "urllib.request", "uuid"}


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    loaded = loaded_by("import zeke")
    assert "pynvim" in loaded
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("zeke")} == {"zeke", "zeke.plugin"}


def test_a_host_that_waits_for_its_first_request_has_imported_nothing_heavy() -> None:
    wired = "import asyncio, zeke.boot; from zeke.app import App; App(None, asyncio.new_event_loop()).configure({})"
    assert not loaded_by(wired) & HEAVY


def test_a_request_imports_no_second_http_client() -> None:
    stages = "import zeke.stages, zeke.answering, zeke.asking; from zeke.prompt import secrets; secrets.scan('x')"
    loaded = loaded_by(stages)
    assert {"httpcore", "detect_secrets"} <= loaded
    assert not loaded & {"httpx", "requests", "urllib3", "urllib.request", "http.client", "charset_normalizer"}


def test_the_seeds_migrations_are_unchanged() -> None:
    first = (ROOT / "db" / "migrations" / "0001_routing.sql").read_text("utf-8")
    second = (ROOT / "db" / "migrations" / "0002_indexes.sql").read_text("utf-8")
    assert first.startswith("-- Client-side zqlite tables (Zeke local cache)\n-- Path suggestion:")
    assert "max_cloud_cost_cents INTEGER DEFAULT 200," in first
    assert second.startswith("-- Helpful indexes for quick lookups\n")
    assert second.count("CREATE INDEX IF NOT EXISTS") == 4


def test_names_that_say_nothing_are_not_used() -> None:
    names = {path.stem for folder in ("rplugin", "lua", "tests", "scripts") for path in (ROOT / folder).rglob("*.*")}
    assert not names & {"util", "utils", "helper", "helpers", "common", "misc", "manager"}
