"""Runs the tests of frameworks' suites that are coroutines, without a plugin that all other tests would load."""

import asyncio
import inspect

import pytest


def pytest_configure(config):
    for plugin in ("asyncio", "benchmark", "vcr"):
        config.addinivalue_line("markers", f"{plugin}: on tests in suites of frameworks")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
