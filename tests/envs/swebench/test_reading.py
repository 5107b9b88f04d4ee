from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from envs.sources import open_source
from envs.swebench import reading
from envs.swebench.hub import is_reachable
from envs.swebench.reading import RowsFile
from envs.task import TaskError

ROOT = Path(__file__).parents[3]
ROWS = [
    {"instance_id": "a__b-1", "repo": "a/b", "FAIL_TO_PASS": ["t"]},
    {"instance_id": "a__b-2", "repo": "a/b"},
]
IDS = ["a__b-1", "a__b-2"]
DATASET = "SWE-bench/SWE-bench_Verified"
COMMIT = "0" * 40
FILE = "data/test-00000-of-00001.parquet"


def parquet(rows) -> bytes:
    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), data)
    return data.getvalue()


def refused(path: Path) -> str:
    with pytest.raises(TaskError) as error:
        RowsFile(path).read()
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.jsonl", "\n".join(json.dumps(row) for row in ROWS).encode()),
        ("rows.jsonl", b"\xef\xbb\xbf" + b"\r\n\r\n".join(json.dumps(row).encode() for row in ROWS) + b"\n"),
        ("rows.json", json.dumps(ROWS, indent=2).encode()),
        ("rows.json", json.dumps({row["instance_id"]: row for row in ROWS}).encode()),
        ("rows.parquet", parquet(ROWS)),
    ],
    ids=["lines", "lines of Windows", "list", "object by id", "parquet"],
)
def test_a_file_is_read_in_its_own_order(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    rows = RowsFile(path).read()
    assert [row.instance_id for row in rows] == IDS
    assert [row.fail_to_pass for row in rows] == [("t",), ()]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'{"instance_id": "a-1"}\n{"instance_id": "a-1"}\n', "line 2: the id a-1 occurs twice"),
        ("a.json", b'[{"instance_id": "a-1"}, {"instance_id": "a-1"}]', "row 2: the id a-1 occurs twice"),
        ("a.parquet", parquet([ROWS[0], ROWS[0]]), "row 2: the id a__b-1 occurs twice"),
        ("a.jsonl", b"", "holds no rows"),
        ("a.jsonl", b"\n\n", "holds no rows"),
        ("a.json", b"[]", "holds no rows"),
        ("a.json", b"{}", "holds no rows"),
        ("a.json", b"", "this is no JSON"),
        ("a.json", b"[" * 200_000, "this is no JSON"),
        ("a.json", b"7", "holds no list of rows"),
        ("a.json", b'{"instance_id": "a-1"}', "holds no list of rows"),
        ("a.json", b'{"a-1": 7}', "row 1: no object"),
        ("a.jsonl", b'{"instance_id": "a-1"}\n{"instance', "line 2: this is no JSON"),
        ("a.jsonl", b"[]\n", "line 1: no object"),
        ("a.jsonl", b'\n{"repo": "a/b"}\n', "line 2: instance_id: Field required"),
        ("a.jsonl", b'{"instance_id": "\xff"}\n', "is not UTF-8 text"),
        ("a.json", b"\xff\xfe[]", "is not UTF-8 text"),
        ("a.parquet", b"PAR1 and no more", "is no parquet file"),
        ("a.parquet", b"", "is no parquet file"),
        ("a.parquet", parquet([{"x": 1}]), "row 1: instance_id: Field required"),
        ("a.csv", b"instance_id\na-1\n", "is no .jsonl, .json or .parquet file"),
        ("a", b"{}", "is no .jsonl, .json or .parquet file"),
    ],
)
def test_a_file_that_holds_no_rows_is_told_in_one_line(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    assert message in refused(path)


def test_a_file_that_cannot_be_opened_is_told(tmp_path):
    assert refused(tmp_path / "none.jsonl").endswith("cannot be read: No such file or directory")
    (tmp_path / "folder.json").mkdir()
    assert "cannot be read" in refused(tmp_path / "folder.json")
    assert "cannot be read" in refused(tmp_path / "none.parquet")


def test_parquet_without_its_package_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(TaskError, match=r"pip install 'mangabey\[swebench\]'"):
        RowsFile(tmp_path / "a.parquet").read()


def test_the_hub_without_its_package_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(TaskError, match=r"pip install 'mangabey\[swebench\]'"):
        open_source("verified").ids()


def test_rows_are_read_when_first_needed_and_once(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]))
    source = open_source(str(path))
    path.write_text(json.dumps(ROWS[1]))
    assert source.ids() == ("a__b-2",)
    path.unlink()
    assert source.ids() == ("a__b-2",)


def test_nothing_heavy_is_loaded_for_lines_of_json():
    code = (
        "import sys, envs.sources; assert not {'datasets', 'pyarrow', 'swebench', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert reading.RowsFile is RowsFile


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for one data set of one file."""

    data = parquet(ROWS)

    def do_GET(self):
        path, api = self.path.partition("?")[0], f"/api/datasets/{DATASET}"
        file = {"type": "file", "path": FILE, "size": len(self.data), "oid": "1" * 40}
        found = {
            api: {"id": DATASET, "sha": COMMIT, "siblings": [{"rfilename": FILE}]},
            f"{api}/revision/{COMMIT}": {"id": DATASET, "sha": COMMIT, "siblings": [{"rfilename": FILE}]},
            f"{api}/tree/{COMMIT}": [{"type": "directory", "path": "data", "oid": "2" * 40, "size": 0}],
            f"{api}/tree/{COMMIT}/data": [file],
            f"/datasets/{DATASET}/resolve/{COMMIT}/{FILE}": self.data,
        }.get(path)
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        headers = {"Content-Length": str(len(body)), "ETag": '"1"', "X-Repo-Commit": COMMIT}
        for name, value in (
            headers.items() if found else [("X-Error-Code", "EntryNotFound"), *headers.items()]
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *arguments):
        pass


def ids_of_verified(**env: str) -> subprocess.CompletedProcess[str]:
    """The library reads its environment where it is loaded, so that takes a process."""
    code = (
        "from envs.sources import open_source\nfrom envs.task import TaskError\n"
        "try:\n    print(*open_source('verified').ids())\nexcept TaskError as error:\n    print(error)\n"
    )
    outer = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        [sys.executable, "-c", code], env=outer | env, cwd=ROOT, capture_output=True, text=True, check=True
    )


def test_a_data_set_comes_from_the_hub_and_then_from_the_cache(serving, tmp_path):
    with serving(Hub) as address:
        first = ids_of_verified(HF_ENDPOINT=address, HF_HOME=str(tmp_path))
    assert first.stdout.split() == IDS
    again = ids_of_verified(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert again.stdout.split() == IDS


def test_where_no_way_leads_to_the_hub_it_is_said_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    began = time.monotonic()
    told = ids_of_verified(HF_ENDPOINT=nobody, HF_HOME=str(tmp_path)).stdout
    assert "without the hub, name a file of its rows instead" in told
    assert time.monotonic() - began < 12


def test_where_no_way_leads_to_the_hub_the_cache_serves(serving, tmp_path):
    with serving(Hub) as address:
        assert ids_of_verified(HF_ENDPOINT=address, HF_HOME=str(tmp_path)).stdout.split() == IDS
    assert ids_of_verified(HF_ENDPOINT=address, HF_HOME=str(tmp_path)).stdout.split() == IDS


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_behind_a_proxy_it_is_the_proxy_that_is_asked(monkeypatch, name):
    for one in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(one, raising=False)
        monkeypatch.delenv(one.upper(), raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    assert not is_reachable()
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert is_reachable()
        monkeypatch.setenv("no_proxy", "hub.invalid")
        assert not is_reachable()


def test_without_the_hub_a_file_is_named_instead(tmp_path):
    told = ids_of_verified(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path)).stdout
    assert told.count("\n") == 1
    assert told.startswith(f"the data set {DATASET} cannot be had (")
    assert told.endswith("without the hub, name a file of its rows instead, such as rows.parquet\n")
