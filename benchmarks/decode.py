"""What decoding costs: microseconds per call, per format and emitter, next to parsing the same bytes alone.

``python -m benchmarks.decode DATA``: DATA is the folder with ``recorded/`` and ``otlp/`` in it. ``decode`` is
the whole stage: bytes to cleaned calls, parts of calls put together. ``msgspec`` is its untyped decode of the
same JSON, in the same run; for ``otlp-proto`` that of the same spans as JSON, beside the protobuf library's
bare parse of the bytes. Each figure is the best of several rounds over everything there is of that format.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import Any, NamedTuple

import msgspec
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from monitor.decode import decode
from monitor.decode.assemble import Waits, arrived, assemble
from monitor.decode.native import VERSION
from monitor.demo.traffic import moved
from monitor.records import Call, CallFields, Fragment, Record

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ROUNDS = 5

#: What the names of the runs in ``otlp/`` begin with.
EMITTERS = (
    "otel-genai",
    "otel-openai-v2",
    "openinference",
    "traceloop",
    "openlit",
    "pydantic-ai",
    "langfuse",
    "litellm",
)

#: The types of the protobuf library that a value may have.
Bare = type[TracesData] | type[LogsData]

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_NO_WAIT = Waits(part=timedelta(0), context=timedelta(0))


class Material(NamedTuple):
    """Values of one format.

    Attributes:
        format: its name.
        kind: which of them: an API, an emitter.
        values: what Kafka would hold.
        json: the same as JSON, where the values are not.
        bare: the protobuf library's type of each value, where they are protobuf.
    """

    format: str
    kind: str
    values: Sequence[bytes]
    json: Sequence[bytes] = ()
    bare: Sequence[Bare] = ()


class Request(msgspec.Struct):
    """Of a recorded pair."""

    body: Any = None


class Response(msgspec.Struct):
    """Of a recorded pair."""

    status: int
    body: Any = None


class Pair(msgspec.Struct):
    """What is needed of a recorded pair."""

    api: str
    request: Request
    response: Response

    def bodies(self) -> tuple[str, str]:
        """Both bodies as they went over the wire: JSON text, or a stream's."""
        bodies = self.request.body, self.response.body
        request, response = (
            body if isinstance(body, str) else msgspec.json.encode(body).decode() for body in bodies
        )
        return request, response


# ------------------------------------------------------------------------------------------------ material


def pairs(data: Path) -> dict[str, list[bytes]]:
    """The recorded pairs by API, with a time, which many lack."""
    found: dict[str, list[bytes]] = {}
    for number, path in enumerate(sorted((data / "recorded" / "pairs").rglob("*.json"))):
        value = moved(path.read_bytes(), number, _NOW)
        found.setdefault(msgspec.json.decode(value, type=Pair).api, []).append(value)
    return found


def native(values: Iterable[bytes]) -> Iterator[bytes]:
    """The calls of other formats, as an application would send them in ours."""
    for call in calls(values):
        fields = {name: getattr(call, name) for name in CallFields.__struct_fields__}
        yield msgspec.json.encode({"version": VERSION, **fields})


def kong(pair: Pair) -> bytes:
    """A recorded pair as Kong's ``kafka-log`` writes it behind ``ai-proxy`` with ``log_payloads``."""
    request, response = pair.bodies()
    log = {
        "started_at": 1_763_000_000_000,
        "request": {"method": "POST", "uri": "/chat", "size": len(request), "headers": {"host": "gateway"}},
        "response": {
            "status": pair.response.status,
            "size": len(response),
            "headers": {"server": "upstream"},
        },
        "latencies": {"request": 1_840, "proxy": 1_802, "kong": 38, "receive": 0},
        "service": {"name": "models", "host": "upstream"},
        "route": {"name": "chat", "paths": ["/chat"]},
        "tries": [{"ip": "127.0.0.1", "port": 443, "balancer_latency": 0}],
        "ai": {
            "proxy": {
                "payload": {"request": request, "response": response},
                "meta": {"provider_name": "openai", "llm_latency": 1_790},
            }
        },
    }
    return msgspec.json.encode(log)


def apisix(pair: Pair) -> bytes:
    """A recorded pair as APISIX's ``kafka-logger`` writes it with both bodies."""
    request, response = pair.bodies()
    headers = {"content-type": "application/json", "host": "gateway"}
    log = {
        "start_time": 1_763_000_000_000,
        "latency": 1_840.5,
        "upstream_latency": 1_802.0,
        "route_id": "chat",
        "service_id": "models",
        "request": {
            "method": "POST",
            "uri": "/v1/chat/completions",
            "url": "http://gateway/v1/chat/completions",
            "headers": headers,
            "size": len(request),
            "body": request,
        },
        "response": {
            "status": pair.response.status,
            "headers": headers,
            "size": len(response),
            "body": response,
        },
        "server": {"hostname": "gateway", "version": "3.18.0"},
    }
    return msgspec.json.encode(log)


def otlp(data: Path, emitter: str) -> Iterator[Material]:
    """What the runs of one emitter left, in both encodings."""
    runs = [path for path in sorted((data / "otlp").glob("*")) if path.name.startswith(emitter)]
    protos = [path for run in runs for path in sorted(run.glob("*.pb")) if ".metrics." not in path.name]
    as_json = [path.with_suffix(".json").read_bytes() for path in protos]
    bare: list[Bare] = [TracesData if ".traces." in path.name else LogsData for path in protos]
    yield Material("otlp-proto", emitter, [path.read_bytes() for path in protos], as_json, bare)
    yield Material("otlp-json", emitter, as_json)


def materials(data: Path) -> Iterator[Material]:
    """Everything there is to decode, format by format."""
    recorded = pairs(data)
    everything = [value for values in recorded.values() for value in values]
    yield Material("native", "from pairs", list(native(everything)))
    for api, values in sorted(recorded.items()):
        yield Material("pair", api, values)
    by_emitter = [material for emitter in EMITTERS for material in otlp(data, emitter)]
    yield from sorted(by_emitter, key=lambda material: material.format, reverse=True)
    for name, folder, pattern in (
        ("litellm", "litellm_slp", "[0-9]*.json"),
        ("langfuse", "langfuse_ingestion_v2", "batch_*.json"),
    ):
        paths = sorted((data / "recorded" / folder).glob(pattern))
        yield Material(name, folder, [path.read_bytes() for path in paths])
    chats = [msgspec.json.decode(value, type=Pair) for value in recorded.get("chat.completions", [])]
    for gateway, write in (("kong, from pairs", kong), ("apisix, from pairs", apisix)):
        yield Material("gateway-log", gateway, [write(pair) for pair in chats])


# ----------------------------------------------------------------------------------------------- measuring


def calls(values: Iterable[bytes]) -> list[Call]:
    """The calls that these values hold, all put together."""
    whole: list[Call] = []
    fragments: list[Fragment] = []
    for offset, value in enumerate(values):
        decoded = decode(Record("benchmark", 0, offset, value))
        whole += decoded.calls
        fragments += decoded.fragments
    return whole + list(assemble(arrived(fragments, _NOW), _NOW, _NO_WAIT).calls)


def parse_json(values: Iterable[bytes]) -> None:
    """Parse JSON, and JSON lines, to plain objects."""
    decoder = msgspec.json.Decoder()
    for value in values:
        decoder.decode_lines(value)


def parse_protobuf(values: Iterable[bytes], types: Iterable[Bare]) -> None:
    """Parse protobuf to the library's own objects."""
    for value, kind in zip(values, types, strict=True):
        kind().ParseFromString(value)


def best(run: Callable[[], object]) -> float:
    """The shortest of several rounds, in microseconds."""
    return min(repeat(run, number=1, repeat=ROUNDS)) * 1e6


def row(material: Material) -> str:
    """One line of the table."""
    name = f"{material.format:12}{material.kind:22}"
    if not material.values:
        return f"{name}no material"
    count = sum(call.source.format == material.format for call in calls(material.values))
    if not count:
        return f"{name}no calls in {len(material.values)} values"
    size = sum(map(len, material.values)) / count
    ours = best(partial(calls, material.values)) / count
    parsed = best(partial(parse_json, material.json or material.values)) / count
    line = f"{name}{count:7}{size:12.0f}{ours:10.0f}{parsed:10.0f}{ours / parsed:8.1f}"
    if material.bare:
        line += f"{best(partial(parse_protobuf, material.values, material.bare)) / count:10.0f}"
    return line


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    options = parser.parse_args()
    print(f"{'':34}{'':7}{'bytes':>12}{'µs/call':>10}{'µs/call':>10}{'':8}{'µs/call':>10}")
    heads = f"{'format':12}{'of':22}{'calls':>7}{'per call':>12}{'decode':>10}{'msgspec':>10}{'ratio':>8}"
    print(f"{heads}{'protobuf':>10}")
    for material in materials(options.data):
        print(row(material), flush=True)


if __name__ == "__main__":
    main()
