"""Paths that are made of names, and what is taken for a path of ours."""

from __future__ import annotations

import pytest

from worker.web.paths import own_path, path_of


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("apps", "checkout"), "/apps/checkout"),
        (("events", "a", "x/y?z#%"), "/events/a/x%2Fy%3Fz%23%25"),
        (("events", "a", "//evil.example"), "/events/a/%2F%2Fevil.example"),
        (("events", "\r\nX: y"), "/events/%0D%0AX%3A%20y"),
        (("events", "ä"), "/events/%C3%A4"),
    ],
)
def test_each_part_stays_in_its_place(parts, path):
    """Whatever characters a name has, it neither ends a path nor begins a header."""
    assert path_of(*parts) == path
    assert own_path(path) == path


@pytest.mark.parametrize("path", ["/apps", "/events/a/b?from=1&to=2", "/apps/x#y", "/a%2Fb", "/a:b"])
def test_our_own_paths_are_kept(path):
    """With their query."""
    assert own_path(path) == path
