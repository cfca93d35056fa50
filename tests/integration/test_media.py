"""Images, sound and moderation: passed on to who has them, as the official SDK sends and reads them."""

import base64
import hashlib
import io
import json

import openai
import pytest
from support import configs, forms, http_client
from support.processes import eventually

pytestmark = pytest.mark.asan

FILE = bytes(range(256)) * 64  # line ends and dashes in all combinations


def sound_file(data: bytes = FILE) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = "speech.wav"
    return file


def picture_file() -> io.BytesIO:
    file = io.BytesIO(forms.PNG)
    file.name = "a.png"
    return file


@pytest.fixture(scope="module")
def one(module_fake):
    return module_fake("one")


@pytest.fixture(scope="module")
def gateway(module_holdfast, one):
    config = configs.through(one)
    config["models"]["omni-moderation-latest"] = {"targets": [{"provider": "one", "model": "m1"}]}
    config["models"]["dall-e-2"] = {"targets": [{"provider": "one", "model": "m2"}]}
    return module_holdfast(config)


def last(fake) -> tuple[dict, dict]:
    """The latest receipt, and its fields whether they came as JSON or as a form."""
    receipt = fake.receipts()[-1]
    content_type = receipt["header"]["content-type"]
    if content_type == "application/json":
        return receipt, json.loads(receipt["body"])
    return receipt, forms.fields_of(forms.read_form(content_type, receipt["body"]))


# As the SDK asks and reads.


def test_moderations(gateway, one, client):
    answer = client(gateway).moderations.create(model="chat", input=["fine", "kill"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence
    receipt, body = last(one)
    assert receipt["path"] == "/v1/moderations"
    assert body == {"model": "m1", "input": ["fine", "kill"]}


def test_a_model_that_is_not_named_is_the_usual_one(gateway, one, client):
    assert client(gateway).moderations.create(input="x").model == "m1"
    assert client(gateway).images.create_variation(image=picture_file()).data[0].b64_json
    assert last(one)[1]["model"] == "m2"


def test_images(gateway, one, client):
    answer = client(gateway).images.generate(model="chat", prompt="a cat", n=2, size="1024x1024")
    assert len(answer.data) == 2 and answer.usage.output_tokens == 272
    receipt, body = last(one)
    assert receipt["path"] == "/v1/images/generations"
    assert body == {"model": "m1", "prompt": "a cat", "n": 2, "size": "1024x1024"}


@pytest.mark.parametrize("kind", ["generate", "edit"])
def test_streamed_images(gateway, one, client, kind):
    images = client(gateway).images
    fields = {"model": "chat", "prompt": "p", "stream": True, "partial_images": 2}
    prefix = "image_generation"
    if kind == "edit":
        fields["image"] = picture_file()
        prefix = "image_edit"
    events = list(getattr(images, kind)(**fields))
    assert [event.type for event in events] == [f"{prefix}.partial_image"] * 2 + [
        f"{prefix}.completed"
    ]
    assert events[-1].usage.total_tokens == 283
    assert last(one)[1]["model"] == "m1"


def test_an_image_beyond_a_mebibyte_in_an_event(holdfast, one, client):
    instance = holdfast(configs.misbehaving(one, "good;mib=3"))
    events = list(client(instance).images.generate(model="chat", prompt="p", stream=True))
    assert len(events[0].b64_json) > 4 << 20


def test_edits(gateway, one, client):
    pictures = [picture_file(), picture_file()]
    answer = client(gateway).images.edit(
        model="chat", image=pictures, mask=picture_file(), prompt="a hat"
    )
    want = hashlib.sha256(forms.PNG * 3).hexdigest().encode()
    assert want in base64.b64decode(answer.data[0].b64_json)
    receipt, fields = last(one)
    assert receipt["path"] == "/v1/images/edits"
    assert fields == {"model": "m1", "prompt": "a hat"}


def test_edits_in_json(gateway, one):
    body = {"model": "chat", "prompt": "a hat", "images": [{"file_id": "file-1"}]}
    status, _, answer = gateway.ask("POST", "/v1/images/edits", body)
    assert status == 200 and json.loads(answer)["data"]
    assert last(one)[1] == body | {"model": "m1"}


def test_variations(gateway, one, client):
    client(gateway).images.create_variation(model="chat", image=picture_file(), n=2)
    receipt, fields = last(one)
    assert receipt["path"] == "/v1/images/variations" and fields == {"model": "m1", "n": "2"}


SOUNDS = [("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("pcm", "audio/pcm")]


@pytest.mark.parametrize(("form", "content_type"), SOUNDS)
def test_speech(gateway, one, client, form, content_type):
    answer = client(gateway).audio.speech.create(
        model="chat", input="Hello", voice="alloy", response_format=form
    )
    assert answer.response.headers["content-type"] == content_type
    assert len(answer.content) == 32 << 10
    assert answer.response.headers["x-holdfast-provider"] == "one"
    assert last(one)[1]["model"] == "m1"


def test_sound_comes_as_it_is_made(holdfast, fake, client):
    slow = fake()
    instance = holdfast(configs.misbehaving(slow, "hold_after"))
    speech = client(instance).audio.speech.with_streaming_response
    with speech.create(model="chat", input="Hello", voice="alloy") as answer:
        pieces = answer.iter_bytes(1024)
        begun = next(pieces)  # while the upstream waits
        slow.release()
        rest = b"".join(pieces)
    assert len(begun) + len(rest) == 32 << 10


def test_speech_as_events(gateway, client):
    speech = client(gateway).audio.speech.with_streaming_response
    fields = {"model": "chat", "input": "Hello", "voice": "alloy", "stream_format": "sse"}
    with speech.create(**fields) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [event["type"] for event in events] == ["speech.audio.delta"] * 4 + ["speech.audio.done"]


TEXTS = ["text", "srt", "vtt"]


@pytest.mark.parametrize("kind", ["transcriptions", "translations"])
@pytest.mark.parametrize("form", ["json", "verbose_json", *TEXTS])
def test_transcripts(gateway, one, client, kind, form):
    audio = getattr(client(gateway).audio, kind)
    answer = audio.create(model="chat", file=sound_file(), response_format=form, temperature=0)
    text = answer if form in TEXTS else answer.text
    assert f"heard {hashlib.sha256(FILE).hexdigest()[:16]} of m1" in text
    receipt, fields = last(one)
    assert receipt["path"] == f"/v1/audio/{kind}"
    assert fields == {"model": "m1", "response_format": form, "temperature": "0"}


def test_streamed_transcript(gateway, client):
    events = list(
        client(gateway).audio.transcriptions.create(model="chat", file=sound_file(), stream=True)
    )
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    assert events[-1].usage.output_tokens == 6


def test_a_model_that_cannot_stream_transcripts_answers_whole(holdfast, fake, client):
    instance = holdfast(configs.misbehaving(fake(), "whole_instead"))
    answer = client(instance).audio.transcriptions.with_raw_response.create(
        model="chat", file=sound_file(), stream=True
    )
    assert json.loads(answer.http_response.read())["text"].startswith("heard")


# What is recorded.

RECORDS = [
    # (path, body, features, tokens out)
    ("/v1/moderations", {"input": "x"}, [], None),
    ("/v1/images/generations", {"prompt": "p", "n": 2}, ["images", "n_many"], 272),
    ("/v1/images/generations", {"prompt": "p", "stream": True}, ["stream", "images"], 272),
    ("/v1/audio/speech", {"input": "x", "voice": "a"}, ["audio"], None),
    (
        "/v1/audio/speech",
        {"input": "x", "voice": "a", "stream_format": "sse"},
        ["stream", "audio"],
        120,
    ),
]


@pytest.mark.parametrize(("path", "body", "features", "tokens"), RECORDS)
def test_records(gateway, path, body, features, tokens):
    status, headers, _ = gateway.ask("POST", path, {"model": "chat"} | body)
    assert status == 200
    (attempt,) = gateway.attempts_of(headers["x-request-id"], 1)
    assert attempt["endpoint"] == path.removeprefix("/v1/").replace("/", "_")
    assert attempt["features"] == features and attempt["tokens_out"] == tokens
    assert attempt["failure"] == "none" and attempt["bytes_received"] > 100
    name = f'holdfast_requests_total{{endpoint="{attempt["endpoint"]}",status="200"}}'
    assert gateway.metrics()[name] >= 1


def test_a_transcript_is_recorded(gateway, client):
    raw = client(gateway).audio.transcriptions.with_raw_response
    answer = raw.create(model="chat", file=sound_file())
    (attempt,) = gateway.attempts_of(answer.headers["x-request-id"], 1)
    assert attempt["endpoint"] == "audio_transcriptions" and attempt["features"] == ["audio"]
    assert attempt["tokens_in"] == 14 and attempt["tokens_out"] == 6
    assert attempt["bytes_sent"] > len(FILE)


# Failover.

CALLS = {
    "moderations": lambda sdk: sdk.moderations.create(model="chat", input="x"),
    "generate": lambda sdk: sdk.images.generate(model="chat", prompt="p"),
    "generate_stream": lambda sdk: list(
        sdk.images.generate(model="chat", prompt="p", stream=True, partial_images=1)
    ),
    "edit": lambda sdk: sdk.images.edit(model="chat", prompt="p", image=picture_file()),
    "variation": lambda sdk: sdk.images.create_variation(model="chat", image=picture_file()),
    "speech": lambda sdk: sdk.audio.speech.create(model="chat", input="x", voice="alloy"),
    "transcription": lambda sdk: sdk.audio.transcriptions.create(model="chat", file=sound_file()),
    "transcription_stream": lambda sdk: list(
        sdk.audio.transcriptions.create(model="chat", file=sound_file(), stream=True)
    ),
    "translation": lambda sdk: sdk.audio.translations.create(model="chat", file=sound_file()),
}


@pytest.mark.parametrize("behaviour", ["status_503", "reset", "html_200", "error_in_200"])
@pytest.mark.parametrize("call", CALLS)
def test_failover(holdfast, fake, client, call, behaviour):
    bad, good = fake(), fake()
    instance = holdfast(configs.misbehaving(bad, behaviour, good))
    CALLS[call](client(instance))
    assert len(bad.receipts()) == 1
    _, fields = last(good)
    assert fields["model"] == "m2"
    if call in {
        "edit",
        "variation",
        "transcription",
        "transcription_stream",
        "translation",
    }:  # the file came whole to both of them
        first, second = bad.receipts()[0], good.receipts()[0]
        assert files_of(first) == files_of(second) != [b""]


def files_of(receipt) -> list[bytes]:
    parts = forms.read_form(receipt["header"]["content-type"], receipt["body"])
    return [part.value for part in parts if part.filename]


def test_sound_that_breaks_off_is_short(holdfast, fake, client):
    bad, good = fake(), fake()
    instance = holdfast(configs.misbehaving(bad, "truncated_body", good))
    with pytest.raises(openai.APIConnectionError):
        CALLS["speech"](client(instance))
    assert not good.receipts()
    (attempt,) = eventually(lambda: instance.attempts("failure=truncated_body"), "its record")
    assert attempt["failure"] == "truncated_body" and attempt["committed"]


def test_an_empty_sound_fails_over(holdfast, fake, client):
    instance = holdfast(configs.misbehaving(fake(), "good;kib=0", fake()))
    answer = CALLS["speech"](client(instance))
    assert answer.response.headers["x-holdfast-fallback-reason"] == "malformed_body"


def test_a_stream_of_images_that_breaks_ends_in_an_error(holdfast, fake, client):
    bad, good = fake(), fake()
    instance = holdfast(configs.misbehaving(bad, "cut_after;after=1", good))
    with pytest.raises(openai.APIError):
        fields = {"model": "chat", "prompt": "p", "stream": True, "partial_images": 3}
        list(client(instance).images.generate(**fields))
    assert not good.receipts()


def test_an_error_of_the_providers_is_passed_on(holdfast, fake, client):
    bad, good = fake(), fake()
    instance = holdfast(configs.misbehaving(bad, "content_filter", good))
    with pytest.raises(openai.BadRequestError) as refused:
        CALLS["edit"](client(instance))
    assert refused.value.code == "content_filter" and not good.receipts()


# Who has what.

KINDS = [
    # (kind, paths that it has)
    ("mistral", ["/v1/audio/transcriptions"]),
    ("groq", ["/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"]),
    ("vllm", ["/v1/audio/transcriptions", "/v1/audio/translations"]),
    ("xai", ["/v1/images/generations"]),
    ("deepseek", []),
    ("anthropic", []),
    ("gemini", []),
]
PATHS = {
    "/v1/moderations": {"input": "x"},
    "/v1/images/generations": {"prompt": "p"},
    "/v1/images/edits": {"prompt": "p", "images": []},
    "/v1/images/variations": None,
    "/v1/audio/speech": {"input": "x", "voice": "alloy"},
    "/v1/audio/transcriptions": None,
    "/v1/audio/translations": None,
}


def form(*fields: tuple[str, bytes], boundary=b"b", files=("file", "image")) -> bytes:
    out = b""
    for name, value in fields:
        file = b'; filename="a.wav"' if name in files else b""
        out += b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
            boundary,
            name.encode(),
            file,
            value,
        )
    return out + b"--%s--\r\n" % boundary


FORM = {"content-type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(("kind", "has"), KINDS)
def test_who_has_what(holdfast, fake, kind, has):
    one = fake()
    config = configs.through(one)
    config["providers"]["one"]["kind"] = kind
    instance = holdfast(config)
    for path, body in PATHS.items():
        sent, headers = body and {"model": "chat"} | body, None
        if body is None:
            sent, headers = form(("model", b"chat"), ("file", b"x"), ("image", b"x")), FORM
        status, _, answer = instance.ask("POST", path, sent, headers)
        if path in has:
            assert one.receipts()[-1]["path"] == path, (path, status, answer)
        else:
            endpoint = path.removeprefix("/v1/").replace("/", "_")
            error = json.loads(answer)["error"]
            assert status == 400 and error["code"] == "unsupported_endpoint", (path, answer)
            assert error["message"] == f"target one/m1 cannot serve {endpoint}"
    assert len(one.receipts()) == len(has)


def test_azure_paths_on_both_sides(holdfast, fake):
    one = fake()
    config = configs.through(one)
    config["providers"]["one"] |= {"kind": "azure_openai", "base_url": one.root_url}
    config["providers"]["one"]["api_version"] = "2025-04-01-preview"
    instance = holdfast(config)
    ask = "/openai/deployments/chat/images/generations?api-version=2025-04-01-preview"
    status, _, _ = instance.ask("POST", ask, {"prompt": "p"})
    receipt, body = last(one)
    assert status == 200 and body == {"model": "m1", "prompt": "p"}
    assert receipt["path"] == ask.replace("/chat/", "/m1/")
    assert receipt["header"]["api-key"]
    ask = ask.replace("images/generations", "audio/transcriptions")
    status, _, _ = instance.ask("POST", ask, form(("file", FILE)), FORM)
    receipt, fields = last(one)
    assert status == 200 and fields["model"] == "m1"
    assert receipt["path"] == ask.replace("/chat/", "/m1/")


# Bad input.

MODEL, SOUND = ("model", b"chat"), ("file", b"RIFF")
WHOLE = form(MODEL, SOUND)
BAD = [
    # (what is wrong, body, Content-Type, status, part of the message)
    ("no content type", WHOLE, "application/octet-stream", 415, "multipart/form-data"),
    ("JSON", b'{"model":"chat"}', "application/json", 415, "multipart/form-data"),
    ("no boundary", WHOLE, "multipart/form-data", 400, "no boundary"),
    ("two boundaries", WHOLE, "multipart/form-data; boundary=b; boundary=c", 400, "two boundaries"),
    ("another boundary", WHOLE, "multipart/form-data; boundary=c", 400, "does not begin"),
    ("no end", WHOLE[:-7], None, 400, "no end"),
    ("something behind", WHOLE + b"x", None, 400, "behind its end"),
    ("two models", form(MODEL, ("model", b"other"), SOUND), None, 400, "model is given twice"),
    ("a list of models", form(MODEL, ("model[]", b"o"), SOUND), None, 400, "no list"),
    ("no model", form(SOUND), None, 400, "'model'"),
    ("no file", form(MODEL), None, 400, "'file'"),
    ("a name twice", WHOLE.replace(b'e="m', b'e="a"; name="m'), None, 400, "name twice"),
    ("a bare LF", WHOLE.replace(b"chat\r\n", b"chat\n"), None, 400, "stands within part 1"),
    ("base64", WHOLE.replace(b"\r\n\r\nR", b"\r\nContent-Transfer-Encoding: base64\r\n\r\nR"),
     None, 400, "is encoded"),
    ("too many parts", form(*[("a", b"x")] * 300), None, 400, "more than 256 parts"),
    ("elsewhere", form(MODEL, SOUND, ("api_base", b"http://x")), None, 400, "api_base"),
    ("no such model", form(("model", b"none"), SOUND), None, 404, "'none' does not exist"),
    ("an empty body", b"", None, 400, "does not begin"),
]  # fmt: skip


@pytest.mark.attack(32, 42)
@pytest.mark.parametrize(
    ("body", "content_type", "status", "part"), [case[1:] for case in BAD], ids=[c[0] for c in BAD]
)
def test_bad_forms_are_refused(gateway, one, body, content_type, status, part):
    before = len(one.receipts())
    headers = {"content-type": content_type or FORM["content-type"]}
    got, _, answer = gateway.ask("POST", "/v1/audio/transcriptions", body, headers)
    error = json.loads(answer)["error"]
    assert got == status and part in error["message"], answer
    assert len(one.receipts()) == before


def test_two_content_types_are_refused(gateway):
    head = b"Content-Type: multipart/form-data; boundary=b\r\n"
    with http_client.Connection(gateway.app_port) as connection:
        request = http_client.post("/v1/audio/transcriptions", WHOLE)
        wrong = request.replace(
            b"Content-Type: application/json\r\n", head + head.replace(b"=b", b"=c")
        )
        connection.send(wrong)
        assert connection.answer().status == 415


def test_a_form_beyond_the_limit(holdfast, fake):
    config = configs.through(fake())
    config["server"] = {"max_body": "1MiB"}
    body = form(MODEL, ("file", b"x" * (1 << 20)))
    status, _, answer = holdfast(config).ask("POST", "/v1/audio/transcriptions", body, FORM)
    assert status == 413 and json.loads(answer)["error"]["code"] == "request_too_large"
