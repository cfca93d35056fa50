"""The official `boto3` package: Converse and ConverseStream, signed and with a bearer key."""

import boto3
import drivers
from support.processes import Fake

CLIENT = "bedrock"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]


def test_grid(cell, carried):
    carried(cell)


def test_a_bearer_key(authority, monkeypatch):
    """Which the SDK sends over TLS only."""
    fake = Fake("one", family="bedrock", tls=authority.leaf("bedrock", ["127.0.0.1"]))
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", drivers.KEY)
    client = boto3.client(
        "bedrock-runtime",
        region_name=drivers.REGION,
        endpoint_url=fake.root_url,
        verify=str(authority.file),
    )
    answer = client.converse(modelId="m1", messages=HELLO)
    assert answer["output"]["message"]["content"] == [{"text": "Hello from one w3 w4"}]
    client.close()
    fake.stop()


def test_a_stream_has_its_order(api, target):
    stream = api.converse_stream(modelId=target.model(), messages=HELLO)["stream"]
    kinds = [next(iter(event)) for event in stream]
    assert kinds[0] == "messageStart" and kinds[-2:] == ["messageStop", "metadata"]
    assert kinds.count("contentBlockStop") == 1


def test_answers_name_their_request(api, target):
    answer = api.converse(modelId=target.model(), messages=HELLO)
    assert answer["ResponseMetadata"]["RequestId"] and answer["metrics"]["latencyMs"] >= 0
