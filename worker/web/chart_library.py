"""plotly.js, out of the wheel that ships it: where it is served, compressed once, and kept by browsers for good.

It is fit for a strict policy (no `eval`, no inline style) where it finds that its styles are there already: those are
in `static/graph.css`, and elements with the ids that it looks for say so.
https://github.com/plotly/plotly.js/pull/7109, https://github.com/plotly/plotly.js/issues/7543
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import web

from worker.web.static_files import ASK_AGAIN, FOR_GOOD, TYPES

PATH: Final = "/static/plotly.js"
LEVEL: Final = 6
_STYLES: Final = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')
"""Ids of the style sheets that it adds where they are missing; the one there is, is of its maps."""


class ChartLibrary:
    """The file, and what a page has to know to use it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._version = hashlib.sha256(content).hexdigest()[:16]
        self._packed = b""
        self.address = f"{PATH}?v={self._version}" if content else ""
        """Empty where it is not installed."""
        self.styles = sorted({found.decode() for found in _STYLES.findall(content)})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The file; 404 where it is not installed."""
        if not self._content:
            raise web.HTTPNotFound(text="The package plotly is not installed where the console runs.")
        headers = {"Content-Type": TYPES["js"], "Vary": "Accept-Encoding"}
        headers["Cache-Control"] = FOR_GOOD if request.query.get("v") == self._version else ASK_AGAIN
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self._content, headers=headers)
        if not self._packed:
            self._packed = await asyncio.to_thread(gzip.compress, self._content, LEVEL, mtime=0)
        return web.Response(body=self._packed, headers={**headers, "Content-Encoding": "gzip"})


@cache
def chart_library() -> ChartLibrary:
    """The one that is installed; one without content where there is none."""
    spec = find_spec("plotly")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    files = (Path(folder) / "package_data" / "plotly.min.js" for folder in folders)
    return ChartLibrary(next((file.read_bytes() for file in files if file.is_file()), b""))
