"""The official `google-genai` package: the Gemini API, and Vertex AI's paths."""

import google.genai
import google.oauth2.credentials
import pydantic
import pytest
from drivers import KEY, Gemini, Request
from google.genai import types

CLIENT = "gemini"


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def test_grid(cell, carried):
    carried(cell)


def test_a_schema_from_a_class(api, target):
    answer = api.models.generate_content(
        model=target.model(),
        contents="Hello",
        config={"response_mime_type": "application/json", "response_schema": Forecast},
    )
    assert answer.parsed == Forecast(city="Rome", days=7)


def test_functions_are_called_by_the_sdk(api, target):
    def weather(city: str, days: int) -> str:
        """The weather of a city."""
        return f"{city} {days}: sun"

    answer = api.models.generate_content(
        model=target.model(), contents="Hello", config={"tools": [weather]}
    )
    assert answer.text == "Tools said: Rome 7: sun"


def test_a_chat_of_two_turns(api, target):
    chat = api.chats.create(model=target.model())
    assert chat.send_message("Hello").text == target.hello
    assert "".join(chunk.text or "" for chunk in chat.send_message_stream("And?")) == target.hello
    assert len(chat.get_history()) >= 4


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_asynchronously_and_in_both_versions(base_url, target, version):
    options = types.HttpOptions(base_url=base_url, api_version=version)
    api = google.genai.Client(api_key=KEY, http_options=options)
    stream = await api.aio.models.generate_content_stream(model=target.model(), contents="Hello")
    assert "".join([chunk.text or "" async for chunk in stream]) == target.hello
    await api.aio.aclose()


def test_counting_and_embeddings(target, drivers_made):
    driver = drivers_made("gemini", target.url)
    assert driver.count(target.model(), Request()) > 0
    if target.provider not in ("anthropic", "bedrock"):  # none, and of models of their own names
        assert len(driver.embed(target.model(), ["a", "b"])) == 2


@pytest.mark.parametrize("way", ["token", "express"])
def test_vertex(family_fake, target, way):
    """Vertex's paths: its own fake without a gateway, and whatever stands behind Holdfast."""
    url = family_fake("vertex").root_url if target.direct else target.url
    options = Gemini.options(type("At", (), {"root_url": url}))
    if way == "token":
        options.base_url_resource_scope = None
        given = {
            "credentials": google.oauth2.credentials.Credentials(token=KEY),
            "project": "p1",
            "location": "europe-west4",
        }
    else:
        given = {"api_key": KEY}
    api = google.genai.Client(vertexai=True, http_options=options, **given)
    answer = api.models.generate_content(model=target.model(), contents="Hello")
    assert answer.text == target.hello
    text = [
        chunk.text or ""
        for chunk in api.models.generate_content_stream(model=target.model(), contents="Hello")
    ]
    assert "".join(text) == target.hello
    api.close()
