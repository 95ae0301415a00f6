"""Forms made from models: every channel's, and one with everything that a model may have; there and back unchanged."""

from __future__ import annotations

import string
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal

import pytest
from channels.conftest import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from pydantic import Field, SecretStr

from worker.channels import CHANNELS
from worker.channels.channel import Channel, ChannelSettings, FormHints
from worker.channels.secrecy import secrets_of
from worker.messages import HttpPost
from worker.models import Destination, OnAmbiguous
from worker.settings_tree import written_fields
from worker.web.form_fields import Kind, first_and_others, form_fields
from worker.web.form_view import Said
from worker.web.forms import DestinationForm

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 14


class Login(ChannelSettings):
    user: str = ""
    password: SecretStr | None = None
    colour: Colour = Colour.BLUE


class Step(ChannelSettings):
    text: str = ""
    key: SecretStr | None = None
    fast: bool = True


class EverythingSettings(ChannelSettings):
    """All that a channel's settings may be made of."""

    name: str = Field(title="Its name", description="Some `text`.")
    note: str | None = None
    begun: str = "some default"
    body: Annotated[str, Field(max_length=100_000)] = ""
    count: int = 5
    ratio: float | None = None
    loud: bool = False
    careful: bool = True
    perhaps: bool | None = None
    colour: Colour = Colour.RED
    other_colour: Colour | None = None
    level: Level = Level.HIGH
    size: Literal["small", "large"] = "small"
    token: SecretStr
    spare: SecretStr | None = None
    names: tuple[str, ...] = ()
    keys: tuple[SecretStr, ...] = ()
    numbers: list[int] = Field(default_factory=list)
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)
    login: Login = Login()
    spare_login: Login | None = None
    steps: tuple[Step, ...] = ()


EVERYTHING = Channel(
    "everything", "Everything", EverythingSettings, lambda *_: HttpPost("https://x.example/", "POST x")
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)
# Nobody can type a line end into a field of one line.
SECRET = TEXT.filter(lambda text: "\n" not in text).map(SecretStr)
NAMES = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=10)
LOGINS = st.builds(Login, user=TEXT | st.just(""), password=st.none() | SECRET, colour=st.sampled_from(Colour))
STEPS = st.builds(Step, text=TEXT | st.just(""), key=st.none() | SECRET, fast=st.booleans())
VALUES = st.builds(
    EverythingSettings,
    name=TEXT,
    note=st.none() | TEXT,
    begun=TEXT,
    body=TEXT | st.just("{% for a in b %}\n  line\n\nline {% endfor %}"),
    count=st.integers(),
    ratio=st.none() | st.floats(allow_nan=False),
    loud=st.booleans(),
    careful=st.booleans(),
    perhaps=st.none() | st.booleans(),
    colour=st.sampled_from(Colour),
    other_colour=st.none() | st.sampled_from(Colour),
    level=st.sampled_from(Level),
    size=st.sampled_from(["small", "large"]),
    token=SECRET,
    spare=st.none() | SECRET,
    names=st.lists(TEXT, max_size=3).map(tuple),
    keys=st.lists(SECRET, max_size=3).map(tuple),
    numbers=st.lists(st.integers(), max_size=3),
    headers=st.dictionaries(NAMES, SECRET, max_size=3),
    params=st.dictionaries(NAMES, TEXT | st.just(""), max_size=3),
    login=LOGINS,
    spare_login=st.none() | LOGINS,
    steps=st.lists(STEPS, max_size=3).map(tuple),
)


def of(channel: Channel, values: Any, **changes: Any) -> Destination:
    """A destination with these settings."""
    return Destination("checkout", "it", channel.name, values, **changes)


def typed(form: DestinationForm, values: Any) -> MultiDict[str]:
    """The form with every secret of `values` typed in, as somebody does who adds a destination."""
    posted = form.filled("it")
    shown = form.view(posted, Said())
    secrets = iter(secrets_of(values))
    for control in each_control((*shown.first, *shown.others)):
        if control.field.kind is Kind.SECRET and control.stored:
            posted[control.name] = next(secrets)
    return posted


def each_control(controls):
    """All of them, in whatever depth, in the model's order."""
    for control in controls:
        yield control
        yield from each_control(control.controls)
        for row in control.rows:
            yield from each_control(row.controls)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_channel_has_a_form_that_gives_its_sample_back(case):
    """What is stored is shown, sent back as it is shown, and means the same; as it does when all is typed anew."""
    stored = of(case.channel, case.settings, enabled=False, rate_limit="30/min", on_ambiguous=OnAmbiguous.STOP)
    form = DestinationForm(case.channel, stored)
    asked = form.read(form.filled(stored.name))
    assert asked.problems == []
    assert asked.settings == case.settings
    assert (asked.enabled, asked.rate_limit, asked.on_ambiguous) == (False, "30/min", OnAmbiguous.STOP)
    anew = DestinationForm(case.channel, None).read(in_model_order(typed(form, case.settings), case.channel))
    assert (anew.problems, anew.settings, anew.name) == ([], case.settings, "it")


def in_model_order(posted, channel):
    """The order of a form's fields is its own affair."""
    order = {f"settings.{name}": number for number, name in enumerate(written_fields(channel.settings))}
    return MultiDict(sorted(posted.items(), key=lambda pair: order.get(".".join(pair[0].split(".")[:2]), 0)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_form_holds_a_secret(case):
    """Not what is filled in, not what is drawn, whatever comes back with a problem."""
    form = DestinationForm(case.channel, of(case.channel, case.settings))
    posted = typed(form, case.settings)
    said = Said(errors={"settings.x": "wrong"}, again=True)
    assert "canary" not in repr((form.filled(), form.view(form.filled(), Said()), form.view(posted, said))).lower()


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda channel: channel.name)
def test_every_field_of_every_channel_is_told_and_shown_once(channel):
    """Each has a label and a help, and stands either among the first or behind `More settings`."""
    fields = form_fields(channel.settings, channel.form)
    first, others = first_and_others(fields, channel.form)
    assert sorted(each.name for each in (*first, *others)) == sorted(written_fields(channel.settings))
    assert first
    assert [each.name for each in fields if not each.help or not each.label] == []


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda channel: channel.name)
def test_an_empty_form_names_what_is_missing(channel):
    """Every problem has its control, and one that is not about any of them names the first that it speaks of."""
    form = DestinationForm(channel, None)
    asked = form.read(form.filled(""))
    shown = form.view(form.filled(""), Said())
    ids = {control.id for control in each_control((shown.name, *shown.first, *shown.others, *shown.own))}
    assert asked.settings is None
    assert {problem.id for problem in asked.problems} <= ids
    assert "destination-name" in {problem.id for problem in asked.problems}


@QUICK
@given(VALUES)
def test_whatever_is_stored_comes_back_as_it_is(values):
    """Texts, numbers, choices, lists, maps and models within, secrets kept: shown and sent back, they are the same."""
    form = DestinationForm(EVERYTHING, of(EVERYTHING, values))
    asked = form.read(form.filled("it"))
    assert asked.problems == []
    assert asked.settings == values


@QUICK
@given(VALUES)
def test_whatever_is_typed_is_what_is_read(values):
    """The same form filled in by hand, as a new one: all of it, secrets too, with a browser's line ends."""
    form = DestinationForm(EVERYTHING, of(EVERYTHING, values))
    posted = MultiDict((name, text.replace("\n", "\r\n")) for name, text in typed(form, values).items())
    asked = DestinationForm(EVERYTHING, None).read(posted)
    assert asked.problems == []
    assert asked.settings == values


NONSENSE = st.lists(
    st.tuples(
        st.sampled_from(
            """settings.name settings.token settings.token!forget settings.names# settings.names.s0 settings.headers#
            settings.headers.s0.key settings.headers.s0.value settings.steps# settings.steps.s0.text settings.login#
            settings.count settings.level settings.loud settings.ratio settings.keys# settings.keys.s1
            destination.rate_limit destination.name destination.on_ambiguous""".split()
        ),
        st.text(max_size=8) | st.sampled_from(["s0", "s1", "s99", "n1", "true", "{", "[1]", "1e999", "\0", "\ud800"]),
    ),
    max_size=12,
)


@QUICK
@given(NONSENSE, VALUES)
def test_whatever_is_sent_is_read_or_refused(pairs, values):
    """Nothing that a browser, or what is no browser, may send breaks the form, and it can be drawn again."""
    form = DestinationForm(EVERYTHING, of(EVERYTHING, values))
    posted = MultiDict(pairs)
    asked = form.read(posted)
    assert (asked.settings is None) or isinstance(asked.settings, EverythingSettings)
    form.view(posted, Said(asked.errors, again=True))


def test_a_new_channel_needs_to_say_nothing():
    """Without hints what is required comes first, under its own name where it has no title."""
    first, others = first_and_others(form_fields(EverythingSettings), FormHints())
    assert [(each.name, each.label, each.kind, each.required) for each in first] == [
        ("name", "Its name", Kind.TEXT, True),
        ("token", "Token", Kind.SECRET, True),
    ]
    kinds = {each.name: each.kind for each in others}
    assert (kinds["body"], kinds["careful"], kinds["perhaps"]) == (Kind.AREA, Kind.CHECK, Kind.SELECT)
    assert (kinds["size"], kinds["steps"], kinds["spare_login"]) == (Kind.SELECT, Kind.LIST, Kind.GROUP)
    choices = {each.name: each.choices for each in others}
    assert choices["level"] == (("1", "1: low"), ("14", "14: high"))
    assert choices["perhaps"] == (("", "(not set)"), ("true", "yes"), ("false", "no"))


class Rows(ChannelSettings):
    rows: tuple[tuple[str, ...], ...] = ()


class Either(ChannelSettings):
    value: int | dict[str, str] = 1


class Models(ChannelSettings):
    by_name: dict[str, Login] = Field(default_factory=dict)


class Bytes(ChannelSettings):
    raw: bytes = b""


@pytest.mark.parametrize("model", [Rows, Either, Models, Bytes])
def test_what_no_control_fits_is_told_when_the_channel_is_made(model):
    """A channel's author learns it from the contract test, and not its users from a broken page."""
    with pytest.raises(TypeError, match="there is no control for"):
        form_fields(model)
