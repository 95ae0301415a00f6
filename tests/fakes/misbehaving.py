"""A kind of inputs for `security.watched`: of twenty one each crashes, hangs, eats its memory, or ends its process."""

from __future__ import annotations

import os
from contextlib import suppress
from random import Random

KINDS = 20


def make(random: Random) -> int:
    """Which of twenty it is."""
    return random.randrange(KINDS)


def run(given: int) -> bool:
    """Whether it is accepted; the first four are not."""
    match given:
        case 0:
            raise ValueError("it crashed")
        case 1:
            while True:
                with suppress(Exception):  # which the watch's interruption is none of
                    sum(range(1000))
        case 2:
            bytearray(8 * 1024**3)
        case 3:
            os._exit(1)
    return given % 2 == 0
