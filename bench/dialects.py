"""One question in the dialects of the four client families, whole and as a stream, as the bytes of
an HTTP request. What paced_clients sends again and again is made here, once for a run.

A Bedrock request is signed by AWS's own library. A signature holds for five minutes, which is longer
than a run, and does not depend on the connection.
"""

import json
import pathlib

import botocore.auth
import botocore.awsrequest
import botocore.credentials

FAMILIES = ["openai", "anthropic", "google", "bedrock"]
KINDS = ["whole", "stream"]
KEY_NAME = "app"  # in the configuration: AWS's access key id
HOST = "127.0.0.1"
QUESTION, MAX_TOKENS = "Tell me more.", 16


def openai(stream: bool, key: str):
    body = {
        "model": "chat",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": MAX_TOKENS,
    }
    body |= {"stream": True} if stream else {}
    return "/v1/chat/completions", body, {"authorization": f"Bearer {key}"} if key else {}


def anthropic(stream: bool, key: str):
    body = {
        "model": "chat",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": MAX_TOKENS,
        "stream": stream,
    }
    headers = {"anthropic-version": "2023-06-01"}
    return "/v1/messages", body, headers | ({"x-api-key": key} if key else {})


def google(stream: bool, key: str):
    body = {
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        "generationConfig": {"maxOutputTokens": MAX_TOKENS},
    }
    call = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/chat:{call}", body, {"x-goog-api-key": key} if key else {}


def bedrock(stream: bool, key: str):
    body = {
        "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
        "inferenceConfig": {"maxTokens": MAX_TOKENS},
    }
    path = "/model/chat/converse" + ("-stream" if stream else "")
    request = botocore.awsrequest.AWSRequest(
        "POST", f"http://{HOST}{path}", {"content-type": "application/json"}, text_of(body)
    )
    signer = botocore.credentials.Credentials(KEY_NAME, key or "unused")
    botocore.auth.SigV4Auth(signer, "bedrock", "us-east-1").add_auth(request)
    names = ("authorization", "x-amz-date")
    return path, body, {name: request.headers[name] for name in names}


def text_of(body) -> str:
    return json.dumps(body, separators=(",", ":"))


def request(family: str, stream: bool, key: str = "") -> bytes:
    """`key`: of the client; empty where the configuration has none."""
    path, body, headers = globals()[family](stream, key)
    text = text_of(body)
    headers |= {"host": HOST, "content-type": "application/json", "content-length": len(text)}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


def asked_by(family: str, kinds: list[str], folder: pathlib.Path, key: str = "") -> list[str]:
    """The last arguments of paced_clients: requests of these kinds, in turns."""
    out = [family]
    for kind in kinds:
        file = folder / f"{family}-{kind}.http"
        file.write_bytes(request(family, kind == "stream", key))
        out.append(f"{kind}={file}")
    return out
