"""Every channel's settings from its tests' samples, with a canary in each secret; and the operator's own secrets."""

from __future__ import annotations

import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from config.settings import Settings
from security import defective
from security.canary import HALF_CHARS, Canary
from security.planting import Mint, Tree, planted, secret_leaves
from security.values import Trees
from worker.channels import CHANNELS
from worker.settings_tree import holds

SAMPLES: Final = Path(__file__).parents[1] / "tests" / "channels" / "samples"


@dataclass(frozen=True, slots=True)
class Planted:
    """What stands in the settings: channel -> variant -> settings; the defective channel's; the canaries in them."""

    channels: Mapping[str, Mapping[str, Tree]]
    crashing: Tree
    canaries: tuple[Canary, ...]

    @property
    def trees(self) -> Trees:
        """All of them with their channels."""
        return [(CHANNELS[name], tree) for name, variants in self.channels.items() for tree in variants.values()]

    def secrets(self, trees: Trees) -> dict[str, str]:
        """The whole text of each secret in `trees`, by the beginning of the canary in it."""
        texts = [text for channel, tree in trees for _, text in secret_leaves(channel, tree)]
        return {
            piece: text for text in texts for canary in self.canaries if (piece := canary.text[:HALF_CHARS]) in text
        }


def plant_everything(mint: Mint) -> Planted:
    """A canary in every secret field of every channel and variant; Uncovered where there can be none."""
    everything = {name: planted(channel, variants(name), mint) for name, channel in CHANNELS.items()}
    channels = {
        name: {variant: tree for variant, tree in trees.items() if secret_leaves(CHANNELS[name], tree)}
        for name, trees in everything.items()
    }
    crashing = planted(defective.CHANNEL, {"": defective.SAMPLE}, mint)[""]
    trees = [(CHANNELS[name], tree) for name, each in channels.items() for tree in each.values()]
    texts = [
        text for channel, tree in [*trees, (defective.CHANNEL, crashing)] for _, text in secret_leaves(channel, tree)
    ]
    return Planted(channels, crashing, tuple(mint.used_in(texts)))


def variants(channel: str) -> dict[str, Tree]:
    """The settings of a channel's sample, by variant."""
    sample = runpy.run_path(str(SAMPLES / f"{channel}.py"))
    return {"": sample["SETTINGS"], **sample.get("VARIANTS", {})}


def operator_fields() -> Iterator[str]:
    """The names of the operator's settings that are secrets."""
    for name, each in Settings.model_fields.items():
        if holds(each.annotation, (SecretStr,)):
            yield name
