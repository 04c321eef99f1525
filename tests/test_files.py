"""Reading calls from files: JSON values, JSON lines, folders, pipes, and whatever else is there."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import files
from monitor.errors import Permanent
from monitor.files import STDIN, Found, Unreadable, expand, read_records


def read(path: Path | str) -> list[tuple[str, bytes]]:
    """Place (without the folder) and value of each record."""
    found = list(read_records([str(path)]))
    assert all(isinstance(one, Found) for one in found)
    return [
        (one.place.removeprefix(f"{Path(path).parent}/"), one.record.value or b"")
        for one in found
        if isinstance(one, Found)
    ]


def write(folder: Path, name: str, text: bytes) -> Path:
    path = folder / name
    path.write_bytes(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", b'{"id": 1}', [("a.json", b'{"id": 1}')]),
        ("a.json", b'{"id": 1}\n\n', [("a.json", b'{"id": 1}\n\n')]),
        ("a.json", b'{\n  "id": 1\n}\n', [("a.json", b'{\n  "id": 1\n}\n')]),
        ("a.json", b'[\n{"id": 1}\n]\n', [("a.json:1", b'{"id": 1}')]),
        ("a.json", b'{"a":\n{"id": 1}\n}', [("a.json", b'{"a":\n{"id": 1}\n}')]),
        ("a.json", b'[{"id": 1}, [2]]', [("a.json:1", b'{"id": 1}'), ("a.json:2", b"[2]")]),
        ("a.json", b"[]", [("a.json", b"[]")]),
        ("a.json", b'[{"id": "\\ud800"}]', [("a.json", b'[{"id": "\\ud800"}]')]),
        ("a.json", b'[{"id": 1},', [("a.json", b'[{"id": 1},')]),
        ("a.json", b"", [("a.json", b"")]),
        ("a.json", b"Dear monitor,\nhello\n", [("a.json", b"Dear monitor,\nhello\n")]),
        ("a.json", b'{"cut', [("a.json", b'{"cut')]),
        ("a.txt", b'{"a": 1}\n{"b": 2}\n', [("a.txt:1", b'{"a": 1}\n'), ("a.txt:2", b'{"b": 2}\n')]),
        ("a.txt", b'[{"a": 1}]\n[]\n', [("a.txt:1", b'[{"a": 1}]\n'), ("a.txt:2", b"[]\n")]),
        ("a.jsonl", b'bad\n[{"a": 1}]\n', [("a.jsonl:1", b"bad\n"), ("a.jsonl:2", b'[{"a": 1}]\n')]),
        ("a.jsonl", b'\n\xff\n{"a": 1}', [("a.jsonl:2", b"\xff\n"), ("a.jsonl:3", b'{"a": 1}')]),
        # What is named for JSON lines is JSON lines, be it one.
        ("a.jsonl", b'{"a": 1}\n', [("a.jsonl:1", b'{"a": 1}\n')]),
        ("a.ndjson", b'{"a": 1}', [("a.ndjson:1", b'{"a": 1}')]),
        # Blank lines are none, and count.
        ("a.jsonl", b'\n\n{"a": 1}\n \n{"b": 2}', [("a.jsonl:3", b'{"a": 1}\n'), ("a.jsonl:5", b'{"b": 2}')]),
        # A bad line costs no other, wherever it stands.
        (
            "a.jsonl",
            b'{"a": 1}\nbad\n{"b": 2}\n',
            [("a.jsonl:1", b'{"a": 1}\n'), ("a.jsonl:2", b"bad\n"), ("a.jsonl:3", b'{"b": 2}\n')],
        ),
        ("a.jsonl", b'bad\n{"b": 2}\n', [("a.jsonl:1", b"bad\n"), ("a.jsonl:2", b'{"b": 2}\n')]),
        ("a.jsonl", b'{"cut\n\n{"b": 2}\n', [("a.jsonl:1", b'{"cut\n'), ("a.jsonl:3", b'{"b": 2}\n')]),
        ("a.jsonl", b'\xff\n{"b": 2}\n', [("a.jsonl:1", b"\xff\n"), ("a.jsonl:2", b'{"b": 2}\n')]),
        ("a.jsonl", b'\r\n{"b": 2}\r\n', [("a.jsonl:2", b'{"b": 2}\r\n')]),
    ],
)
def test_a_file_is_one_json_value_or_json_lines(
    tmp_path: Path, name: str, text: bytes, expected: list[tuple[str, bytes]]
) -> None:
    assert read(write(tmp_path, name, text)) == expected


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers()), min_size=2, max_size=8), st.data())
def test_every_object_of_any_mix_of_lines_is_found_at_its_line(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, int]], data: st.DataObject
) -> None:
    lines: list[bytes] = []
    places: dict[int, dict[str, int]] = {}
    for value in objects:
        lines += data.draw(
            st.lists(st.sampled_from([b"", b"  ", b"bad", b"{", b'{"a":', b"\xff"]), max_size=2)
        )
        lines.append(json.dumps(value).encode())
        places[len(lines)] = value
    path = write(tmp_path_factory.mktemp("lines"), "a.jsonl", b"\n".join(lines) + b"\n")
    found = {int(place.rpartition(":")[2]): value for place, value in read(path)}
    assert {number: json.loads(found[number]) for number in places} == places


def test_a_record_knows_its_file_line_and_the_files_time(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"a": 1}\n{"b": 2}\n')
    os.utime(path, (0, 1_700_000_000))
    _, second = list(read_records([str(path)]))
    assert isinstance(second, Found)
    assert (second.record.topic, second.record.offset) == (str(path), 2)
    assert second.record.timestamp == datetime.fromtimestamp(1_700_000_000, UTC)


def test_lines_are_read_one_at_a_time() -> None:
    """A file of any size is read with the memory of its longest line."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as sender:
        sender.write(b'{"a": 1}\n{"b": 2}\n')
        records = read_records([f"/dev/fd/{reading}"])
        assert [next(records) is not None for _ in range(2)] == [True, True]
    os.close(reading)
    assert list(records) == []


@pytest.mark.parametrize("text", [b'[{"a": 1}]', b'{\n"a": 1}', b"words words"])
def test_what_is_no_json_lines_is_read_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", len(text))
    assert len(read(write(tmp_path, "a.json", text))) == 1
    (found,) = read_records([str(write(tmp_path, "a.json", text + b" "))])
    assert isinstance(found, Unreadable)
    assert found.why == f"over {len(text)} bytes, of which only JSON lines are read"
    assert len(read(write(tmp_path, "a.jsonl", b'{"a": 1}\n' * 9))) == 9


# --------------------------------------------------------------------------------------------------- paths


def test_a_folder_stands_for_its_json_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "d.json").mkdir()
    names = ["z.json", "a.jsonl", "b/c/m.ndjson", "b/x.json"]
    for name in [*names, "notes.txt", "b/.json.swp", "a.yaml"]:
        write(tmp_path, name, b"{}")
    (tmp_path / "broken.json").symlink_to(tmp_path / "nowhere")
    assert expand([str(tmp_path)]) == sorted(str(tmp_path / name) for name in names)


def test_files_and_folders_keep_the_order_they_were_given_in(tmp_path: Path) -> None:
    first, second = write(tmp_path, "b.txt", b"{}"), write(tmp_path, "a.txt", b"{}")
    assert expand([str(first), STDIN, str(second)]) == [str(first), STDIN, str(second)]


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"^/none/at all: no such file or folder$"):
        expand([str(tmp_path), "/none/at all"])


def test_a_pipe_is_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sender = threading.Thread(target=pipe.write_bytes, args=(b'{"a": 1}\n{"b": 2}\n',))
    sender.start()
    assert expand([str(pipe)]) == [str(pipe)]
    assert [place for place, _ in read(pipe)] == ["pipe:1", "pipe:2"]
    sender.join()


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n{"b": 2}\n')))
    assert [one.place for one in read_records([STDIN])] == ["-:1", "-:2"]


def test_a_name_that_is_not_utf8_is_shown_as_far_as_it_can_be(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json")
    Path(path).write_bytes(b"{}")
    (found,) = read_records([path])
    assert isinstance(found, Found)
    assert found.place.encode().decode() == found.record.topic == f"{tmp_path}/caf�.json"


def test_a_file_that_goes_away_or_may_not_be_read_costs_that_file(tmp_path: Path) -> None:
    good = write(tmp_path, "good.json", b"{}")
    found = list(read_records([str(tmp_path / "gone.json"), str(tmp_path), str(good)]))
    assert found[:2] == [
        Unreadable(str(tmp_path / "gone.json"), "No such file or directory"),
        Unreadable(str(tmp_path), "Is a directory"),
    ]
    assert isinstance(found[2], Found)
