"""Responses that Holdfast keeps: asked for again, gone on from with whoever answers, gone for good."""

import json
import pathlib
import resource
import sqlite3
import threading

import openai
import pytest
from support import configs
from support.processes import Fake, eventually

pytestmark = pytest.mark.asan

SECRET = "the-prompt-that-is-kept"
KEYS = {"one": {"key": "env:ONE"}, "two": {"key": "env:TWO"}}
ENVIRONMENT = {"ONE": "sk-key-of-client-one", "TWO": "sk-key-of-client-two"}
STORE = {"responses": {"store": True}}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


def through(*fakes, behaviour="good", **more) -> dict:
    """`chat` over all of them in order, and a model named after each of them alone."""
    target = {fake.name: {"provider": fake.name, "model": f"m1+{behaviour}"} for fake in fakes}
    models = {name: {"policy": "failover", "targets": [one]} for name, one in target.items()}
    models["chat"] = {"policy": "failover", "targets": list(target.values())}
    providers = {fake.name: configs.of_family(fake) for fake in fakes}
    return {"providers": providers, "models": models} | STORE | more


@pytest.fixture
def claude(fake):
    return fake("claude", family="anthropic")


@pytest.fixture
def gpt(fake):
    return fake("gpt", family="openai")


def bodies(fake) -> list[dict]:
    return [json.loads(receipt["body"]) for receipt in fake.receipts()]


def on_disk(instance, text: str) -> bool:
    return any(
        text.encode() in file.read_bytes()
        for file in pathlib.Path(instance.state).rglob("*")
        if file.is_file()
    )


def all_written(instance) -> bool:
    return instance.metrics()["holdfast_responses_waiting"] == 0


def refusal(error) -> tuple:
    return error.value.status_code, error.value.code, error.value.param


class TestOneResponse:
    @pytest.fixture
    def api(self, holdfast, claude, client):
        return client(holdfast(through(claude)))

    def test_is_found_again_as_it_was_told(self, api):
        told = api.responses.create(model="chat", input="Hello", metadata={"a": "b"})
        assert told.id.startswith("resp_") and len(told.id) == 53 and told.store is True
        found = api.responses.retrieve(told.id)
        assert found.to_dict() == told.to_dict()
        assert found.output_text == "Hello from claude w3 w4" and found.metadata == {"a": "b"}

    def test_a_stream_is_kept_as_its_last_event_says(self, api):
        *_, last = api.responses.create(model="chat", input="Hello", stream=True)
        assert last.type == "response.completed"
        assert api.responses.retrieve(last.response.id).to_dict() == last.response.to_dict()

    def test_two_of_the_same_question_are_two(self, api):
        ids = {api.responses.create(model="chat", input="Hello").id for _ in range(3)}
        assert len(ids) == 3

    def test_its_input_is_listed_page_by_page(self, api):
        asked = [{"role": "user", "content": f"part {i}"} for i in range(5)]
        told = api.responses.create(model="chat", input=asked)
        newest = api.responses.input_items.list(told.id, limit=2)
        texts = [item.content[0].text for item in newest.data]
        assert texts == ["part 4", "part 3"] and newest.has_more
        everything = list(api.responses.input_items.list(told.id, limit=2, order="asc"))
        assert [item.content[0].text for item in everything] == [f"part {i}" for i in range(5)]
        assert {item.type for item in everything} == {"message"}
        after = api.responses.input_items.list(
            told.id, order="asc", after=everything[3].id, include=["reasoning.encrypted_content"]
        )
        assert [item.id for item in after.data] == [everything[4].id] and not after.has_more

    def test_a_text_is_listed_as_a_message(self, api):
        told = api.responses.create(model="chat", input="Hello")
        (item,) = api.responses.input_items.list(told.id).data
        assert (item.role, item.content[0].type, item.content[0].text) == (
            "user",
            "input_text",
            "Hello",
        )

    def test_deleted_it_is_gone_for_good(self, holdfast, claude, client):
        instance = holdfast(through(claude))
        api = client(instance)
        told = api.responses.create(model="chat", input=SECRET)
        eventually(lambda: on_disk(instance, SECRET), "the prompt on the disk")
        api.responses.delete(told.id)
        assert not on_disk(instance, SECRET) and not on_disk(instance, told.id)
        for gone in (api.responses.retrieve, api.responses.delete, api.responses.cancel):
            with pytest.raises(openai.NotFoundError) as refused:
                gone(told.id)
            assert refusal(refused) == (404, "response_not_found", "response_id")
        with pytest.raises(openai.NotFoundError):
            api.responses.input_items.list(told.id)
        with pytest.raises(openai.BadRequestError) as refused:
            api.responses.create(model="chat", input="And?", previous_response_id=told.id)
        assert refusal(refused) == (400, "previous_response_not_found", "previous_response_id")

    def test_nothing_can_be_cancelled(self, api):
        told = api.responses.create(model="chat", input="Hello")
        with pytest.raises(openai.BadRequestError) as refused:
            api.responses.cancel(told.id)
        assert refusal(refused) == (400, "cannot_cancel", "response_id")
        with pytest.raises(openai.BadRequestError) as refused:
            api.responses.create(model="chat", input="Hello", background=True)
        assert refusal(refused) == (400, "unsupported_parameter", "background")

    @pytest.mark.parametrize(
        ("path", "param"),
        [
            ("?stream=true", "stream"),
            ("?starting_after=3", "starting_after"),
            ("/input_items?limit=0", "limit"),
            ("/input_items?limit=101", "limit"),
            ("/input_items?limit=x", "limit"),
            ("/input_items?order=up", "order"),
            ("/input_items?after=msg_none", "after"),
        ],
    )
    def test_what_cannot_be_asked_is_named(self, holdfast, claude, path, param):
        instance = holdfast(through(claude))
        _, _, body = instance.ask("POST", "/v1/responses", {"model": "chat", "input": "Hello"})
        status, _, body = instance.ask("GET", f"/v1/responses/{json.loads(body)['id']}{path}")
        assert (status, json.loads(body)["error"]["param"]) == (400, param), body

    def test_methods_and_azures_path(self, holdfast, claude):
        instance = holdfast(through(claude))
        _, _, body = instance.ask("POST", "/openai/v1/responses", {"model": "chat", "input": "Hi"})
        name = json.loads(body)["id"]
        status, headers, _ = instance.ask("POST", f"/v1/responses/{name}", {})
        assert (status, headers["allow"]) == (405, "GET, HEAD, DELETE, OPTIONS")
        assert instance.ask("HEAD", f"/v1/responses/{name}")[0] == 200
        assert instance.ask("GET", f"/v1/responses/{name}/cancel")[0] == 405
        assert instance.ask("GET", f"/v1/responses/{name}/other")[0] == 404
        assert instance.ask("POST", "/v1/responses/compact", {})[0] == 404
        assert instance.ask("GET", f"/openai/v1/responses/{name}")[0] == 200
        assert instance.ask("GET", "/v1/responses/" + "x" * 300)[0] == 404
        assert instance.ask("DELETE", f"/openai/v1/responses/{name}")[0] == 200
        assert instance.ask("GET", f"/v1/responses/{name}")[0] == 404

    def test_what_is_not_to_be_stored_is_not(self, holdfast, claude, client):
        instance = holdfast(through(claude))
        api = client(instance)
        told = api.responses.create(model="chat", input=SECRET, store=False)
        assert told.store is False
        api.responses.create(model="chat", input="something else")
        eventually(lambda: all_written(instance), "all on the disk")
        with pytest.raises(openai.NotFoundError):
            api.responses.retrieve(told.id)
        assert not on_disk(instance, SECRET)

    def test_a_cut_stream_is_not_kept(self, holdfast, fake):
        one = fake("one")
        config = configs.misbehaving(one, "cut_after") | STORE
        instance = holdfast(config)
        status, _, body = instance.ask(
            "POST", "/v1/responses", {"model": "chat", "input": "Hello", "stream": True}
        )
        assert status == 200 and b"event: error" in body
        assert instance.metrics()["holdfast_responses_written_total"] == 0
        assert instance.metrics()["holdfast_responses_waiting"] == 0


class TestWhoSeesIt:
    @pytest.mark.attack(60)
    def test_only_the_key_that_made_it(self, holdfast, claude, client):
        instance = holdfast(through(claude, keys=KEYS), env=ENVIRONMENT)
        one = client(instance, api_key=ENVIRONMENT["ONE"])
        two = client(instance, api_key=ENVIRONMENT["TWO"])
        told = one.responses.create(model="chat", input="Hello")
        unknown = f"resp_{'0' * 48}"
        for call in (
            two.responses.retrieve,
            two.responses.delete,
            two.responses.cancel,
            two.responses.input_items.list,
        ):
            said = []
            for name in (told.id, unknown):
                with pytest.raises(openai.NotFoundError) as refused:
                    call(name)
                said.append(str(refused.value).replace(name, ""))
            assert said[0] == said[1], "nothing tells that it is there"
        said = []
        for name in (told.id, unknown):
            with pytest.raises(openai.BadRequestError) as refused:
                two.responses.create(model="chat", input="And?", previous_response_id=name)
            assert refused.value.code == "previous_response_not_found"
            said.append(str(refused.value).replace(name, ""))
        assert said[0] == said[1]
        assert one.responses.retrieve(told.id).id == told.id


class TestAConversation:
    def test_goes_on_with_another_family_when_the_first_is_gone(
        self, holdfast, gpt, claude, client
    ):
        instance = holdfast(through(gpt, claude))
        api = client(instance)
        first = api.responses.create(
            model="chat", input="My name is Ada", instructions="Only for the first turn"
        )
        assert first.output_text == "Hello from gpt w3 w4"
        gpt.kill()
        second = api.responses.create(
            model="chat", input="Who am I?", previous_response_id=first.id
        )
        assert second.output_text == "Hello from claude w3 w4"
        assert second.previous_response_id == first.id
        (asked,) = bodies(claude)
        said = [
            (message["role"], "".join(part["text"] for part in message["content"]))
            if isinstance(message["content"], list)
            else (message["role"], message["content"])
            for message in asked["messages"]
        ]
        assert said == [
            ("user", "My name is Ada"),
            ("assistant", "Hello from gpt w3 w4"),
            ("user", "Who am I?"),
        ]
        assert "Only for the first turn" not in json.dumps(asked)
        *_, last = api.responses.create(
            model="chat", input="Sure?", previous_response_id=second.id, stream=True
        )
        assert last.response.output_text == "Hello from claude w3 w4"
        assert len(bodies(claude)[-1]["messages"]) == 5
        (item,) = api.responses.input_items.list(last.response.id).data
        assert item.content[0].text == "Sure?", "its own input"

    def test_of_holdfasts_goes_whole_to_openai_too(self, holdfast, gpt, claude, client):
        api = client(holdfast(through(claude, gpt)))
        first = api.responses.create(model="claude", input="My name is Ada")
        second = api.responses.create(model="gpt", input="Who am I?", previous_response_id=first.id)
        assert second.output_text == "Hello from gpt w3 w4"
        assert second.id != first.id and second.previous_response_id == first.id
        (asked,) = bodies(gpt)
        assert "previous_response_id" not in asked and "store" not in asked
        assert first.id not in json.dumps(asked) and "msg_" not in json.dumps(asked)
        assert [(one["role"], one["content"]) for one in asked["messages"]] == [
            ("user", "My name is Ada"),
            ("assistant", "Hello from claude w3 w4"),
            ("user", "Who am I?"),
        ]
        third = api.responses.create(model="gpt", input="And?", previous_response_id=second.id)
        assert len(bodies(gpt)[-1]["messages"]) == 5 and third.id != second.id

    def test_of_a_provider_stays_with_it_by_its_id(self, holdfast, gpt, client):
        api = client(holdfast(through(gpt)))
        first = api.responses.create(model="chat", input="My name is Ada")
        assert api.responses.retrieve(first.id).output_text == "Hello from gpt w3 w4"
        second = api.responses.create(
            model="chat", input="Who am I?", previous_response_id=first.id
        )
        assert second.output_text == "Hello from gpt w3 w4"
        asked = bodies(gpt)[-1]
        assert (asked["previous_response_id"], asked["input"]) == (first.id, "Who am I?")
        *_, last = api.responses.create(
            model="chat", input="Sure?", previous_response_id=second.id, stream=True
        )
        assert api.responses.retrieve(last.response.id).to_dict() == last.response.to_dict()

    def test_that_the_provider_has_lost_is_told_to_it_whole(self, holdfast, gpt, client):
        api = client(holdfast(through(gpt)))
        first = api.responses.create(model="chat", input="My name is Ada")
        gpt.kill()
        again = Fake("gpt", family="openai", port=gpt.port)
        try:
            second = api.responses.create(
                model="chat", input="Who am I?", previous_response_id=first.id
            )
            assert second.output_text == "Hello from gpt w3 w4"
            by_id, whole = bodies(again)
        finally:
            again.stop()
        assert by_id["previous_response_id"] == first.id
        assert "previous_response_id" not in whole and len(whole["messages"]) == 3

    def test_a_call_is_answered_by_its_id_alone_elsewhere(self, holdfast, gpt, claude, client):
        api = client(holdfast(through(gpt, claude, behaviour="call")))
        first = api.responses.create(model="gpt", input="Hello", tools=[WEATHER])
        (call,) = [item for item in first.output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "sun"}
        second = api.responses.create(
            model="claude", input=[result], tools=[WEATHER], previous_response_id=first.id
        )
        assert second.output_text == "Tools said: sun"

    def test_with_a_part_deleted_is_refused_by_its_name(self, holdfast, claude, client):
        api = client(holdfast(through(claude)))
        first = api.responses.create(model="chat", input="One")
        second = api.responses.create(model="chat", input="Two", previous_response_id=first.id)
        api.responses.delete(first.id)
        assert api.responses.retrieve(second.id).output_text
        with pytest.raises(openai.BadRequestError) as refused:
            api.responses.create(model="chat", input="Three", previous_response_id=second.id)
        assert refusal(refused) == (400, "previous_response_not_found", "previous_response_id")
        assert first.id in refused.value.message

    def test_an_id_that_only_a_provider_knows_goes_there(self, holdfast, gpt, claude, client):
        off = holdfast(through(gpt, claude, responses={"store": False}))
        first = client(off).responses.create(model="chat", input="My name is Ada")
        on = client(holdfast(through(gpt, claude)))
        second = on.responses.create(model="chat", input="Who?", previous_response_id=first.id)
        assert second.output_text == "Hello from gpt w3 w4"
        assert bodies(gpt)[-1]["previous_response_id"] == first.id
        third = on.responses.create(model="gpt", input="And?", previous_response_id=second.id)
        assert third.previous_response_id == second.id
        with pytest.raises(openai.BadRequestError) as refused:
            on.responses.create(model="claude", input="And?", previous_response_id=second.id)
        assert refused.value.code == "previous_response_not_found"


class TestOff:
    def test_is_the_default_and_keeps_nothing(self, holdfast, claude, client):
        config = through(claude)
        del config["responses"]
        instance = holdfast(config)
        api = client(instance)
        told = api.responses.create(model="chat", input=SECRET)
        assert told.output_text and told.store is False
        with pytest.raises(openai.NotFoundError) as refused:
            api.responses.retrieve(told.id)
        assert "responses.store" in refused.value.message
        with pytest.raises(openai.BadRequestError) as refused:
            api.responses.create(model="chat", input="Hello", store=True)
        assert refused.value.param == "store"
        assert not on_disk(instance, SECRET)
        assert not (instance.state / "responses.db").exists()
        assert "holdfast_responses_waiting" not in instance.metrics()

    def test_names_the_file_that_an_earlier_run_left(self, holdfast, claude):
        first = holdfast(through(claude))
        assert first.stop() == 0
        second = holdfast(through(claude, responses={"store": False}), state=first.state)
        eventually(lambda: "responses.db still holds" in second.log(), "the warning")


class TestTheDisk:
    def test_a_restart_forgets_nothing(self, holdfast, claude, client):
        first = holdfast(through(claude))
        told = client(first).responses.create(model="chat", input="My name is Ada")
        assert first.stop() == 0
        files = [file for file in first.state.iterdir() if file.name.startswith("responses.db")]
        assert files and all(file.stat().st_mode & 0o777 == 0o600 for file in files)
        second = holdfast(through(claude), state=first.state)
        api = client(second)
        assert api.responses.retrieve(told.id).to_dict() == told.to_dict()
        api.responses.create(model="chat", input="Who am I?", previous_response_id=told.id)
        assert len(bodies(claude)[-1]["messages"]) == 3

    def test_what_is_too_old_goes(self, holdfast, claude, client):
        config = through(claude, responses={"store": True, "keep": "1h"})
        first = holdfast(config)
        old, new = (client(first).responses.create(model="chat", input=SECRET) for _ in range(2))
        assert first.stop() == 0
        with sqlite3.connect(first.state / "responses.db") as database:
            database.execute(
                "UPDATE responses SET created_us = created_us - 3700000000 WHERE id = ?", [old.id]
            )
        database.close()
        second = holdfast(config, state=first.state)
        api = client(second)

        def is_gone():
            try:
                api.responses.retrieve(old.id)
            except openai.NotFoundError:
                return True
            return False

        eventually(is_gone, "the old one deleted")
        assert api.responses.retrieve(new.id).id == new.id

    @pytest.mark.attack(95)
    def test_full_holds_them_in_memory_until_there_is_room(self, holdfast, claude, client):
        instance = holdfast(through(claude))
        api = client(instance)
        pid = instance.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        told = [api.responses.create(model="chat", input=SECRET) for _ in range(5)]
        warnings = eventually(
            lambda: [
                one
                for one in instance.admin("/readyz")["warnings"]
                if one.startswith("responses cannot be written")
            ],
            "the warning",
        )
        assert "wait in memory" in warnings[0] and "responses.db" in warnings[0]
        assert instance.metrics()["holdfast_responses_waiting"] == 5
        assert all(api.responses.retrieve(one.id).id == one.id for one in told)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
        eventually(lambda: all_written(instance), "all on the disk")
        assert not any("responses" in one for one in instance.admin("/readyz")["warnings"])
        assert instance.stop() == 0
        again = client(holdfast(through(claude), state=instance.state))
        assert all(again.responses.retrieve(one.id).id == one.id for one in told)

    @pytest.mark.attack(97)
    def test_damaged_names_the_file(self, holdfast, claude):
        first = holdfast(through(claude))
        assert first.stop() == 0
        (first.state / "responses.db").write_bytes(b"no database, but something")
        second = holdfast(through(claude), state=first.state, wait=False)
        second.expected_exit = True
        assert second.process.wait(20) == 1
        assert "responses.db is damaged" in second.log()

    def test_kill_9_loses_only_what_was_still_waiting(self, holdfast, claude, client):
        config = through(claude)
        instance = holdfast(config)
        api = client(instance)
        safe = [api.responses.create(model="chat", input="Hello") for _ in range(20)]
        eventually(lambda: all_written(instance), "all on the disk")
        told, stop = [], threading.Event()

        def ask():
            with pytest.raises(openai.APIConnectionError):
                while not stop.is_set():
                    told.append(api.responses.create(model="chat", input="Hello"))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(told) > 40, "answers")
        instance.kill()
        stop.set()
        for thread in threads:
            thread.join()
        again = client(holdfast(config, state=instance.state))
        assert all(again.responses.retrieve(one.id).to_dict() == one.to_dict() for one in safe)
        lost = 0
        for one in told:
            try:
                assert again.responses.retrieve(one.id).to_dict() == one.to_dict()
            except openai.NotFoundError:
                lost += 1
        print(f"{len(told)} told before the kill, {lost} of them lost")
        # One batch may be on its way to the disk, and what four clients asked meanwhile waits.
        assert lost <= 40
