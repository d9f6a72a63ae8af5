"""A real browser for these tests, which run only when asked for: `pytest -m browser`."""

import pytest

from tests.browser.chromium import Chromium, find


def pytest_collection_modifyitems(config, items):
    """Leave these tests out unless they are asked for: not every machine has a browser."""
    if "browser" in (config.option.markexpr or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    items[:] = [item for item in items if item not in set(left_out)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="module")
def chromium():
    program = find()
    if program is None:
        pytest.skip("no Chromium on this machine: install Debian's package `chromium`")
    with Chromium(program) as browser:
        yield browser
