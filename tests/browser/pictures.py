"""Pictures of pages for the README and docs/: made where BELLHOP_SCREENSHOTS is set, and always of a seemly size."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import Page

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 150_000
COLOURS = 256


async def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """What the page shows (or the `whole` page) as docs/images/<name>.png; it has to be small."""
    shot = await page.screenshot(animations="disabled", full_page=whole)
    small = with_few_colours(Image.open(BytesIO(shot)).convert("RGB"))
    packed = BytesIO()
    small.save(packed, "PNG", optimize=True)
    assert 5_000 < len(packed.getvalue()) < MOST_BYTES
    if os.environ.get("BELLHOP_SCREENSHOTS"):
        (IMAGES / f"{name}.png").write_bytes(packed.getvalue())


def with_few_colours(shot: Image.Image) -> Image.Image:
    """The same in its most frequent colours, which stay what they are; the edges of letters take the nearest."""
    frequent = sorted(shot.getcolors(shot.width * shot.height), reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for _, colour in frequent for value in colour])
    return shot.quantize(palette=palette, dither=Image.Dither.NONE)
