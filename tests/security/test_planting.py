"""Canaries are planted in every secret field, of whichever channel: by its model and its sample."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from security.canary import Search
from security.planting import Mint, Uncovered, planted, secret_leaves, secret_paths
from security.samples import operator_fields, plant_everything, variants
from worker.channels import CHANNELS
from worker.channels.channel import Channel, ChannelSettings, SecretUrl, Token


class Inner(BaseModel):
    """Secrets deeper down."""

    key: SecretStr
    name: str = ""


class MadeUpSettings(ChannelSettings):
    """Secrets in every place where a channel may have them."""

    token: Token
    proxy: SecretUrl | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    keys: tuple[SecretStr, ...] = ()
    inners: dict[str, list[Inner]] = Field(default_factory=dict)
    sender: str = Field(default="x", alias="from")
    pin: SecretStr | None = Field(default=None, alias="pin-code")


def made_up(settings):
    """A channel of these settings."""
    return Channel(name="made-up", label="Made up", settings=settings, compose=lambda *_: None)


def test_every_secret_of_a_made_up_channel_is_found():
    """In fields, maps, lists, models within them, and under the names that people write."""
    paths = {".".join(path) for path in secret_paths(MadeUpSettings)}
    assert paths == {"token", "proxy", "headers.*", "keys.#", "inners.*.#.key", "pin-code"}


def test_a_new_channel_is_covered_by_its_sample_and_its_model():
    """What the sample fills keeps its form; what it leaves out is filled all the same."""
    mint, channel = Mint(), made_up(MadeUpSettings)
    trees = planted(channel, {"": {"token": "tok-Canary-1"}, "keyed": {"token": "canary", "keys": ["k_canary"]}}, mint)
    leaves = {".".join(path): text for tree in trees.values() for path, text in secret_leaves(channel, tree)}
    assert set(leaves) == {
        "token", "proxy", "headers.X-Canary", "keys.0", "inners.X-Canary.0.key", "pin-code"
    }  # fmt: skip
    assert leaves["keys.0"].startswith("k_")
    assert trees[""]["token"].startswith("tok-")
    assert trees[""]["token"].endswith("-1")
    assert leaves["proxy"].startswith("https://127.0.0.1/")
    search = Search(mint.used_in(leaves.values()))
    assert all(search.found(text) == {f"made-up/{pattern}"} for pattern, text in _by_pattern(leaves))


def _by_pattern(leaves):
    """Made-up fields are named by their pattern when they are filled, by their path when a sample filled them."""
    named = {"headers.X-Canary": "headers.X-Canary", "inners.X-Canary.0.key": "inners.X-Canary.0.key"}
    return [(named.get(path, path), text) for path, text in leaves.items()]


class ShortSettings(ChannelSettings):
    """A form that is no longer than it is."""

    code: SecretStr

    @field_validator("code")
    @classmethod
    def _form(cls, code: SecretStr) -> SecretStr:
        if len(code.get_secret_value()) != 12:
            raise ValueError("must have 12 characters")
        return code


def test_a_canary_is_as_long_as_the_field_asks_for():
    """Where a longer one does not fit, it takes the place of the sample's word to the letter."""
    mint = Mint()
    trees = planted(made_up(ShortSettings), {"": {"code": "canary123456"}}, mint)
    (canary,) = mint.used_in([trees[""]["code"]])
    assert canary.text == trees[""]["code"]
    assert len(canary.text) == 12


class ChoosySettings(ChannelSettings):
    """A secret that cannot be made up."""

    pet: SecretStr = SecretStr("cat")

    @field_validator("pet")
    @classmethod
    def _known(cls, pet: SecretStr) -> SecretStr:
        if pet.get_secret_value() not in {"cat", "dog"}:
            raise ValueError("must be cat or dog")
        return pet


@pytest.mark.parametrize("sample", [{}, {"pet": "dog"}])
def test_a_secret_field_that_cannot_be_filled_is_told(sample):
    """It must not pass for covered."""
    with pytest.raises(Uncovered, match=r"made-up/pet: .*Canary"):
        planted(made_up(ChoosySettings), {"": sample}, Mint())


@pytest.mark.parametrize("name", CHANNELS)
def test_every_secret_of_every_channel_is_planted(name):
    """And each in the form that its field takes: the settings are valid."""
    channel, mint = CHANNELS[name], Mint()
    trees = planted(channel, variants(name), mint)
    leaves = [(path, text) for tree in trees.values() for path, text in secret_leaves(channel, tree)]
    search = Search(mint.used_in(text for _, text in leaves))
    assert leaves
    assert all(any(hit.startswith(f"{name}/{path[0]}") for hit in search.found(text)) for path, text in leaves)
    assert {path[0] for path, _ in leaves} == {path[0] for path in secret_paths(channel.settings)}


def test_all_canaries_are_different():
    """A find names one field."""
    canaries = plant_everything(Mint()).canaries
    pieces = [half for canary in canaries for half in canary.halves]
    assert len(canaries) >= 16
    assert len(pieces) == len(set(pieces))


def test_the_operators_secrets_are_known():
    """Those of the settings that are secret by their type."""
    assert {"redis_url", "master_keys"} <= set(operator_fields())
