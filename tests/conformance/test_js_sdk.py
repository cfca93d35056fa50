"""The JavaScript SDKs (`ai` with its provider packages, `openai`) on the same grid."""

import drivers_js
import pytest

CLIENTS = tuple(drivers_js.FAMILY)


@pytest.fixture(scope="module")
def node():
    made = drivers_js.Node()
    yield made
    made.stop()


@pytest.fixture
def make_driver(node):
    return lambda client, url: drivers_js.JavaScript(node, client, url)


def test_grid(cell, carried, make_driver):
    carried(cell, make_driver)
