"""Accept or refuse the proof of one figure: python figure_verifier.py PROOF.json --head HEX. Needs Python and nothing else."""

import base64, datetime, hashlib, json, pathlib, struct, sys  # noqa: E401, I001


def need(holds: bool, why: str) -> None:
    _ = holds or sys.exit(f"refused: {why}")


def root(data: bytes, index: int, size: int, path: list) -> bytes:  # of the RFC 6962 tree of size leaves that has data at index
    need(0 <= index < size, "a leaf lies outside its tree")
    found, last, left = hashlib.sha256(b"\0" + data).digest(), size - 1, [bytes.fromhex(text) for text in path]
    while last:
        if index % 2 or index < last:  # else it has no neighbour and rises
            found = hashlib.sha256(b"\1" + (left.pop(0) + found if index % 2 else found + left.pop(0))).digest()
        index, last = index // 2, last // 2
    need(not left, "a path is too long")
    return found


def cells(data: bytes, rows: int) -> tuple:  # the name and the values, as text, of one column's block
    at = 5 + struct.unpack_from("<I", data)[0]
    name, kind, valid = data[4 : at - 1].decode(), chr(data[at - 1]), data[at + 8 :]
    need(struct.unpack_from("<Q", data, at)[0] == rows and kind in "tbifdu", "a block has other rows or another kind")
    at, start, values = at + 8 + (rows + 7) // 8, datetime.datetime.fromisoformat("1970-01-01T00:00:00+00:00"), []
    numbers = struct.unpack_from(f"<{rows}{'?' if kind == 'b' else 'd' if kind == 'f' else 'q'}", data, at)
    for n in numbers:
        text = data[at + 8 * rows : at + 8 * rows + n].decode() if kind == "t" else repr(n).lower()
        moment = start + datetime.timedelta(n * (kind == "d"), 0, n * (kind == "u")) if kind in "du" else start
        values.append({"d": moment.isoformat()[:10], "u": moment.isoformat()}.get(kind, text))
        at += n if kind == "t" else 0
    return name, [value if valid[n // 8] >> n % 8 & 1 else None for n, value in enumerate(values)]


def check(proof: dict, head: str) -> str:
    told, table, seals, entry = proof["figure"], proof["table"], proof["seals"], json.loads(proof["entry"])["ledger"]
    rows, width, key, column, link = table["rows"], table["columns"], told["key"], told["column"], seals[0]["previous_sha256"]
    leaves = [(base64.b64decode(leaf["data"]), table["block"] * width + leaf["column"], leaf["path"]) for leaf in table["leaves"]]
    roots = [root(data, at, -(-rows // 512) * width, path) for data, at, path in leaves if at // width == table["block"]]
    digests = [hashlib.sha256(b"governance-table-2\n" + struct.pack("<QQQ", rows, width, 512) + one).hexdigest() for one in roots]
    need(digests == [entry["content_sha256"]] * len(leaves), "the blocks are not what the ledger entry recorded")
    columns = dict(cells(data, min(512, rows - 512 * table["block"])) for data, _, _ in leaves)
    where = [n for n in range(min(512, rows)) if key and all(columns[name][n : n + 1] == [key[name]] for name in key)]
    need(len(where) == 1, f"{len(where)} rows have this key")
    found = {name: entry[name] for name in ("artifact", "partition_key", "revision")}
    found |= {"key": key, "column": column, "value": columns[column][where[0]]}
    need(all(told[name] == found[name] for name in found), f"recorded is {json.dumps(found)}")
    for seal in seals:
        need(seal["previous_sha256"] == link, "the seals are no chain")
        link = hashlib.sha256(json.dumps(seal, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    sealed = root(proof["entry"].encode(), entry["entry"] - seals[0]["first_entry"], seals[0]["leaf_count"], proof["path"])
    need(sealed.hex() == seals[0]["root_sha256"] and link == head, f"the entry is not what was sealed, or the head is {link}")
    return f"accepted: {json.dumps(found)} was recorded at {entry['recorded_at']} in entry {entry['entry']}"


if __name__ == "__main__":
    try:
        print(check(json.loads(pathlib.Path(sys.argv[1]).read_bytes()), sys.argv[sys.argv.index("--head") + 1]))
    except Exception as error:  # whatever cannot be checked is refused
        sys.exit(f"refused: {type(error).__name__}: {str(error)!a}")
