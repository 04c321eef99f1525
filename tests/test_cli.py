"""The command line as people and scripts run it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from monitor import __version__
from monitor.cli import main
from monitor.store import PostgresStore, connect
from monitor.store.migrate import newest_revision
from monitor.store.rollups import recompute_dirty, still_to_rebuild
from tests.examples import NOON, batch, scored
from tests.paths import PAIRS

ROOT = Path(__file__).resolve().parents[1]

#: The keys that scripts outside this repository rely on.
FIXED = {
    "source",
    "id",
    "call_id",
    "contract",
    "status",
    "json",
    "tools",
    "tools_risk",
    "grounding",
    "grounding_risk",
    "fallback",
}


def run(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path = ROOT, **environ: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environ},
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
    )


def failure(*arguments: str | Path, database: str = "") -> str:
    """The one line of a failure that a person can mend; in this process, as there are many of them."""
    out, err = StringIO(), StringIO()
    environ = {"LLM_MONITOR_DATABASE__URL": database} if database else {}
    with (
        patch.object(sys, "argv", ["llm-monitor", *map(str, arguments)]),
        patch.dict(os.environ, environ),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert (ended.value.code, out.getvalue()) == (1, "")
    (line,) = err.getvalue().splitlines()
    return line.removeprefix("llm-monitor: ")


def pair(number: int, content: str = "{}") -> dict[str, Any]:
    return {
        "id": f"pair-{number}",
        "request": {
            "url": "https://api.openai.com/v1/chat/completions",
            "body": {
                "model": "gpt-x",
                "messages": [{"role": "user", "content": "hi"}],
                "response_format": {"type": "json_object"},
            },
        },
        "response": {
            "status": 200,
            "body": {
                "id": f"chatcmpl-{number}",
                "object": "chat.completion",
                "model": "gpt-x",
                "created": 1_760_000_000,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": content},
                        "finish_reason": "stop",
                    }
                ],
            },
        },
    }


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], ["run", "migrate", "check", "score", "demo", "llm-monitor demo", "monitor.yaml"]),
        (
            ["run", "--help"],
            ["--config", "--workers", "one for each core", "--only", "Ctrl-C", "one of them leads"],
        ),
        (["migrate", "--help"], ["--config", "Safe to run again"]),
        (["check", "--help"], ["--config", "without starting anything"]),
        (["score", "--help"], ["PATH", "--format", "native, otlp-json,", "standard error", "standard input"]),
    ],
)
def test_help_says_what_one_needs(arguments: list[str], expected: list[str]) -> None:
    done = run(*arguments)
    text = re.sub(r"[\s│]+", " ", done.stdout)
    assert done.returncode == 0
    assert [words for words in expected if words not in text] == []


def test_without_a_command_it_explains_itself() -> None:
    done = run()
    assert "llm-monitor demo" in done.stdout + done.stderr


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["scroe"], ["score"], ["run", "--only", "some"], ["run", "--workers", "0"], ["run", "--confg", "x"]],
)
def test_a_wrong_use_is_explained_with_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage" in done.stderr
    assert "Traceback" not in done.stderr


# --------------------------------------------------------------------------------------------------- score


def test_score_prints_one_line_a_call_with_the_fixed_keys(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(pair(number)) + "\n" for number in range(3)))
    done = run("score", path)
    assert (done.returncode, done.stderr) == (0, "3 calls scored, 0 skipped\n")
    found = lines(done)
    assert [(one["source"], one["id"]) for one in found] == [
        (f"{path}:{number + 1}", f"pair-{number}") for number in range(3)
    ]
    assert all(set(one) >= FIXED for one in found)
    assert (found[0]["contract"], found[0]["status"], found[0]["json"]) == ("json_object", "ok", "ok")
    assert found[0]["tools_risk"] is None


def test_score_prints_the_tokens_and_the_numbers_that_they_were_made_of(tmp_path: Path) -> None:
    counted = pair(1)
    counted["response"]["body"]["usage"] = {
        "prompt_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    path = tmp_path / "calls.json"
    path.write_text(json.dumps(counted))
    (found,) = lines(run("score", path))
    assert found["usage"] == {
        "input_tokens": 9,
        "cache_read_tokens": 4,
        "raw": {"prompt_tokens": 9, "prompt_tokens_details.cached_tokens": 4},
    }


def test_score_reads_a_file_a_folder_an_array_and_standard_input(tmp_path: Path) -> None:
    single, array = tmp_path / "a" / "single.json", tmp_path / "a" / "array.json"
    single.parent.mkdir()
    single.write_text(json.dumps(pair(1), indent=2))
    array.write_text(json.dumps([pair(2), pair(3, "no json")]))
    done = run("score", tmp_path / "a", "-", stdin=json.dumps(pair(4)).encode())
    assert done.returncode == 0
    assert [(one["source"], one["id"], one["json"]) for one in lines(done)] == [
        (f"{array}:1", "pair-2", "ok"),
        (f"{array}:2", "pair-3", "not_json"),
        (str(single), "pair-1", "ok"),
        ("-", "pair-4", "ok"),
    ]


def test_score_skips_what_is_bad_with_its_reason_and_goes_on(tmp_path: Path) -> None:
    text = [
        "garbage",
        json.dumps(pair(1)),
        '{"a": 1}',
        "",
        json.dumps(pair(2))[:-9],
        "[1]",
        json.dumps(pair(3)),
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(text))
    done = run("score", path)
    assert done.returncode == 0
    assert [one["source"] for one in lines(done)] == [f"{path}:2", f"{path}:7"]
    *skipped, total = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in skipped] == [
        [f"skipped {path}:1", "not_json"],
        [f"skipped {path}:3", "unknown_format"],
        [f"skipped {path}:5", "not_json"],
        [f"skipped {path}:6", "unknown_format"],
    ]
    assert total == "2 calls scored, 4 skipped"


def test_score_says_why_a_known_format_was_not_the_one_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(pair(1)))
    done = run("score", path, "--format", "native")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"skipped {path}: ")
    assert done.stderr.endswith("0 calls scored, 1 skipped\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "otlp-json"], "is otlp-json the right format?"),
        (["--format", "gateway-log", "--summary"], "is gateway-log the right format?"),
    ],
)
def test_score_counts_the_items_that_held_no_call(tmp_path: Path, arguments: list[str], told: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{}, {"a": 1}, {"version": 1, "call_id": "c"}]))
    done = run("score", path, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"0 calls scored, 0 skipped; 3 items held no call: {told}\n"


def test_score_asks_whether_it_is_the_right_file_where_no_format_was_named() -> None:
    done = run("score", "-", stdin=b'{"resourceMetrics": []}')
    assert done.stderr == "0 calls scored, 0 skipped; 1 items held no call: is it the right file?\n"


def test_items_without_a_call_beside_calls_are_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(pair(1)) + '\n{"resourceMetrics": []}\n')
    done = run("score", path)
    assert (done.returncode, done.stderr) == (0, "1 calls scored, 0 skipped; 1 items held no call\n")


def test_score_reads_files_that_no_kafka_message_could_hold(tmp_path: Path) -> None:
    """One array over ten megabytes, lines of arrays, and one object of more parts than a message may hold."""
    long = pair(1, json.dumps("x" * 6_000_000))
    (tmp_path / "a.json").write_text(json.dumps([long, long]))
    (tmp_path / "b.jsonl").write_text("[]\n" + json.dumps([pair(2), pair(3)]) + "\n" + json.dumps([long]))
    opened = {"startTime": "2026-11-22T12:00:00Z", "model": "m", "input": "hi"}
    events = [
        {"type": "generation-create", "body": {"id": f"g{number}", **opened}} for number in range(10_001)
    ]
    (tmp_path / "c.json").write_text(json.dumps({"batch": events, "metadata": {}}))
    done = run("score", tmp_path)
    assert done.returncode == 0
    places = [one["source"].removeprefix(f"{tmp_path}/") for one in lines(done)]
    assert places[:5] == ["a.json:1", "a.json:2", "b.jsonl:2:1", "b.jsonl:2:2", "b.jsonl:3"]
    assert len(places) == 5 + 10_001
    assert done.stderr.splitlines()[0].startswith(f"skipped {tmp_path}/b.jsonl:1: empty")


def test_score_of_nothing_to_read_is_no_error(tmp_path: Path) -> None:
    done = run("score", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "",
        "0 calls scored, 0 skipped: a folder is searched for .binpb, .json, .jsonl, .ndjson, .pb files\n",
    )


def test_score_of_a_path_that_is_not_there_is_one_line() -> None:
    assert failure("score", "/none") == "/none: no such file or folder"


def test_score_of_an_unknown_format_says_which_there_are(tmp_path: Path) -> None:
    done = run("score", tmp_path, "--format", "xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "it can be auto, gateway-log, langfuse, litellm, native, otlp-json, otlp-proto, pair" in re.sub(
        r"[\s│]+", " ", done.stderr
    )


def test_score_into_a_pipe_that_closes_ends_quietly(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text((json.dumps(pair(1)) + "\n") * 3_000)
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "score", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == "pair-1"
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(60)


def test_score_writes_what_it_says_as_utf8_whatever_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "žluť.json"
    path.write_text(json.dumps([pair(1), {"ž": 1}]))
    done = run("score", path, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0
    assert lines(done)[0]["source"] == f"{path}:1"
    assert "unknown_format" in done.stderr


def test_score_relates_the_calls_of_one_request_wherever_they_stand(tmp_path: Path) -> None:
    def attempt(number: int, model: str, *, ok: bool) -> dict[str, Any]:
        answer = {"outputs": [{"text": "hi", "finish_reason": "stop"}], "model_served": model}
        failure = {"status": "error", "error": {"type": "429", "category": "rate_limit"}}
        return {
            "version": 1,
            "call_id": f"c{number}",
            "request_id": "r",
            "started_at": f"2026-11-22T12:00:0{number}Z",
            "duration_ms": 500,
            "model_requested": model,
            **(answer if ok else failure),
        }

    first, second = tmp_path / "1.json", tmp_path / "2.jsonl"
    first.write_text(json.dumps(attempt(1, "gpt-4o-mini", ok=True)))
    failed = json.dumps(attempt(0, "gpt-4o", ok=False)) + "\n"
    second.write_text(failed + json.dumps(pair(1)) + "\n" + failed)
    found = {one["id"]: one for one in lines(run("score", tmp_path))}
    told = [found["c1"][key] for key in ("fallback", "fallback_from", "fallback_to", "fallback_cause")]
    assert told == ["fallback", "gpt-4o", "gpt-4o-mini", "rate_limit"]
    assert (found["c0"]["fallback"], found["pair-1"]["source"]) == ("unknown", f"{second}:2")
    keys = [f"request_{name}" for name in ("attempts", "answered", "model", "extra_ms", "extra_cost")]
    assert [[found[id_][key] for key in keys] for id_ in ("c0", "c1", "pair-1")] == [
        [2, True, "gpt-4o-mini", 1000.0, None],
        [0, None, None, None, None],
        [1, True, None, None, None],
    ]


def test_a_summary_counts_outcomes_by_model_and_prints_no_call(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(pair(n, "{}" if n % 3 else "no json")) + "\n" for n in range(9)))
    done = run("score", path, "--summary")
    assert done.returncode == 0
    words = re.sub(r"[\s│]+", " ", done.stdout)
    assert re.search(r"gpt\S* 9 0 6 ok", words), words
    assert "3 not_json" in words
    assert done.stderr == "9 calls scored, 0 skipped\n"


def test_score_needs_no_configuration_and_no_other_service(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(pair(1)))
    done = run("score", path, cwd=tmp_path, LLM_MONITOR_NONSENSE="1", HTTPS_PROXY="http://127.0.0.1:1")
    assert done.returncode == 0


def test_score_accounts_for_every_recorded_pair() -> None:
    """One line, or one skip with its reason, for each of the recorded pairs."""
    folder = min(PAIRS.iterdir())
    files = sorted(folder.rglob("*.json"))
    done = run("score", folder, "--format", "pair")
    assert done.returncode == 0
    scored = {one["source"] for one in lines(done)}
    skipped = {line.split(": ")[0].removeprefix("skipped ") for line in done.stderr.splitlines()[:-1]}
    assert scored | skipped == {str(path) for path in files}
    assert not scored & skipped
    for line in lines(done):
        assert line["id"] == json.loads(Path(line["source"]).read_text())["id"]


# -------------------------------------------------------------------------------------- check, migrate, run

GOOD = """\
kafka:
  client: {bootstrap_servers: "127.0.0.1:1"}
database:
  url: postgresql://monitor:hunter2@127.0.0.1:1/monitor
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "monitor.yaml"
    path.write_text(GOOD)
    return path


def test_check_of_a_good_configuration_says_what_it_is(config: Path) -> None:
    done = run("check", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"good: topics llm-calls; \d+ rules; channels log\n", done.stdout)


def test_check_by_environment_alone(tmp_path: Path) -> None:
    done = run(
        "check",
        cwd=tmp_path,
        LLM_MONITOR_DATABASE__URL="postgresql://x/y",
        LLM_MONITOR_KAFKA__CLIENT__BOOTSTRAP_SERVERS="kafka:9092",
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["check", "run", "migrate"])
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kafka:", "kafca:", ":1: unknown key 'kafca'; did you mean 'kafka'?"),
        ("  client:", "\tclient:", ":2: not YAML: a tab; indent with spaces"),
        ("postgresql:", "mysql:", "database.url must start with postgresql://, not mysql://"),
        (
            "postgresql://",
            "",
            "database.url can't be read: give it as postgresql://user:password@host:5432/name,"
            " with %40 for an @ in the password",
        ),
    ],
)
def test_a_bad_configuration_is_one_line(
    config: Path, command: str, old: str, new: str, expected: str
) -> None:
    config.write_text(GOOD.replace(old, new, 1))
    assert failure(command, "--config", config).removeprefix(str(config)) == expected


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_bad_channel_is_one_line(config: Path, command: str) -> None:
    config.write_text(GOOD + "channels:\n  log: {kind: log}\n  hook: {kind: webhook, url: hunter3}\n")
    assert failure(command, "--config", config) == (
        "channels.hook: a webhook's url must be http:// or https://, a host and a path"
    )


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_bad_judge_is_one_line(config: Path, command: str) -> None:
    config.write_text(GOOD + "judge: {use: opnai, options: {api_key: hunter3}}\n")
    assert failure(command, "--config", config) == (
        "judge: no judge 'opnai' is installed (a package brings one as an entry point of"
        " 'llm_monitor.judges'; module:function names any other); did you mean 'openai'?"
    )


def test_check_makes_the_judge_and_says_which(config: Path) -> None:
    options = "{base_url: 'http://127.0.0.1:1/v1', model: m, input_price: 0, output_price: 0}"
    config.write_text(f"{GOOD}judge: {{use: openai, options: {options}}}\n")
    done = run("check", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("; channels log; judge openai\n")


@pytest.mark.parametrize("command", ["check", "run", "migrate"])
def test_no_configuration_at_all_says_what_is_missing(command: str, tmp_path: Path) -> None:
    assert "database.url is missing" in failure(command, "--config", "/dev/null")
    assert "can't be read: No such file or directory" in failure(command, "-c", tmp_path / "none")


def test_a_rule_with_a_typo_refuses_to_start(config: Path) -> None:
    rules = config.with_name("rules.yaml")
    rules.write_text(
        "groups:\n  - name: json\n    rules:\n"
        "      - {alert: JsonBroken, kind: regression, metric: json.fialed, runbook_url: x}\n"
    )
    config.write_text(f"{GOOD}rules: [rules.yaml]\n")
    assert failure("run", "--config", config) == (
        f"{rules}:4: alert 'JsonBroken': unknown metric 'json.fialed'; did you mean 'json.failed'?"
    )


def test_migrate_to_a_database_that_is_away_is_one_line_without_the_password(config: Path) -> None:
    message = failure("migrate", "--config", config)
    assert message.startswith("Postgres: ")
    assert "127.0.0.1" in message
    assert "hunter" not in message


def test_migrate_to_a_server_that_never_answers_ends(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:hunter2@127.0.0.1:{silent.getsockname()[1]}/d"
        message = failure("migrate", "--config", config, database=url)
    assert message.startswith("Postgres: ")
    assert "timeout" in message


def test_migrate_says_from_where_to_where_and_may_run_again(config: Path, empty_database: str) -> None:
    first = run("migrate", "--config", config, LLM_MONITOR_DATABASE__URL=empty_database)
    again = run("migrate", "--config", config, LLM_MONITOR_DATABASE__URL=empty_database)
    assert (first.returncode, again.returncode) == (0, 0)
    assert re.fullmatch(r"migrated from nothing to \w+\n", first.stdout)
    assert re.fullmatch(r"already at \w+\n", again.stdout)
    assert first.stderr == again.stderr == ""


def test_run_on_a_port_that_is_taken_says_so(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("run", "--config", config, LLM_MONITOR_WEB__PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"llm-monitor: web: can't listen on 127.0.0.1:{port}: ")
    assert done.stderr.splitlines()[-1].endswith("; set web.port to a free one")
    assert "Traceback" not in done.stderr


def test_run_on_a_database_without_tables_says_what_to_run(config: Path, empty_database: str) -> None:
    done = run("run", "--config", config, LLM_MONITOR_DATABASE__URL=empty_database, LLM_MONITOR_WEB__PORT="0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"llm-monitor: the database is at revision none, this release needs {newest_revision()}:"
        " run llm-monitor migrate with the same configuration"
    )


def test_a_rebuild_marks_the_minutes_of_a_span_and_waits_for_them(config: Path, database: str) -> None:
    engine = connect(database)
    minutes = [NOON + timedelta(minutes=n) for n in range(3)]
    PostgresStore(engine).save(batch([scored(str(n), minute) for n, minute in enumerate(minutes)]))
    while recompute_dirty(engine):
        pass

    def rebuild(*options: str) -> str:
        done = run("rebuild", "-c", config, *options, LLM_MONITOR_DATABASE__URL=database)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert rebuild("--from", f"{NOON - timedelta(days=9):%Y-%m-%d}", "--no-wait") == "marked 3 minutes\n"
    assert rebuild("--from", f"{minutes[2]:%Y-%m-%dT%H:%M:%S}", "--to", "2031-01-01", "--no-wait") == (
        "marked 1 minutes\n"
    )
    assert rebuild("--from", f"{minutes[2] + timedelta(hours=1):%Y-%m-%dT%H:%M}") == (
        "no call of that time is kept\n"
    )
    assert recompute_dirty(engine) == 3
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(rebuild, "--from", NOON.isoformat())
        while not recompute_dirty(engine, slice_=1):
            assert not asked.done()
        assert still_to_rebuild(engine, NOON, NOON + timedelta(hours=1)) == 2
        while recompute_dirty(engine):
            pass
        assert asked.result() == "marked 3 minutes\nrebuilt\n"
    engine.dispose()


def test_a_rebuild_from_a_time_that_is_none_is_a_usage_error() -> None:
    done = run("rebuild", "--from", "yesterday")
    assert done.returncode == 2
    assert "Invalid isoformat string: 'yesterday'" in done.stderr


def test_the_id_of_a_line_is_the_inputs_own(tmp_path: Path) -> None:
    bare = {"request": {"url": "https://api.openai.com/v1/chat/completions", "body": {"model": "m"}}}
    items = [{**bare, "response": {"status": 500, "body": {}}, **own} for own in ({"id": 0}, {}, {"id": "x"})]
    (tmp_path / "array.json").write_text(json.dumps(items))
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(items[2]).encode())
    done = run("score", tmp_path)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["0", None, "x", "x"]
