"""Too much for all: who waits, who is shed, what stays untouched, and that it is over afterwards."""

import collections
import concurrent.futures
import json
import threading
import time

import anthropic
import openai
import pytest
from support import configs
from support.processes import eventually

pytestmark = pytest.mark.asan

KEYS = {
    "CRITICAL": "sk-critical-01234567",
    "USUAL": "sk-usual-0123456789",
    "LAB": "sk-lab-012345678901",
}
CLASSES = {"CRITICAL": "critical_revenue", "USUAL": "internal_productivity", "LAB": "experimental"}


def classed(*fakes, most=1, server=None, **concurrency):
    """`chat` through the fakes, each with room for `most`; a key of each class; one loop."""
    config = configs.through(*fakes)
    for fake in fakes:
        config["providers"][fake.name]["concurrency"] = {"most": most, "adapt": False} | concurrency
    config["server"] = {"threads": 1} | (server or {})
    config["keys"] = {
        name.lower(): {"key": f"env:{name}", "class": of} for name, of in CLASSES.items()
    }
    return config


def ask(gateway, key, content="Hello", **fields):
    headers = {"authorization": f"Bearer {KEYS[key]}"}
    return gateway.chat(headers=headers, messages=[{"role": "user", "content": content}], **fields)


def waiting(gateway):
    return gateway.metrics()["holdfast_requests_waiting"]


class Crowd:
    """Requests that are under way at once."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.asked = []

    def occupy(self, fake, count=1):
        """Takes all the places of a fake that holds its answers back."""
        fake.behave("slow_headers")
        for _ in range(count):
            self.asked.append(self.pool.submit(ask, self.gateway, "CRITICAL", "occupant"))
        eventually(lambda: fake.state()["open"] == count, "the occupants")

    def queue(self, key, content="Hello", **fields):
        """Asks, and returns when the request waits."""
        before = waiting(self.gateway)
        self.asked.append(self.pool.submit(ask, self.gateway, key, content, **fields))
        eventually(lambda: waiting(self.gateway) == before + 1, f"{content} to wait")
        return self.asked[-1]

    def answers(self):
        return [one.result() for one in self.asked]


def contents(fake):
    return [json.loads(r["body"])["messages"][0]["content"] for r in fake.receipts()]


def test_the_more_important_come_first_then_as_they_came(holdfast, fake):
    one = fake("one")
    gateway = holdfast(classed(one), env=KEYS)
    crowd = Crowd(gateway)
    crowd.occupy(one)
    for key, content in [("LAB", "l1"), ("LAB", "l2"), ("USUAL", "u1"), ("CRITICAL", "c1")]:
        crowd.queue(key, content)
    crowd.queue("CRITICAL", "c2", stream=True)
    assert len(one.receipts()) == 1, "never more than there is room for"
    one.release()
    assert [status for status, _, _ in crowd.answers()] == [200] * 6
    assert contents(one) == ["occupant", "c1", "c2", "u1", "l1", "l2"]
    metrics = gateway.metrics()
    assert metrics["holdfast_requests_waiting"] == 0
    assert metrics["holdfast_queue_wait_seconds_count"] == 5
    assert metrics['holdfast_concurrency_limit{provider="one",model="m1"}'] == 1


def test_a_full_target_is_passed_over_while_another_has_room(holdfast, fake):
    one, two = fake("one"), fake("two")
    gateway = holdfast(classed(one, two), env=KEYS)
    crowd = Crowd(gateway)
    crowd.occupy(one)
    status, headers, _ = ask(gateway, "LAB")
    assert status == 200 and headers["x-holdfast-provider"] == "two"
    assert headers["x-holdfast-attempts"] == "1"
    one.release()
    crowd.answers()


def test_a_full_queue_sheds_the_least_important(holdfast, fake):
    one = fake("one")
    gateway = holdfast(classed(one, server={"queue_length": 2}), env=KEYS)
    crowd = Crowd(gateway)
    crowd.occupy(one)
    first = crowd.queue("LAB", "l1")
    second = crowd.queue("USUAL", "u1")
    status, headers, body = ask(gateway, "LAB", "l2")
    assert status == 503 and json.loads(body)["error"]["code"] == "overloaded"
    assert headers["retry-after"] == "5" and "server.queue_length" in body.decode()
    crowd.asked.append(crowd.pool.submit(ask, gateway, "CRITICAL", "c1"))
    assert first.result()[0] == 503, "it made room for the critical one"
    with pytest.raises(openai.InternalServerError) as refused:
        openai.OpenAI(
            base_url=gateway.app_url + "/v1", api_key=KEYS["LAB"], max_retries=0
        ).chat.completions.create(model="chat", messages=[{"role": "user", "content": "x"}])
    assert refused.value.status_code == 503
    with pytest.raises(anthropic.InternalServerError) as refused:
        anthropic.Anthropic(
            base_url=gateway.app_url, api_key=KEYS["LAB"], max_retries=0
        ).messages.create(model="chat", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert refused.value.status_code == 529
    one.release()
    assert second.result()[0] == 200 and crowd.asked[-1].result()[0] == 200
    assert sorted(contents(one)) == ["c1", "occupant", "u1"]
    metrics = gateway.metrics()
    shed = 'holdfast_requests_shed_total{{class="experimental",reason="{}"}}'
    assert metrics[shed.format("queue_full")] == 3 and metrics[shed.format("displaced")] == 1
    assert not any("shed_total" in name and "critical" in name for name in metrics)


def test_who_waits_in_vain_is_told(holdfast, fake):
    one = fake("one")
    gateway = holdfast(classed(one, server={"queue_timeout": "200ms"}), env=KEYS)
    crowd = Crowd(gateway)
    crowd.occupy(one)
    status, headers, body = ask(gateway, "USUAL")
    assert status == 503 and headers["retry-after"] == "2" and b"server.queue_timeout" in body
    status, headers, body = ask(gateway, "USUAL", stream=True)
    assert status == 503
    one.release()
    assert crowd.answers()[0][0] == 200
    assert len(one.receipts()) == 1


def test_a_client_that_leaves_leaves_the_queue(holdfast, fake):
    one = fake("one")
    gateway = holdfast(classed(one), env=KEYS)
    crowd = Crowd(gateway)
    crowd.occupy(one)
    left = crowd.queue("CRITICAL", "left", timeout=3)
    stays = crowd.queue("LAB", "stays")
    with pytest.raises(TimeoutError):
        left.result()
    eventually(lambda: waiting(gateway) == 1, "the one that left to be gone")
    one.release()
    assert stays.result()[0] == 200
    assert contents(one) == ["occupant", "stays"]


ENDS = ["status_500", "reset", "cut_after", "status_400"]


@pytest.mark.parametrize("behaviour", ENDS)
def test_a_place_is_free_again_however_the_attempt_ends(holdfast, fake, behaviour):
    one = fake("one")
    gateway = holdfast(classed(one), env=KEYS)
    one.behave(behaviour, count=2)
    for _ in range(2):
        ask(gateway, "USUAL", stream=True)

    def free():
        (target,) = gateway.admin("/api/v1/providers")["providers"][0]["targets"]
        return target["concurrency"] == {"limit": 1, "under_way": 0}

    eventually(free, "no place to be held")


def test_stopping_ends_those_that_wait(holdfast, fake):
    one = fake("one")
    gateway = holdfast(classed(one, server={"drain_timeout": "300ms"}), env=KEYS)
    crowd = Crowd(gateway)
    crowd.occupy(one)
    waits = crowd.queue("USUAL")
    assert gateway.stop() == 0
    assert waits.result()[0] == 503


def test_large_requests_are_refused_before_memory_is_short(holdfast, fake):
    one = fake("one")
    gateway = holdfast(classed(one, most=50, server={"memory_limit": "2MiB"}), env=KEYS)
    crowd = Crowd(gateway)
    one.behave("slow_headers")
    large = "word " * 80_000  # 400 KB; held three times
    crowd.asked.append(crowd.pool.submit(ask, gateway, "CRITICAL", large))
    eventually(lambda: one.state()["open"] == 1, "the first")
    assert gateway.metrics()["holdfast_memory_held_bytes"] >= 1_200_000
    status, headers, body = ask(gateway, "LAB", large)
    assert status == 503 and b"server.memory_limit" in body and "retry-after" in headers
    shed = 'holdfast_requests_shed_total{class="experimental",reason="memory"}'
    assert gateway.metrics()[shed] == 1
    crowd.asked.append(crowd.pool.submit(ask, gateway, "LAB", "small"))
    eventually(lambda: one.state()["open"] == 2, "a small one fits")
    one.release()
    assert [status for status, _, _ in crowd.answers()] == [200, 200]
    eventually(lambda: gateway.metrics()["holdfast_memory_held_bytes"] == 0, "nothing to be held")


def test_what_a_provider_tells_is_left_is_not_overdrawn(holdfast, fake):
    one, two = fake("one"), fake("two")
    gateway = holdfast(configs.through(one, two))
    left = {"limit_requests": 60, "remaining_requests": 1, "reset_requests": "59m0s"}
    one.behave("good", **left)
    names = [gateway.chat()[1]["x-holdfast-provider"] for _ in range(2)]
    assert names == ["one", "one"]
    one.behave("good", **left | {"remaining_requests": 0, "reset_requests": "1h0m0s"})
    names = [gateway.chat()[1]["x-holdfast-provider"] for _ in range(4)]
    # The second answer said that one is left; the third, that none is.
    assert names == ["one", "two", "two", "two"]
    assert len(one.receipts()) == 3, "it never had to say no"
    providers = gateway.admin("/api/v1/providers")["providers"]
    told = {p["name"]: p["targets"][0]["told_limits"]["requests"] for p in providers}
    assert told["one"]["limit"] == 60 and told["one"]["remaining"] == 0
    assert 3_500_000 < told["one"]["reset_ms"] <= 3_600_000


def test_three_times_the_capacity(holdfast, fake):
    """Clients ask as fast as they are answered: no critical one fails, nobody waits for ever, the
    target never gets more than it can do, and afterwards all is as before."""
    one = fake("one")
    one.behave("busy", slots=6, service_ms=40)
    config = classed(one, most=6, server={"threads": 2, "queue_timeout": "2s", "queue_length": 8})
    gateway = holdfast(config, env=KEYS)
    ends = time.monotonic() + 3
    seen = collections.Counter()
    lock = threading.Lock()

    def client(key):
        while time.monotonic() < ends:
            status, headers, _ = ask(gateway, key)
            with lock:
                seen[key, status] += 1
            if status == 503:
                assert "retry-after" in headers
                time.sleep(0.05)  # a client of good manners waits longer

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        clients = [
            pool.submit(client, key) for key in ["CRITICAL"] * 3 + ["USUAL"] * 7 + ["LAB"] * 10
        ]
        for one_client in clients:
            one_client.result()
    assert {status for key, status in seen if key == "CRITICAL"} == {200}
    assert {status for _, status in seen} <= {200, 503}
    assert seen["USUAL", 200] > seen["LAB", 200]
    assert one.state()["most_open"] <= 6
    assert ask(gateway, "LAB")[0] == 200
    assert waiting(gateway) == 0
