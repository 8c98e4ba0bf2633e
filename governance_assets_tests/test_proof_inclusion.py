"""The verifier of one figure must accept what was recorded and refuse everything else, whoever wrote the proof."""

from __future__ import annotations

import ast
import base64
import copy
import datetime as dt
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import Contract, arrow_schema, field
from governance_assets.runtime.history import Entry, History
from governance_assets.runtime.proof.figure_verifier import check
from governance_assets.runtime.proof.inclusion import VERIFIER, ProofRefused, prove, shown, write
from governance_assets.runtime.proof.seals import seal
from governance_assets_tests.campaigns import workload

WEEK = "2024-01-01"
ROWS = 1200


class Proved(Contract, artifact="proved_figures", grain="week", key=("week", "model_id", "place")):
    """Figures of every kind."""

    week: dt.date = field("Monday of the week")
    model_id: str = field("Model")
    place: str | None = field("Place", null="everywhere")
    score: float | None = field("Score", unit="usd", null="none", allow_nan=True)
    twin: float | None = field("The same score again", null="none", allow_nan=True)
    n: int = field("Count")
    is_good: bool = field("Whether it is good")
    seen_at: dt.datetime = field("Instant")


VALUES = [0.1, -0.0, math.nan, math.inf, 1e300, None, 5e-324]


def rows() -> pa.Table:
    week, count = dt.date.fromisoformat(WEEK), ROWS
    score = [VALUES[n] if n < len(VALUES) else n / 7 for n in range(count)]
    return pa.table(
        {
            "week": [week] * count,
            "model_id": [f"model {n:05}" for n in range(count)],
            "place": [None if n % 5 == 0 else "é" for n in range(count)],
            "score": score,
            "twin": score,
            "n": [2**62 + n for n in range(count)],
            "is_good": [n % 3 == 0 for n in range(count)],
            "seen_at": [dt.datetime(1969, 12, 31, 23, 59, 59, 999999, dt.UTC) + dt.timedelta(days=n) for n in range(count)],
        },
        schema=pa.schema([(one.name, one.type) for one in arrow_schema(Proved)]),
    )


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("proved")
    with History.open(workload.location(folder)) as opened:
        files = [folder / "anchors.jsonl"]
        opened.commit(workload.entries("before", 4, 3), workload.judged_provenance("before"))
        opened.commit([Entry(Proved, WEEK, rows(), (), (), "1", is_open=False)], workload.judged_provenance("proved"))
        seal(opened, files, "test")
        opened.commit(workload.entries("after", 4, 3), workload.judged_provenance("after"))
        seal(opened, files, "test")
        yield opened


@pytest.fixture(scope="module")
def proof(history: History) -> dict[str, Any]:
    return prove(history, "proved_figures", WEEK, {"model_id": "model 00007"}, "score")


def ran(folder: Path, proof: object, head: str) -> subprocess.CompletedProcess[str]:
    """The verifier as a person runs it: a copy of one file, without any package."""
    verifier = write(proof if isinstance(proof, dict) else {}, folder / "proof.json")
    if not isinstance(proof, dict):
        (folder / "proof.json").write_text(str(proof))
    command = [sys.executable, "-I", "-S", str(verifier), str(folder / "proof.json"), "--head", head]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=folder)


def is_refused(proof: object, head: str) -> bool:
    try:
        check(proof, head)
    except (Exception, SystemExit):  # what the command refuses
        return True
    return False


def test_the_verifier_is_one_short_file_without_our_package():
    text = VERIFIER.read_text()
    assert len(text.splitlines()) <= 60
    imported = [alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names]
    assert {*imported} <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(text)))


def test_a_proof_is_accepted_and_says_what_it_proves(tmp_path: Path, proof: dict[str, Any]):
    done = ran(tmp_path, proof, proof["head"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('accepted: {"artifact": "proved_figures", "partition_key": "2024-01-01", "revision": 1')
    assert '"value": "1.0"' in done.stdout
    assert (tmp_path / "proof.json").stat().st_size < 60_000


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        ("week", [0]),
        ("model_id", [1]),
        ("place", [4, 5]),
        ("score", [0, 1, 2, 3, 4, 5, 6, 511, 512, 1024, ROWS - 1]),
        ("n", [513]),
        ("is_good", [3, 4]),
        ("seen_at", [0, ROWS - 1]),
    ],
)
def test_every_kind_of_figure_is_proved(history: History, column: str, numbers: list[int]):
    for number in numbers:
        proof = json.loads(json.dumps(prove(history, "proved_figures", WEEK, {"model_id": f"model {number:05}"}, column)))
        assert proof["figure"]["value"] == shown(rows()[column][number].as_py())
        assert check(proof, proof["head"]).startswith("accepted")


def test_a_proof_may_lead_to_an_earlier_head(history: History, proof: dict[str, Any]):
    first, second = history.seals()["head_sha256"].to_pylist()
    early = prove(history, "proved_figures", WEEK, {"model_id": "model 00007"}, "score", head=first)
    assert [len(early["seals"]), len(proof["seals"])] == [1, 2]
    assert check(early, first).startswith("accepted")
    assert is_refused(early, second)
    assert is_refused(proof, first)


def forge(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def forged(proof: dict[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(proof)
        change(made)
        assert made != proof
        return made

    return forged


def entry(**values: object) -> Callable[[dict[str, Any]], object]:
    """Rewrite the text of the ledger entry."""

    def change(made: dict[str, Any]) -> None:
        told = json.loads(made["entry"])
        told["ledger"] |= values
        made["entry"] = json.dumps(told, sort_keys=True, separators=(",", ":"))

    return change


def block(at: int, change: Callable[[bytearray], object]) -> Callable[[dict[str, Any]], object]:
    """Rewrite the bytes of a block."""

    def rewrite(made: dict[str, Any]) -> None:
        data = bytearray(base64.b64decode(made["table"]["leaves"][at]["data"]))
        change(data)
        made["table"]["leaves"][at]["data"] = base64.b64encode(data).decode()

    return rewrite


def leaf(at: int, **values: object) -> Callable[[dict[str, Any]], object]:
    return lambda made: made["table"]["leaves"][at].update(values)


def name_twin(made: dict[str, Any]) -> None:
    """Claim the value for the column that has equal values."""
    made["figure"]["column"] = "twin"


def rename_block(made: dict[str, Any]) -> None:
    name_twin(made)
    block(3, lambda data: data.__setitem__(slice(0, 9), b"\x04\0\0\0twin"))(made)


def two_rows(made: dict[str, Any]) -> None:
    """Leave the part of the key out that tells rows apart."""
    made["figure"]["key"] = {"week": WEEK}


ATTACKS = {
    "value": lambda made: made["figure"].update(value="1.0000000000000002"),
    "value as number": lambda made: made["figure"].update(value=1.0),
    "value as truth": lambda made: made["figure"].update(value=True),
    "value missing": lambda made: made["figure"].update(value=None),
    "value NaN": lambda made: made["figure"].update(value=math.nan),
    "value huge": lambda made: made["figure"].update(value=10**400),
    "other row": lambda made: made["figure"]["key"].update(model_id="model 00008"),
    "no such row": lambda made: made["figure"]["key"].update(model_id="model 99999"),
    "row of another block": lambda made: made["figure"]["key"].update(model_id="model 00600"),
    "no key": lambda made: made["figure"].update(key={}),
    "key of two rows": two_rows,
    "key missing as null": lambda made: made["figure"]["key"].update(place=None),
    "unknown key column": lambda made: made["figure"]["key"].update(colour="red"),
    "equal column": name_twin,
    "renamed block": rename_block,
    "no such column": lambda made: made["figure"].update(column="price"),
    "artifact": lambda made: made["figure"].update(artifact="campaign_trial"),
    "partition": lambda made: made["figure"].update(partition_key="2024-01-08"),
    "revision": lambda made: made["figure"].update(revision=2),
    "artifact in both": lambda made: (made["figure"].update(artifact="x"), entry(artifact="x")(made)),
    "entry": entry(run_id="another"),
    "entry number": entry(entry=4),
    "entry content": entry(content_sha256="0" * 64),
    "entry space": lambda made: made.update(entry=made["entry"] + " "),
    "entry as alert": lambda made: made.update(entry=made["entry"].replace('"ledger"', '"alert"')),
    "entry nothing": lambda made: made.update(entry="{}"),
    "entry path": lambda made: made["path"].__setitem__(0, "0" * 64),
    "entry path short": lambda made: made["path"].pop(),
    "entry path long": lambda made: made["path"].append("0" * 64),
    "entry path no hash": lambda made: made["path"].__setitem__(0, "zz"),
    "block value": block(3, lambda data: data.__setitem__(-1, data[-1] ^ 1)),
    "block short": block(3, lambda data: data.__delitem__(slice(-8, None))),
    "block long": block(3, lambda data: data.extend(bytes(8))),
    "block nothing": leaf(3, data=""),
    "block no base64": leaf(3, data="§"),
    "block path": lambda made: made["table"]["leaves"][3]["path"].__setitem__(0, "0" * 64),
    "block path short": lambda made: made["table"]["leaves"][3]["path"].pop(),
    "block path long": lambda made: made["table"]["leaves"][3]["path"].append("0" * 64),
    "block as another column": leaf(3, column=4),
    "block before the first": leaf(3, column=-1),
    "block of another row of blocks": leaf(3, column=3 + 8),
    "column huge": leaf(3, column=10**40),
    "block number": lambda made: made["table"].update(block=1),
    "block number negative": lambda made: made["table"].update(block=-1),
    "rows": lambda made: made["table"].update(rows=ROWS - 1),
    "rows none": lambda made: made["table"].update(rows=0),
    "rows huge": lambda made: made["table"].update(rows=10**400),
    "columns": lambda made: made["table"].update(columns=9),
    "columns none": lambda made: made["table"].update(columns=0),
    "blocks none": lambda made: made["table"].update(leaves=[]),
    "seal root": lambda made: made["seals"][0].update(root_sha256="0" * 64),
    "seal range": lambda made: made["seals"][0].update(first_entry=2),
    "seal leaves": lambda made: made["seals"][0].update(leaf_count=made["seals"][0]["leaf_count"] + 1),
    "seal by": lambda made: made["seals"][1].update(sealed_by="somebody"),
    "seal left out": lambda made: made["seals"].pop(0),
    "last seal left out": lambda made: made["seals"].pop(),
    "seals turned": lambda made: made["seals"].reverse(),
    "seals none": lambda made: made.update(seals=[]),
    "seal repeated": lambda made: made["seals"].append(made["seals"][1]),
    "nothing": lambda made: made.clear(),
}  # fmt: skip


@pytest.mark.parametrize("change", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_forged_proof_is_refused(proof: dict[str, Any], change: Callable[[dict[str, Any]], object]):
    assert is_refused(forge(change)(proof), proof["head"])


def test_a_forged_proof_is_refused_by_the_command(tmp_path: Path, proof: dict[str, Any]):
    for number, (text, head) in enumerate(
        [
            (forge(ATTACKS["value"])(proof), proof["head"]),
            (proof, "0" * 64),
            (proof, ""),
            (proof, proof["head"][:-1]),
            ("{", proof["head"]),
            ("[" * 100_000, proof["head"]),
            ("1e999999", proof["head"]),
            (json.dumps(proof)[:-100], proof["head"]),
            ("\x00", proof["head"]),
        ]
    ):
        done = ran(tmp_path / str(number), text, head)
        assert (done.returncode, done.stdout) == (1, ""), text
        assert done.stderr.startswith("refused: ")
        assert "Traceback" not in done.stderr


def test_two_rows_with_one_key_prove_nothing(history: History, proof: dict[str, Any]):
    with pytest.raises(ProofRefused, match=r"1200 rows have no key at all, expected one; give model_id= model 00000, model 00001"):
        prove(history, "proved_figures", WEEK, {}, "score")
    assert is_refused(forge(two_rows)(proof), proof["head"])


def test_what_cannot_be_proved_is_refused_with_the_next_step(history: History):
    key = {"model_id": "model 00007"}
    with pytest.raises(ProofRefused, match="no contract is named nothing"):
        prove(history, "nothing", WEEK, key, "score")
    with pytest.raises(ProofRefused, match="nothing is recorded for proved_figures 2030-01-07"):
        prove(history, "proved_figures", "2030-01-07", key, "score")
    with pytest.raises(ProofRefused, match="has no column price; its columns are week"):
        prove(history, "proved_figures", WEEK, key, "price")
    with pytest.raises(ProofRefused, match="colour is no key column"):
        prove(history, "proved_figures", WEEK, {"colour": "red"}, "score")
    with pytest.raises(ProofRefused, match="0 rows have model_id=x"):
        prove(history, "proved_figures", WEEK, {"model_id": "x"}, "score")
    with pytest.raises(ProofRefused, match="no seal from entry 5 on has the head 00"):
        prove(history, "proved_figures", WEEK, key, "score", head="00")


def test_what_is_not_sealed_yet_is_refused(tmp_path: Path):
    with History.open(workload.location(tmp_path)) as history:
        history.commit(workload.entries("x", 1, 1), workload.judged_provenance("x"))
        week = history.ledger()["partition_key"][0].as_py()
        with pytest.raises(ProofRefused, match="entry 1 of campaign_trial .* is not sealed yet; run governance seal"):
            prove(history, "campaign_trial", week, {}, "score")
