"""kill -9 at any moment: it opens again, and what the upstream counted is in the records.

Every attempt is on file before the call is made, under the id that the call carries; so each receipt
has exactly one record, settled or unsettled, and records without a receipt are few: calls that were
not yet sent when the process died.
"""

import json
import random
import threading
import time

import pytest
from support import configs, http_client
from support.processes import eventually

KILLS = 200
CLIENTS = 6
BODY = b'{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'
STREAM = BODY[:-1] + b',"stream":true}'


class Load:
    """Clients that ask without pause, and take every end of a connection as it comes."""

    def __init__(self, port):
        self.port, self.stop, self.acknowledged = port, threading.Event(), []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        while not self.stop.is_set():
            try:
                with http_client.Connection(self.port) as connection:
                    while not self.stop.is_set():
                        body = STREAM if number % 2 else BODY
                        connection.send(http_client.post("/v1/chat/completions", body))
                        answer = connection.answer()
                        if answer.status == 200:
                            self.acknowledged.append(answer.header("x-request-id"))
            except (OSError, EOFError):
                pass

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.attack(101)
@pytest.mark.timeout(300)
def test_kills(holdfast, fake, tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    log = tmp_path / "receipts"
    one = fake("one", receipts=log)
    config = configs.through(one)
    state = tmp_path / "state"
    acknowledged = []
    for _ in range(KILLS):
        instance = holdfast(config, state=state)
        load = Load(instance.app_port)
        # The moment is random; some fall before the first answer, some into the drain.
        time.sleep(choose.choice([0.0, 0.005, 0.02, 0.06]) + choose.random() * 0.04)
        instance.kill()
        load.end()
        acknowledged += load.acknowledged

    instance = holdfast(config, state=state)
    receipts = [json.loads(line)["request_id"] for line in log.read_text().splitlines()]
    assert len(receipts) > KILLS and len(set(receipts)) == len(receipts)

    def all_there():
        found = instance.attempts()
        # What a dead process has left open is settled once all of its journals are in the store.
        there = len(found) >= len(receipts) and all(one["state"] != "open" for one in found)
        return found if there else None

    states = {}
    for record in eventually(all_there, f"{len(receipts)} records", 60):
        assert record["request_id"] not in states, "a record twice"
        states[record["request_id"]] = record["state"]
    missing = [one for one in receipts if one not in states]
    assert not missing, f"{len(missing)} receipts without a record"
    assert set(states.values()) <= {"settled", "unsettled"}
    totals = instance.metrics()
    assert totals["holdfast_records_settled_total"] + totals[
        "holdfast_records_unsettled_total"
    ] == len(states)

    unsettled = [one for one, state in states.items() if state == "unsettled"]
    unsent = len(states) - len(receipts)
    lost = [one for one in acknowledged if states.get(one) != "settled"]
    print(
        f"{KILLS} kills: {len(receipts)} receipts, {len(states)} records, {len(unsettled)} "
        f"unsettled, {unsent} not sent, {len(acknowledged)} acknowledged, {len(lost)} of those "
        "unsettled"
    )
    # At most what was in flight at each kill. The end of an attempt is written with the turn of the
    # loop that answers: a kill in between leaves it unsettled, never lost.
    in_flight = KILLS * CLIENTS
    assert unsent <= in_flight and len(unsettled) <= in_flight and len(lost) <= in_flight
    assert all(one in states for one in acknowledged)
