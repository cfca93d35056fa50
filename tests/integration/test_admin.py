"""The administration side, held against its own OpenAPI description."""

import json
import os
import re
import subprocess
import time
import urllib.parse

import jsonschema
import openapi_spec_validator
import pytest
from support import configs, http_client, sse
from support.processes import eventually

pytestmark = pytest.mark.asan


@pytest.fixture(scope="module")
def one(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, module_fake, one):
    two = module_fake("two")
    config = configs.misbehaving(one, "status_500", two)
    config["models"]["alone"] = {
        "policy": "failover",
        "targets": [{"provider": "two", "model": "m1"}],
    }
    instance = module_holdfast(config)
    for _ in range(5):
        assert instance.chat()[0] == 200
        assert instance.chat("alone", stream=True)[0] == 200
    eventually(lambda: len(instance.attempts()) >= 13, "the records of the requests")
    return instance


@pytest.fixture(scope="module")
def description(gateway):
    return gateway.admin("/openapi.json")


def test_the_description_is_valid(description):
    assert description["openapi"].startswith("3.1")
    openapi_spec_validator.validate(description)
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (method, path)


def resolve(schema, description):
    """The schema with the document's components beside it, so that references resolve."""
    return {"components": description["components"], **schema}


def check_answer(description, path, operation, status, headers, body):
    declared = operation["responses"].get(str(status)) or operation["responses"].get("default")
    assert declared, f"{path} answered {status}, which is not described"
    if "$ref" in declared:
        declared = description["components"]["responses"][declared["$ref"].rsplit("/", 1)[1]]
    content = declared.get("content", {})
    kind = headers.get("content-type", "").split(";")[0].strip()
    assert kind in content or not content, f"{path}: {kind} is not described"
    if kind == "application/json":
        schema = resolve(content[kind].get("schema", {}), description)
        jsonschema.Draft202012Validator(schema).validate(json.loads(body))


def test_every_described_route_answers_as_described(gateway, description):
    assert {"/healthz", "/readyz", "/metrics", "/api/v1/providers", "/api/v1/requests"} <= set(
        description["paths"]
    )
    for path, methods in description["paths"].items():
        assert "{" not in path, "write a case for paths with parameters"
        for method, operation in methods.items():
            if method != "get" or "text/event-stream" in json.dumps(operation["responses"]):
                continue
            needed = [one for one in operation.get("parameters", []) if one["required"]]
            query = urllib.parse.urlencode({one["name"]: one["example"] for one in needed})
            asked = f"{path}?{query}" if query else path
            named = {"authorization": f"Bearer {gateway.token()}"}
            status, headers, body = gateway.ask("GET", asked, headers=named, admin=True)
            assert status in (200, 503), (path, status)
            check_answer(description, path, operation, status, headers, body)
            status, _, body = gateway.ask("HEAD", asked, headers=named, admin=True)
            assert status in (200, 503) and body == b""


def test_routes_that_are_not_described_do_not_exist(gateway, description):
    for path in ("/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/requests", "/debug",
                 "/api/v1/requests/", "/healthz/", "/HEALTHZ", "//healthz", "/v1/models",
                 "/v1/chat/completions", "/config", "/etc/passwd", "/../etc/passwd",
                 "/api/v1/providers/%2e%2e"):  # fmt: skip
        assert path not in description["paths"]
        assert gateway.ask("GET", path, admin=True)[0] in (400, 404), path
    for path, methods in description["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} - set(methods):
            status, headers, body = gateway.ask(method.upper(), path, admin=True)
            assert status == 405, (method, path)
            allowed = headers["allow"].replace("HEAD, ", "").replace(", HEAD", "").split(", ")
            assert {one.lower() for one in allowed} == set(methods) and json.loads(body)["error"][
                "message"
            ]


def test_errors_of_the_administration_are_described_too(gateway, description):
    operation = description["paths"]["/api/v1/requests"]["get"]
    for query in ("limit=0", "limit=501", "limit=x", "cursor=nonsense", "failure=nothing",
                  "status=abc", "since=yesterday", "unknown=1", "client_left=maybe",
                  "cursor=" + "A" * 5000):  # fmt: skip
        status, headers, body = gateway.ask("GET", f"/api/v1/requests?{query}", admin=True)
        assert status == 400, (query, status, body)
        check_answer(description, "/api/v1/requests", operation, status, headers, body)


def test_errors_of_route_explain_name_what_is_allowed(gateway, description):
    path = "/api/v1/route/explain"
    operation = description["paths"][path]["get"]
    for query, said in [
        ("", "model must be"),
        ("model=chta", "model must be"),
        ("model=chat&tokens=many", "whole numbers"),
        ("model=chat&key=nobody", "key: there is no"),
        ("model=chat&colour=red", "unknown field"),
    ]:
        status, headers, body = gateway.ask("GET", f"{path}?{query}", admin=True)
        assert status == 400, (query, status, body)
        assert said in json.loads(body)["error"]["message"]
        check_answer(description, path, operation, status, headers, body)


def test_healthz_and_readyz(gateway):
    assert gateway.ask("GET", "/healthz", admin=True)[0] == 200
    assert gateway.ask("GET", "/readyz", admin=True)[0] == 200


def test_metrics_are_well_formed(gateway):
    status, headers, body = gateway.ask("GET", "/metrics", admin=True)
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    assert body.endswith(b"\n")
    tool = os.environ.get("HOLDFAST_PROMTOOL", "")
    if not os.path.exists(tool):
        pytest.skip("HOLDFAST_PROMTOOL is not set or not there; ./dev test sets it")
    checked = subprocess.run(
        [tool, "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_metrics_count_what_happened(holdfast, fake):
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.misbehaving(one, "status_500", two))
    for _ in range(3):
        instance.chat()
    instance.chat("nothing")

    def counted():
        samples = instance.metrics()

        def total(name, **labels):
            return sum(
                value
                for sample, value in samples.items()
                if sample.split("{")[0] == name
                and all(f'{key}="{text}"' in sample for key, text in labels.items())
            )

        return (
            total("holdfast_requests_total", status="200") == 3
            and total("holdfast_requests_total", status="404") == 1
            and total("holdfast_attempts_total", provider="one", failure="server_error") == 3
            and total("holdfast_attempts_total", provider="two", failure="none") == 3
            and total("holdfast_failovers_total", provider="one", failure="server_error") == 3
            and total("holdfast_tokens_total", provider="two", kind="out") == 15
            and total("holdfast_requests_in_flight") == 0
            and total("holdfast_records_settled_total") == 6
        )

    eventually(counted, "the counters say what happened")


@pytest.mark.attack(108)
def test_labels_do_not_grow_with_what_clients_send(holdfast, fake):
    instance = holdfast(configs.through(fake()))
    for _ in range(2):
        instance.chat()
        instance.chat("made-up")
        instance.ask("GET", "/nowhere")
    before = len(instance.metrics())
    for i in range(300):
        instance.chat(f"made-up-{i}")
        instance.ask("GET", f"/nowhere/{i}")
    assert len(instance.metrics()) <= before


def test_providers_show_health_and_last_failures(gateway):
    body = gateway.ask("GET", "/api/v1/providers", admin=True)[2].decode()
    assert '"one"' in body and '"two"' in body
    assert "server_error" in body
    assert "sk-upstream-secret" not in body


def test_filters(gateway):
    everything = gateway.attempts()
    assert everything == sorted(everything, key=lambda r: -r["started_us"])
    half = everything[len(everything) // 2]
    for query, matches in {
        "provider=one": lambda r: r["provider"] == "one",
        "failure=server_error": lambda r: r.get("failure") == "server_error",
        "failure=none": lambda r: r.get("failure") == "none",
        "status=500": lambda r: r.get("status") == 500,
        "model=alone": lambda r: r["logical_model"] == "alone",
        f"request_id={half['request_id']}": lambda r: r["request_id"] == half["request_id"],
        f"since_us={half['started_us']}": lambda r: r["started_us"] >= half["started_us"],
        f"until_us={half['started_us']}": lambda r: r["started_us"] < half["started_us"],
        "target_model=m2": lambda r: r["model"] == "m2",
        "unsettled=true": lambda r: r["state"] == "unsettled",
        "client_left=true": lambda r: r.get("client_left"),
        "provider=nobody": lambda r: False,
        "provider=one&failure=none": lambda r: False,
    }.items():
        want = [r for r in everything if matches(r)]
        assert gateway.attempts(query) == want, query


def test_the_page_at_the_root(gateway):
    status, headers, body = gateway.ask("GET", "/", admin=True)
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src" in headers["content-security-policy"]
    assert not re.search(rb"(src|href)=[\"']?(https?:)?//", body), "it asks nobody else"


@pytest.mark.attack(69)
def test_hosts_and_origins_that_are_not_ours(gateway):
    """A page of another site, or a name that was rebound to loopback, gets nothing."""
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
        status, _, body = gateway.ask("GET", "/api/v1/requests", headers=headers, admin=True)
        assert status in (400, 403, 421), (headers, status)
        assert b"request_id" not in body


def test_slow_scrapes_do_not_hold_up_requests(gateway):
    """A client that asks the administration and never reads must not slow the applications."""
    lazy = [http_client.Connection(gateway.admin_port) for _ in range(20)]
    for connection in lazy:
        connection.send(http_client.get("/metrics") * 50)
    start = time.monotonic()
    for _ in range(20):
        assert sse.is_whole(gateway.chat("alone", stream=True)[2])
    assert time.monotonic() - start < 10
    for connection in lazy:
        connection.close()
