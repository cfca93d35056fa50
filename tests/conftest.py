"""Fixtures: fake upstreams and Holdfast itself, both real processes, ended and checked after."""

import itertools
import os
import pathlib

import openai
import pytest
from support import certificates
from support.processes import BINARY, Fake, Holdfast


def pytest_configure(config):
    config.stash[seen_key] = set()


# Failure classes that a test saw in an answer or a record; test_every_class_was_seen reads it.
seen_key = pytest.StashKey[set]()


@pytest.fixture
def seen(request) -> set:
    return request.config.stash[seen_key]


@pytest.fixture(scope="session")
def binary() -> pathlib.Path:
    if not BINARY.exists():
        pytest.fail(f"{BINARY} is missing: ./dev build, or set HOLDFAST_BINARY")
    return BINARY


class _Pool:
    """Fake upstreams are kept between tests: a cleared one is as good as new."""

    def __init__(self):
        self.idle = {}

    def take(self, name: str) -> Fake:
        while self.idle.get(name):
            found = self.idle[name].pop()
            if found.process.poll() is None:
                return found
        return Fake(name)

    def give_back(self, fake: Fake) -> None:
        if fake.process.poll() is None:
            fake.clear()
            self.idle.setdefault(fake.name, []).append(fake)
        else:
            fake.stop()


@pytest.fixture(scope="session")
def fake_pool():
    pool = _Pool()
    yield pool
    for fakes in pool.idle.values():
        for fake in fakes:
            fake.stop()


def _fakes(pool: _Pool):
    names = itertools.chain(["one", "two", "three", "four"], map("fake{}".format, range(5, 99)))
    taken, own = [], []

    def start(name=None, **options) -> Fake:
        name = name or next(names)
        if options:
            own.append(Fake(name, **options))
            return own[-1]
        taken.append(pool.take(name))
        return taken[-1]

    yield start
    for fake in own:
        fake.stop()
    for fake in taken:
        pool.give_back(fake)


@pytest.fixture
def fake(fake_pool):
    """fake(name=None, behave=None, receipts=None, tls=None, ...): a fake upstream."""
    yield from _fakes(fake_pool)


@pytest.fixture(scope="module")
def module_fake(fake_pool):
    """The same for a whole module: tests tell their requests apart by the model's name."""
    yield from _fakes(fake_pool)


def _holdfasts(folder: pathlib.Path):
    started = []

    def start(config, **options) -> Holdfast:
        place = folder / f"holdfast{len(started)}"
        instance = Holdfast(place, config, **options)
        started.append(instance)
        return instance

    yield start
    problems = []
    for instance in started:
        try:
            instance.check()
            if instance.process.poll() is None:
                instance.stop()
        except AssertionError as problem:
            problems.append(str(problem))
            if instance.process.poll() is None:
                instance.process.kill()
                instance.process.wait()
    assert not problems, "\n".join(problems)


@pytest.fixture
def holdfast(binary, tmp_path, fake):
    """holdfast(config, env=None, state=None): the real binary, ready; a crash fails the test.

    It is ended before the fakes of the test are handed on."""
    del fake
    yield from _holdfasts(tmp_path)


@pytest.fixture(scope="module")
def module_holdfast(binary, tmp_path_factory, module_fake):
    del module_fake
    yield from _holdfasts(tmp_path_factory.mktemp("holdfast"))


def sdk(instance: Holdfast, **options) -> openai.OpenAI:
    """The official client, with nothing changed but the base URL."""
    settings = {"api_key": "test", "max_retries": 0, "timeout": 30} | options
    return openai.OpenAI(base_url=instance.app_url + "/v1", **settings)


@pytest.fixture
def client():
    """client(instance, **options): an openai.OpenAI, closed after the test."""
    made = []

    def make(instance, **options):
        made.append(sdk(instance, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> certificates.Authority:
    return certificates.Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory) -> certificates.Authority:
    return certificates.Authority(tmp_path_factory.mktemp("tls"), "stranger")


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Paths of the local engine and its model, as `./dev test` exports them."""
    found = {}
    for key, name in (("binary", "HOLDFAST_ENGINE"), ("model", "HOLDFAST_MODEL")):
        path = os.environ.get(name)
        if not path:
            pytest.skip(f"{name} is not set; ./dev test sets it, or: eval $(./dev env)")
        if not pathlib.Path(path).exists():
            pytest.fail(f"{name} names {path}, which does not exist")
        found[key] = path
    return found
