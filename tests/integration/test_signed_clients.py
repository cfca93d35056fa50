"""AWS's SDKs sign what they send: the access key id is a client key's name, the secret the key itself."""

import datetime
import json

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest
from support import configs

pytestmark = pytest.mark.asan

APP = "sk-app-0123456789"
ALL = "sk-all-9876543210"
REGION = "eu-central-1"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
BODY = json.dumps({"messages": HELLO}).encode()


@pytest.fixture(scope="module")
def upstream(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, upstream):
    config = configs.through(upstream)
    config["models"]["other"] = config["models"]["chat"]
    config["models"]["anthropic.chat-v1:0"] = config["models"]["chat"]
    config["keys"] = {
        "app": {"key": "env:APP", "models": ["chat", "anthropic.chat-v1:0"]},
        "everything": {"key": "env:ALL"},
    }
    return module_holdfast(config, env={"APP": APP, "ALL": ALL})


@pytest.fixture
def api(gateway):
    """api(key id, secret): the official client."""
    made = []

    def make(key_id="app", secret=APP, **options):
        settings = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=30)
        made.append(
            boto3.client(
                "bedrock-runtime",
                region_name=options.get("region", REGION),
                endpoint_url=gateway.app_url,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                aws_session_token=options.get("token"),
                config=settings,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def said(answer) -> str:
    return "".join(block["text"] for block in answer["output"]["message"]["content"])


@pytest.mark.parametrize("model", ["chat", "anthropic.chat-v1:0"])
def test_a_signed_call_is_let_in(api, gateway, upstream, model):
    upstream.clear()
    answer = api().converse(modelId=model, messages=HELLO)
    assert said(answer).startswith("Hello from one")
    (receipt,) = upstream.receipts()
    assert receipt["header"]["authorization"] == "Bearer sk-upstream-secret"
    assert not [name for name in receipt["header"] if name.startswith("x-amz")]
    request_id = answer["ResponseMetadata"]["RequestId"]
    (record,) = gateway.attempts_of(request_id, 1)
    assert "app" in record.values()


def test_a_signed_stream_is_let_in(api):
    stream = api("everything", ALL).converse_stream(modelId="chat", messages=HELLO)["stream"]
    kinds = [next(iter(event)) for event in stream]
    assert kinds[0] == "messageStart" and kinds[-2:] == ["messageStop", "metadata"]


def test_any_region_and_a_session_token_will_do(api):
    client = api(region="us-west-2", token="some-session-token")
    assert said(client.converse(modelId="chat", messages=HELLO)).startswith("Hello from one")


REFUSED = {
    "a wrong secret": ("app", APP + "0", "InvalidSignatureException"),
    "another key's secret": ("app", ALL, "InvalidSignatureException"),
    "no key's name": ("nobody", APP, "UnrecognizedClientException"),
    "the key as its own name": (APP, APP, "UnrecognizedClientException"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_signatures_are_refused(api, upstream, what):
    upstream.clear()
    key_id, secret, code = REFUSED[what]
    for call in ("converse", "converse_stream"):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            getattr(api(key_id, secret), call)(modelId="chat", messages=HELLO)
        answer = refused.value.response
        assert answer["Error"]["Code"] == code
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert answer["Error"]["Message"]
        assert APP not in str(refused.value)
    assert upstream.receipts() == []


def test_a_signed_key_has_its_own_models_only(api, upstream):
    upstream.clear()
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        api().converse(modelId="other", messages=HELLO)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert upstream.receipts() == []


# What no SDK would send, signed by botocore all the same.


class WithoutHost(botocore.auth.SigV4Auth):
    def headers_to_sign(self, request):
        found = super().headers_to_sign(request)
        del found["host"]
        return found


def signed(gateway, monkeypatch, path="/model/chat/converse", **changes) -> dict:
    """The headers that botocore signs this call with."""
    moved = datetime.timedelta(seconds=changes.get("seconds", 0))
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + moved
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now)
    request = botocore.awsrequest.AWSRequest(
        "POST", gateway.app_url + path, data=BODY, headers={"Content-Type": "application/json"}
    )
    kind = changes.get("kind", botocore.auth.SigV4Auth)
    credentials = botocore.credentials.Credentials("app", APP)
    kind(credentials, changes.get("service", "bedrock"), REGION).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def send(gateway, headers, body=BODY, path="/model/chat/converse"):
    return gateway.ask("POST", path, body, headers)


def assert_refused(answer, upstream, word):
    status, headers, body = answer
    assert status == 403, body
    assert headers["x-amzn-errortype"] == "InvalidSignatureException"
    assert word in json.loads(body)["message"].lower(), body
    assert APP not in body.decode()
    assert upstream.receipts() == []


def test_what_botocore_signs_here_is_good(gateway, monkeypatch):
    assert send(gateway, signed(gateway, monkeypatch))[0] == 200


@pytest.mark.parametrize(
    ("seconds", "good"), [(-240, True), (240, True), (-360, False), (360, False), (-86_400, False)]
)
def test_clocks_may_differ_by_five_minutes(gateway, upstream, monkeypatch, seconds, good):
    upstream.clear()
    answer = send(gateway, signed(gateway, monkeypatch, seconds=seconds))
    if good:
        assert answer[0] == 200, answer
    else:
        assert_refused(answer, upstream, "five minutes")


def test_a_changed_body_is_refused(gateway, upstream, monkeypatch):
    upstream.clear()
    headers = signed(gateway, monkeypatch)
    assert_refused(send(gateway, headers, BODY.replace(b"Hello", b"Jello")), upstream, "match")


def test_a_changed_path_is_refused(gateway, upstream, monkeypatch):
    upstream.clear()
    headers = signed(gateway, monkeypatch)
    answer = send(gateway, headers, path="/model/anthropic.chat-v1%3A0/converse")
    assert_refused(answer, upstream, "match")


def test_the_host_must_be_signed(gateway, upstream, monkeypatch):
    upstream.clear()
    headers = signed(gateway, monkeypatch, kind=WithoutHost)
    assert_refused(send(gateway, headers), upstream, "host")


def test_the_service_must_be_bedrock(gateway, upstream, monkeypatch):
    upstream.clear()
    headers = signed(gateway, monkeypatch, service="s3")
    assert_refused(send(gateway, headers), upstream, "service")


def test_the_time_must_be_there(gateway, upstream, monkeypatch):
    upstream.clear()
    headers = signed(gateway, monkeypatch)
    del headers["x-amz-date"]
    assert_refused(send(gateway, headers), upstream, "x-amz-date")


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=app, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=app/20260101/eu/bedrock/aws4_request",
        "AWS4-HMAC-SHA256 " + "x" * 5000,
    ],
)
def test_half_a_signature_is_refused(gateway, upstream, value):
    upstream.clear()
    status, headers, _ = send(gateway, {"Authorization": value})
    assert status == 403 and headers["x-amzn-errortype"]
    assert upstream.receipts() == []


def test_a_signature_opens_no_other_dialect(gateway, upstream, monkeypatch):
    upstream.clear()
    headers = signed(gateway, monkeypatch, path="/v1/chat/completions")
    assert send(gateway, headers, path="/v1/chat/completions")[0] == 401
    assert upstream.receipts() == []


def test_a_bearer_key_will_do(gateway, upstream):
    upstream.clear()
    status, _, body = send(gateway, {"Authorization": f"Bearer {APP}"})
    assert status == 200 and said(json.loads(body)).startswith("Hello from one")
    for headers in ({"Authorization": "Bearer wrong"}, {}):
        status, answer, _ = send(gateway, headers)
        assert (status, answer["x-amzn-errortype"]) == (403, "UnrecognizedClientException")
    assert len(upstream.receipts()) == 1
