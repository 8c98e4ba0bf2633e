"""The shape of the code: layout, imports, flow, and who may open a file, ask the clock or name a number.

Every rule is a function over sources (or over names) that tells what it finds. It is run over the package, where it must
find nothing, and over a few lines that break it, where it must find something.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

import pytest

import governance_assets
from governance_assets.contract import Contract, registry
from governance_assets.domains import FLOW

ROOT = Path(governance_assets.__file__).parent
NAME = governance_assets.__name__

TOP_LEVEL = {
    "__init__.py",
    "py.typed",
    "contract.py",
    "definitions.py",
    "finding.py",
    "sample.py",
    "sample_cadence.py",
    "sample_media.py",
    "sample_plan.py",
    "sample_registry.py",
}
PACKAGES = {
    *("cli", "feeds", "stats", "pages", "policy", "runtime", "runtime/sources", "runtime/alerts", "runtime/alerts/channels"),
    *("runtime/proof", "runtime/replay", "runtime/sources/live"),
}
NO_MODULES = {"runtime/dagster.yaml"}
DOMAIN_FILES = {"__init__.py", "contracts.py", "facts.py", "rules.py", "assets.py", "report.py"}
# A file that grows long is cut by topic: facts_approvals.py stands beside facts.py.
DOMAIN_PARTS = re.compile(r"(facts|report)_[a-z]+(_[a-z]+)*\.py")
# Pure arithmetic over dates and incidents; it stands in runtime/ beside the schedules and the sweep that it serves.
CALENDAR = {f"{NAME}.runtime.{name}" for name in ("periods", "due_dates", "calendar", "alerts.incidents", "alerts.escalation")}
HEAVY = ("numba", "scipy", "matplotlib", "boto3", "botocore", "slack_sdk")


@dataclass(frozen=True)
class Source:
    """One module: its path below the package, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def parts(self) -> tuple[str, ...]:
        return PurePosixPath(self.path).parts

    @property
    def module(self) -> str:
        names = [NAME, *PurePosixPath(self.path).with_suffix("").parts]
        return ".".join(names[:-1] if names[-1] == "__init__" else names)

    @property
    def domain(self) -> str | None:
        return self.parts[1] if self.parts[0] == "domains" and len(self.parts) > 2 else None

    @property
    def is_runtime(self) -> bool:
        return self.parts[0] == "runtime"

    @property
    def is_command_line(self) -> bool:
        return self.parts[0] == "cli"

    @property
    def is_wiring(self) -> bool:
        """Whether it may name Dagster."""
        return self.is_runtime or self.is_command_line or self.parts[-1] == "assets.py" or self.path == "definitions.py"

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of everything imported, inside functions too; ``from a import b`` is ``a.b``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = [] if not node.level else [NAME, *self.parts[: len(self.parts) - node.level]]
                stem = ".".join([*package, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Line and value of every string but docstrings; the fixed parts of f-strings too."""
        told = {id(node.body[0].value) for node in ast.walk(self.tree) if _has_docstring(node)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                yield node.lineno, node.value


def _has_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node) is not None


@cache
def sources() -> tuple[Source, ...]:
    """Every module of the package."""
    return tuple(Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py")))


# Rules over one module; each yields "line: what is wrong"


def is_documented(source: Source) -> Iterator[str]:
    """Every module says what it is."""
    if not (ast.get_docstring(source.tree) or "").strip():
        yield "1: no module docstring"


def is_annotated(source: Source) -> Iterator[str]:
    """Every function says what it takes and gives."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
        bare = [argument.arg for argument in arguments if argument.annotation is None and argument.arg not in ("self", "cls")]
        if bare or node.returns is None:
            yield f"{node.lineno}: {node.name} leaves {', '.join([*bare, *([] if node.returns else ['its result'])])} without a type"


def imports_flow(source: Source) -> Iterator[str]:
    """Domains import only each other's contracts, of earlier domains; besides them the command line prints a domain's report."""
    for line, name in source.imports():
        target = name.removeprefix(f"{NAME}.domains.").split(".")
        if not name.startswith(f"{NAME}.domains.") or target[0] not in FLOW or target[0] == source.domain:
            continue
        if source.is_command_line and target[1:2] == ["report"]:
            continue
        if source.domain is None:
            yield f"{line}: {name} is a domain's, and this is none"
        elif target[1:2] != ["contracts"]:
            yield f"{line}: {name} is no contract"
        elif FLOW.index(target[0]) > FLOW.index(source.domain):
            yield f"{line}: {name} comes later in FLOW"


def keeps_dagster_out(source: Source) -> Iterator[str]:
    """Only assets.py, runtime/, cli/ and definitions.py may name Dagster or what builds on it."""
    if source.is_wiring:
        return
    for line, name in source.imports():
        if name.split(".")[0].startswith("dagster"):
            yield f"{line}: {name}"
        if name.startswith(f"{NAME}.runtime") and not any(name == pure or name.startswith(f"{pure}.") for pure in CALENDAR):
            yield f"{line}: {name} belongs to the wiring"


def keeps_statistics_apart(source: Source) -> Iterator[str]:
    """stats/ knows nothing of ours but stats."""
    for line, name in source.imports():
        if source.parts[0] == "stats" and name.split(".")[0] == NAME and not f"{name}.".startswith(f"{NAME}.stats."):
            yield f"{line}: {name}"


def keeps_annotations_real(source: Source) -> Iterator[str]:
    """Dagster reads annotations: a postponed one makes an annotated context a definition error."""
    for line, name in source.imports():
        if source.parts[-1] == "assets.py" and name == "__future__.annotations":
            yield f"{line}: from __future__ import annotations"


_CLOCKS = {"now", "utcnow", "today"}
_CLOCK_OWNERS = {"datetime", "date", "dt", "Timestamp"}
_WALL_TIMES = {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime", "clock_gettime"}
_SQL_CLOCK = re.compile(r"\b(now|today|get_current_timestamp|get_current_time)\s*\(\s*\)|\bcurrent_(timestamp|date|time)\b", re.IGNORECASE)


def asks_no_clock(source: Source) -> Iterator[str]:
    """Only runtime/clock.py asks the wall clock, in Python or in SQL; a stopwatch is none."""
    if source.path == "runtime/clock.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).split(".")[-1]
            if (owner in _CLOCK_OWNERS and node.attr in _CLOCKS) or (owner == "time" and node.attr in _WALL_TIMES):
                yield f"{node.lineno}: {owner}.{node.attr}"
    for line, name in source.imports():
        if name in {f"time.{function}" for function in _WALL_TIMES}:
            yield f"{line}: {name}"
    yield from (f"{line}: SQL asks the clock" for line, text in source.texts() if _SQL_CLOCK.search(text))


_DOORS = {
    "os",
    "pathlib",
    "shutil",
    "tempfile",
    "glob",
    "socket",
    "ssl",
    "sqlite3",
    "subprocess",
    "requests",
    "urllib.request",
    "http.client",
}
_OPENERS = re.compile(r"open|connect|urlopen|(read|write)_(text|bytes|csv|parquet|table|json|feather)|to_(csv|parquet|json|feather|pickle)")
_SQL_FILES = re.compile(
    r"\b(read_(parquet|csv|csv_auto|json|json_auto|text|blob)|parquet_scan)\s*\(|\bATTACH\s+['(]|^\s*COPY\s+(\(|\S+\s+(TO|FROM)\b)",
    re.IGNORECASE,
)


def opens_nothing(source: Source) -> Iterator[str]:
    """Only runtime/ opens files, sockets and connections. The command line may hold a path, print, and show a page in a browser."""
    if source.is_runtime:
        return
    for line, name in source.imports():
        door = next((door for door in _DOORS if name == door or name.startswith(f"{door}.")), None)
        if door and not (source.is_command_line and door in ("os", "pathlib")):
            yield f"{line}: {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id == "open":
                yield f"{node.lineno}: open()"
            if isinstance(function, ast.Attribute) and _OPENERS.fullmatch(function.attr) and not (source.is_command_line and _shows(node)):
                yield f"{node.lineno}: .{function.attr}()"
    yield from (f"{line}: SQL opens a file" for line, text in source.texts() if _SQL_FILES.search(text))


def _shows(call: ast.Call) -> bool:
    """Whether a call opens the browser, or writes to what is open already."""
    return ast.unparse(call.func) == "webbrowser.open" or any(ast.unparse(given).startswith("sys.stdout") for given in call.args)


def disputes_no_number(source: Source) -> Iterator[str]:
    """A rules.py holds no number but 0 and 1: what somebody could dispute is policy."""
    if source.parts[-1] != "rules.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex) and node.value not in (0, 1):
            yield f"{node.lineno}: {node.value}"


RULES: tuple[Callable[[Source], Iterator[str]], ...] = (
    is_documented,
    is_annotated,
    imports_flow,
    keeps_dagster_out,
    keeps_statistics_apart,
    keeps_annotations_real,
    asks_no_clock,
    opens_nothing,
    disputes_no_number,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Callable[[Source], Iterator[str]]) -> None:
    assert [f"{source.path}:{problem}" for source in sources() for problem in rule(source)] == []


BROKEN = [
    (is_documented, "stats/x.py", "import math\n"),
    (is_documented, "stats/x.py", '"""   """\n'),
    (is_annotated, "stats/x.py", "def double(x) -> float: ..."),
    (is_annotated, "stats/x.py", "def double(x: float): ..."),
    (is_annotated, "stats/x.py", "class A:\n    def m(self, *rest) -> None: ..."),
    (is_annotated, "stats/x.py", "def f() -> None:\n    async def g(**k) -> None: ..."),
    (imports_flow, "domains/calibration/rules.py", "from governance_assets.domains.intake import rules"),
    (imports_flow, "domains/calibration/facts.py", "from governance_assets.domains.intake.facts import total"),
    (imports_flow, "domains/calibration/facts.py", "import governance_assets.domains.intake"),
    (imports_flow, "domains/intake/facts.py", "from governance_assets.domains.calibration import contracts"),
    (imports_flow, "domains/intake/facts.py", "from ..calibration.contracts import ForecastScores"),
    (imports_flow, "domains/intake/facts.py", "def late() -> None:\n    import governance_assets.domains.health.contracts"),
    (imports_flow, "runtime/artifact.py", "from governance_assets.domains.intake import contracts"),
    (imports_flow, "runtime/sources/x.py", "from ...domains.intake.contracts import FEEDS"),
    (imports_flow, "pages/site.py", "import governance_assets.domains.intake.contracts"),
    (imports_flow, "stats/x.py", "from governance_assets.domains import intake"),
    (imports_flow, "cli/x.py", "from governance_assets.domains.intake import facts"),
    (keeps_dagster_out, "domains/intake/rules.py", "import dagster as dg"),
    (keeps_dagster_out, "stats/x.py", "from dagster_shared import yaml_utils"),
    (keeps_dagster_out, "domains/intake/facts.py", "from governance_assets.runtime.history import History"),
    (keeps_dagster_out, "pages/site.py", "from governance_assets import runtime"),
    (keeps_statistics_apart, "stats/x.py", "from governance_assets.policy import Policy"),
    (keeps_statistics_apart, "stats/x.py", "from governance_assets import contract"),
    (keeps_statistics_apart, "stats/x.py", "from ..contract import Contract"),
    (keeps_annotations_real, "domains/intake/assets.py", "from __future__ import annotations"),
    (asks_no_clock, "runtime/history.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
    (asks_no_clock, "runtime/history.py", "from datetime import date\nx = date.today()"),
    (asks_no_clock, "runtime/history.py", "from datetime import datetime\nx = map(datetime.utcnow, ())"),
    (asks_no_clock, "sample.py", "import pandas as pd\nx = pd.Timestamp.now()"),
    (asks_no_clock, "cli/x.py", "import time\nx = time.time()"),
    (asks_no_clock, "cli/x.py", "import time\ntick = time.time_ns"),
    (asks_no_clock, "cli/x.py", "from time import time"),
    (asks_no_clock, "cli/x.py", "from time import gmtime as then"),
    (asks_no_clock, "domains/intake/facts.py", 'QUERY = "SELECT now() - opened_at FROM issues"'),
    (asks_no_clock, "domains/intake/facts.py", 'table = "t"\nQUERY = f"SELECT CURRENT_DATE FROM {table}"'),
    (opens_nothing, "domains/intake/facts.py", "text = open('x').read()"),
    (opens_nothing, "stats/x.py", "from pathlib import Path"),
    (opens_nothing, "policy/intake.py", "import os.path"),
    (opens_nothing, "pages/site.py", "import urllib.request"),
    (opens_nothing, "pages/site.py", "from urllib import request"),
    (opens_nothing, "pages/site.py", "def write(path: object) -> None:\n    path.write_text('x')"),
    (opens_nothing, "domains/intake/facts.py", "import duckdb\ncon = duckdb.connect()"),
    (opens_nothing, "domains/intake/facts.py", "import pyarrow.parquet as pq\nt = pq.read_table('x')"),
    (opens_nothing, "domains/intake/facts.py", "def f(frame: object) -> None:\n    frame.to_csv('x')"),
    (opens_nothing, "domains/intake/facts.py", "QUERY = \"SELECT * FROM read_parquet('x')\""),
    (opens_nothing, "domains/intake/facts.py", "QUERY = \"COPY scores TO 'x'\""),
    (opens_nothing, "cli/x.py", "from pathlib import Path\nx = Path('x').read_text()"),
    (opens_nothing, "cli/x.py", "import socket"),
    (opens_nothing, "cli/x.py", "import pyarrow.csv as csv\ncsv.write_csv(1, 'x.csv')"),
    (opens_nothing, "domains/intake/facts.py", "import sys, pyarrow.csv as csv\ncsv.write_csv(1, sys.stdout.buffer)"),
    (opens_nothing, "domains/intake/facts.py", "QUERY = \"ATTACH 'x.db'\""),
    (disputes_no_number, "domains/intake/rules.py", "LIMIT = 0.05"),
    (disputes_no_number, "domains/intake/rules.py", "def f(x: float) -> bool:\n    return x > -2"),
    (disputes_no_number, "domains/intake/rules.py", "def f(x: float = 10) -> float:\n    return x"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN, ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BROKEN)])
def test_the_rule_finds_what_breaks_it(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


KEPT = [
    (is_annotated, "stats/x.py", "def f(x: float, *rest: int, **more: str) -> None:\n    return sorted(rest, key=lambda v: v)"),
    (imports_flow, "domains/calibration/facts.py", "from governance_assets.domains.intake.contracts import FEEDS"),
    (imports_flow, "domains/calibration/facts.py", "from governance_assets.domains.intake import contracts"),
    (imports_flow, "domains/calibration/facts.py", "from governance_assets.domains.calibration import rules"),
    (imports_flow, "runtime/overview.py", "from governance_assets.domains import FLOW"),
    (imports_flow, "cli/x.py", "from governance_assets.domains.intake.report import skeleton"),
    (keeps_dagster_out, "domains/intake/assets.py", "from governance_assets.runtime.artifact import artifact"),
    (keeps_dagster_out, "domains/intake/rules.py", "from governance_assets.runtime.periods import week_of"),
    (keeps_dagster_out, "runtime/sources/x.py", "import dagster"),
    (keeps_statistics_apart, "stats/x.py", "from governance_assets.stats.arrays import Floats\nfrom .limits import above"),
    (keeps_annotations_real, "domains/intake/rules.py", "from __future__ import annotations"),
    (asks_no_clock, "runtime/clock.py", "import datetime as dt\nx = dt.datetime.now(dt.UTC)"),
    (asks_no_clock, "cli/x.py", '"""What happens now() or today()."""\nfrom governance_assets.runtime import clock\nx = clock.now()'),
    (asks_no_clock, "cli/x.py", "import datetime as dt\nx = dt.time(12)"),
    (asks_no_clock, "cli/x.py", "import time\nx = time.monotonic()\ntime.sleep(1)"),
    (asks_no_clock, "cli/x.py", "def f(date: str) -> str:\n    return date.strftime('%Y') + ' currently'"),
    (opens_nothing, "runtime/history.py", "import duckdb\ncon = duckdb.connect()"),
    (opens_nothing, "cli/x.py", "import webbrowser\nfrom pathlib import Path\nwebbrowser.open(Path('x').as_uri())"),
    (opens_nothing, "cli/x.py", "import sys, pyarrow.csv as csv\ncsv.write_csv(1, sys.stdout.buffer)"),
    (opens_nothing, "pages/site.py", "from urllib.parse import quote\nREADME = 'Copy the folder, then open it'"),
    (disputes_no_number, "domains/intake/rules.py", "X = (0, 1, -1, 1.0, True, '90 %')"),
    (disputes_no_number, "domains/intake/facts.py", "DAYS = 7"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), KEPT, ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(KEPT)])
def test_the_rule_leaves_the_rest_alone(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_every_rule_is_shown_to_find_something() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)
    assert len(sources()) > 20


# Layout


def misplaced(paths: Iterable[str]) -> list[str]:
    """The paths below the package that have no place there."""
    return [path for path in paths if path not in NO_MODULES and not _has_a_place(PurePosixPath(path).parts)]


def _has_a_place(parts: tuple[str, ...]) -> bool:
    if len(parts) == 1:
        return parts[0] in TOP_LEVEL
    if parts[0] == "domains":
        return parts == ("domains", "__init__.py") or (len(parts) == 3 and parts[1] in FLOW and _is_domain_file(parts[2]))
    if parts[0] == "pages" and parts[1] == "templates":
        return len(parts) == 3 and not parts[2].endswith(".py")
    return "/".join(parts[:-1]) in PACKAGES and parts[-1].endswith(".py")


def _is_domain_file(name: str) -> bool:
    return name in DOMAIN_FILES or DOMAIN_PARTS.fullmatch(name) is not None


def test_every_file_has_its_place() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert misplaced(files) == []
    assert set(files) >= TOP_LEVEL


@pytest.mark.parametrize(
    "path",
    [
        "helpers.py",
        "utils/text.py",
        "domains/helpers.py",
        "domains/weather/facts.py",
        "domains/intake/utils.py",
        "domains/intake/rules_more.py",
        "domains/intake/facts_.py",
        "domains/intake/sub/facts.py",
        "domains/intake/notes.md",
        "stats/core/x.py",
        "stats/table.csv",
        "runtime/sources/deep/x.py",
        "pages/templates/x.py",
    ],
)
def test_a_file_without_a_place_is_found(path: str) -> None:
    assert misplaced(
        [
            path,
            "stats/x.py",
            "domains/intake/facts.py",
            "domains/intake/facts_of_files.py",
            "runtime/sources/x.py",
            "pages/templates/x.html",
        ]
    ) == [path]


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "domains").iterdir() if path.is_dir() and path.name[0] != "_"))
def test_a_domain_is_a_package_with_contracts(folder: str) -> None:
    assert (ROOT / "domains" / folder / "__init__.py").is_file()
    assert (ROOT / "domains" / folder / "contracts.py").is_file()


def test_flow_names_each_domain_once() -> None:
    assert len(set(FLOW)) == len(FLOW)
    assert (FLOW[0], FLOW[-1]) == ("intake", "health")


# Imports, tried in a process of their own


_WITHOUT_DAGSTER = """
import importlib, importlib.abc, json, sys

class Closed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("dagster"):
            raise ImportError(f"{name} is closed")

sys.meta_path.insert(0, Closed())
failed = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps(failed))
"""

_LOADED = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
"""


def answer(code: str, *arguments: object) -> object:
    """What ``code`` prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(json.dumps, arguments)], capture_output=True, text=True, check=False, cwd=ROOT.parent, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_but_the_wiring_imports_without_dagster() -> None:
    names = [source.module for source in sources() if not source.is_wiring]
    assert answer(_WITHOUT_DAGSTER, [*names, *sorted(CALENDAR)]) == {}


def test_an_import_of_dagster_is_noticed() -> None:
    failed = answer(_WITHOUT_DAGSTER, [f"{NAME}.definitions", f"{NAME}.finding"])
    assert list(failed) == [f"{NAME}.definitions"]


def test_nothing_heavy_is_loaded_with_the_definitions() -> None:
    assert answer(_LOADED, [f"{NAME}.definitions"], HEAVY) == []


def test_a_heavy_import_is_noticed() -> None:
    assert answer(_LOADED, ["scipy.stats"], HEAVY) == ["scipy"]


# Contracts, assets and flow


@dataclass(frozen=True)
class Asset:
    """What the graph says of one asset: the domain that declares it (None for upkeep), and what it reads."""

    domain: str | None
    reads: frozenset[str]


def unpaired(contracts: Mapping[str, str], assets: Mapping[str, Asset]) -> list[str]:
    """Contracts without an asset, assets of a domain without a contract, and pairs that stand in two domains."""
    declared = {name: asset.domain for name, asset in assets.items() if asset.domain is not None}
    return (
        [f"contract {name} has no asset" for name in sorted(contracts.keys() - declared.keys())]
        + [f"asset {name} has no contract" for name in sorted(declared.keys() - contracts.keys())]
        + [f"{name} stands in two domains" for name in sorted(contracts.keys() & declared.keys()) if contracts[name] != declared[name]]
    )


def against_flow(assets: Mapping[str, Asset]) -> list[str]:
    """Edges that lead from a later domain to an earlier one, or out of the graph."""
    found = []
    for name, asset in sorted(assets.items()):
        for read in sorted(asset.reads):
            if read not in assets:
                found.append(f"{name} reads {read}, which nobody makes")
            elif asset.domain is not None and assets[read].domain is None:
                found.append(f"{name} reads {read}, which is no artifact")
            elif asset.domain is not None and FLOW.index(str(assets[read].domain)) > FLOW.index(asset.domain):
                found.append(f"{name} ({asset.domain}) reads {read} ({assets[read].domain})")
    return found


@pytest.fixture(scope="module")
def graph() -> dict[str, Asset]:
    """The assets of the code location."""
    definitions = importlib.import_module(f"{NAME}.definitions")
    declared = {key.to_user_string(): domain for domain in FLOW for asset in declared_in(domain) for key in asset.keys}
    resolved = definitions.defs.resolve_asset_graph()
    return {
        key.to_user_string(): Asset(
            declared.get(key.to_user_string()), frozenset(parent.to_user_string() for parent in resolved.get(key).parent_keys)
        )
        for key in resolved.get_all_asset_keys()
    }


def declared_in(domain: str) -> list[object]:
    import dagster as dg

    if not (ROOT / "domains" / domain / "assets.py").exists():
        return []
    module = importlib.import_module(f"{NAME}.domains.{domain}.assets")
    return [value for value in vars(module).values() if isinstance(value, dg.AssetsDefinition)]


@pytest.fixture(scope="module")
def contracts() -> dict[str, str]:
    """The contracts of the package and their domains."""
    for folder in FLOW:
        if (ROOT / "domains" / folder / "contracts.py").exists():
            importlib.import_module(f"{NAME}.domains.{folder}.contracts")
    return {name: contract.domain() for name, contract in registry().items() if contract.__module__.startswith(f"{NAME}.domains.")}


def test_every_contract_has_its_asset_and_every_asset_its_contract(contracts: dict[str, str], graph: dict[str, Asset]) -> None:
    assert unpaired(contracts, graph) == []
    assert {"quantile_forecasts", "forecast_scores"} <= graph.keys()


def test_the_asset_graph_follows_flow(graph: dict[str, Asset]) -> None:
    assert against_flow(graph) == []
    assert any(asset.reads for asset in graph.values())


def test_a_break_of_pairing_or_flow_is_found() -> None:
    nothing: frozenset[str] = frozenset()
    early, late = Asset("intake", nothing), Asset("health", frozenset({"feed"}))
    assert unpaired({"feed": "intake", "report": "health"}, {"feed": early, "report": late}) == []
    assert against_flow({"feed": early, "report": late}) == []
    assert unpaired({"feed": "intake"}, {}) == ["contract feed has no asset"]
    assert unpaired({}, {"feed": early, "compaction": Asset(None, nothing)}) == ["asset feed has no contract"]
    assert unpaired({"feed": "health"}, {"feed": early}) == ["feed stands in two domains"]
    turned = {"feed": Asset("intake", frozenset({"report"})), "report": Asset("health", nothing)}
    assert against_flow(turned) == ["feed (intake) reads report (health)"]
    assert against_flow({"report": late}) == ["report reads feed, which nobody makes"]
    assert against_flow({"feed": Asset(None, nothing), "report": late}) == ["report reads feed, which is no artifact"]


def nameless(classes: Iterable[type[Contract]]) -> list[str]:
    """Contracts that are no artifact although nothing builds on them: a forgotten ``artifact=``."""
    return [found.__qualname__ for found in classes if not getattr(found, "artifact", "") and not found.__subclasses__()]


def test_every_contract_class_is_an_artifact_or_the_base_of_one(contracts: dict[str, str]) -> None:
    modules = {sys.modules[f"{NAME}.domains.{domain}.contracts"] for domain in contracts.values()}
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type) and issubclass(value, Contract)]
    assert nameless(found for found in classes if found is not Contract) == []

    class Forgotten(Contract):
        """No artifact, and the base of none."""

    assert nameless([Forgotten]) == [Forgotten.__qualname__]
