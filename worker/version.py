"""Which version of Bellhop this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("bellhop")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "0"
