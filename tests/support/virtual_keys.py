"""Virtual keys of a running Holdfast, as its administration makes and changes them."""

import json


def act(instance, action: str, **fields):
    """(status, answer) of one act on virtual keys."""
    body = {"action": action} | fields
    status, _, answer = instance.ask("POST", "/api/v1/keys", body, admin=True)
    return status, json.loads(answer)


def done(instance, action: str, **fields) -> dict:
    status, answer = act(instance, action, **fields)
    assert status == 200, answer
    return answer


def make(instance, name: str, **fields) -> str:
    """Makes a key; its secret."""
    return done(instance, "make", name=name, **fields)["secret"]


def shown(instance, name: str) -> dict:
    (key,) = instance.admin(f"/api/v1/keys?key={name}")["data"]
    return key


def bearer(key: str) -> dict:
    return {"authorization": f"Bearer {key}"}


def error_of(answer) -> tuple[int, str]:
    """(status, code) of a refusal in OpenAI's shape."""
    status, _, body = answer
    return status, json.loads(body)["error"]["code"]
