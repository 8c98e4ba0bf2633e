"""Accept or refuse a bundle of one quarter: python bundle_verifier.py FOLDER --head HEX. Needs Python and nothing else.

It recomputes the digest of every file, of the rows and the findings of every partition, and of every policy, and follows each ledger
entry by its path to its seal and the seals to the head, which must be known from elsewhere.
"""

import csv, datetime, hashlib, json, pathlib, struct, sys  # noqa: E401, I001

BLOCK = 512
NULL = "\\N"


def need(holds: bool, why: str) -> None:
    _ = holds or sys.exit(f"refused: {why}")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def root_of(leaves: list) -> bytes:  # the root of the RFC 6962 tree over these data
    level = [hashlib.sha256(b"\0" + data).digest() for data in leaves]
    while len(level) > 1:
        rest = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2])] + rest  # noqa: B905
    return level[0]


def root_by(path: list, data: bytes, index: int, size: int) -> str:  # the root that a path leads to from the leaf at index
    need(0 <= index < size, "a ledger entry lies outside its seal")
    found, last, left = hashlib.sha256(b"\0" + data).digest(), size - 1, [bytes.fromhex(text) for text in path]
    while last:
        if index % 2 or index < last:
            found = hashlib.sha256(b"\1" + (left.pop(0) + found if index % 2 else found + left.pop(0))).digest()
        index, last = index // 2, last // 2
    need(not left, "a path is too long")
    return found.hex()


def number(text: str, kind: str) -> object:  # one value as the digest encodes it
    if kind == "b":
        need(text in ("true", "false"), f"found {text!r}, expected true or false")
        return text == "true"
    if kind == "d":
        return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days
    if kind == "u":
        span = datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)  # noqa: UP017
        return (span.days * 86400 + span.seconds) * 1000000 + span.microseconds
    return float(text) + 0.0 if kind == "f" else int(text)


def leaf(name: str, kind: str, cells: list) -> bytes:  # one column's block
    bits = bytearray((len(cells) + 7) // 8)
    for n, cell in enumerate(cells):
        bits[n // 8] |= (cell != NULL) << n % 8
    head = struct.pack("<I", len(name.encode())) + name.encode() + kind.encode() + struct.pack("<Q", len(cells)) + bytes(bits)
    if kind == "t":
        texts = [b"" if cell == NULL else (cell[1:] if cell.startswith("\\") else cell).encode() for cell in cells]
        return head + struct.pack(f"<{len(cells)}q", *map(len, texts)) + b"".join(texts)
    values = [0 if cell == NULL else number(cell, kind) for cell in cells]
    if kind == "f":
        nan = struct.pack("<Q", 0x7FF8000000000000)
        return head + b"".join(nan if value != value else struct.pack("<d", value) for value in values)
    return head + struct.pack(f"<{len(cells)}{'?' if kind == 'b' else 'q'}", *values)


def digest_of(path: pathlib.Path, columns: list) -> tuple:  # rows, and the digest of a table as the ledger has it
    with path.open(newline="", encoding="utf-8") as file:
        heading, *rows = list(csv.reader(file))
    need(heading == [name for name, _ in columns] and all(len(row) == len(heading) for row in rows), f"{path} has other columns")
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)] or [[]]
    leaves = [leaf(name, kind, [row[at] for row in block]) for block in blocks for at, (name, kind) in enumerate(columns)]
    size = struct.pack("<QQQ", len(rows), len(columns), BLOCK)
    return len(rows), sha256(b"governance-table-2\n" + size + root_of(leaves))


def check_files(folder: pathlib.Path) -> str:  # the manifest covers every file, and every file is as it says
    text = (folder / "manifest.json").read_bytes()
    manifest = json.loads(text)
    need(json.dumps(manifest, sort_keys=True, indent=1).encode() + b"\n" == text, "manifest.json is not written as it should be")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"manifest.json"}
    named = set(manifest["files"])
    need(found == named, f"files that the manifest does not name, or that are missing: {', '.join(sorted(found ^ named))}")
    for name, expected in sorted(manifest["files"].items()):
        need(sha256((folder / name).read_bytes()) == expected, f"{name} is not the file that the manifest names")
    return str(manifest["head"])


def check_seals(folder: pathlib.Path, head: str) -> dict:  # seals that chain up to the head, by number
    seals = [json.loads(line) for line in (folder / "seals.jsonl").read_text(encoding="utf-8").splitlines()]
    link = seals[0]["previous_sha256"]
    for seal in seals:
        need(seal["previous_sha256"] == link, f"seal {seal['seal']} does not follow the one before it")
        link = sha256(json.dumps(seal, sort_keys=True, separators=(",", ":")).encode())
    need(link == head, f"the seals lead to {link}, not to the head")
    return {seal["seal"]: seal for seal in seals}


def check_ledger(folder: pathlib.Path, seals: dict) -> dict:  # entries that their seals cover, by number
    entries = {}
    for line in (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        entry, seal = json.loads(told["entry"])["ledger"], seals[told["seal"]]
        found = root_by(told["path"], told["entry"].encode(), entry["entry"] - seal["first_entry"], seal["leaf_count"])
        need(found == seal["root_sha256"], f"ledger entry {entry['entry']} is not what was sealed")
        entries[entry["entry"]] = entry
    return entries


def check_tables(folder: pathlib.Path, entries: dict) -> tuple:  # every partition's rows and findings are what its newest entries recorded
    newest, judged = {}, {}
    for number_, entry in sorted(entries.items()):
        address = (entry["artifact"], entry["partition_key"])
        judged[address] = number_
        if entry.get("revision") is not None and entry.get("content_sha256"):
            newest[address] = number_
    tables = json.loads((folder / "tables.json").read_bytes())
    for what, expected, column in (("rows", newest, "content_sha256"), ("findings", judged, "findings_sha256")):
        told = {(one["artifact"], one["partition_key"]): one for one in tables[what]}
        need(set(told) == set(expected), f"{what}: partitions without a table, or without a ledger entry")
        for address, one in sorted(told.items()):
            need(one["entry"] == expected[address], f"{one['path']} is not of the newest entry of its partition")
            rows, found = digest_of(folder / one["path"], one["columns"])
            entry = entries[one["entry"]]
            need(found == entry[column], f"{one['path']} is not what ledger entry {one['entry']} recorded")
            need(what != "rows" or rows == entry["row_count"], f"{one['path']} has {rows} rows, recorded are {entry['row_count']}")
    for entry in entries.values():
        text = (folder / "policies" / f"{entry['policy_sha256']}.json").read_bytes()
        need(sha256(text) == entry["policy_sha256"], f"the policy of ledger entry {entry['entry']} is not the one that judged")
    return len(newest), len(judged)


def check(folder: pathlib.Path, head: str) -> str:
    csv.field_size_limit(2**31 - 1)
    stated = check_files(folder)
    need(stated == head, f"the bundle states the head {stated}")
    entries = check_ledger(folder, check_seals(folder, head))
    tables, judged = check_tables(folder, entries)
    counted = f"{len(entries)} ledger entries, the rows of {tables} partitions and the findings of {judged}"
    return f"accepted: {counted} lead to {head}; manifest {sha256((folder / 'manifest.json').read_bytes())}"


if __name__ == "__main__":
    try:
        print(check(pathlib.Path(sys.argv[1]), sys.argv[sys.argv.index("--head") + 1]))
    except Exception as error:  # whatever cannot be checked is refused
        sys.exit(f"refused: {type(error).__name__}: {str(error)!a}")
