"""Every module can be imported, with whatever versions of libraries are installed."""

import importlib
import pkgutil

import pytest

import producers
import stream_app

MODULES = [
    module.name
    for package in (stream_app, producers)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_module_can_be_imported(name):
    importlib.import_module(name)
