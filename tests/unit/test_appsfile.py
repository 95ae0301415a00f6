"""The settings file: what it may say, what is told where it is wrong, and that no secret gets out."""

from __future__ import annotations

import json
import re
import string
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, field_validator

from worker.appsdiff import SECRET, Change, What, diff_apps, shown_fields
from worker.appsfile import parse_rate, read_apps, settings_from_pairs, warnings_of, write_apps
from worker.channels import CHANNELS
from worker.channels.channel import Channel, ChannelSettings
from worker.errors import InvalidSettings
from worker.messages import HttpPost
from worker.models import App, Destination, OnAmbiguous
from worker.strict_yaml import MAX_BYTES, read_tree

EXAMPLE = Path(__file__).parents[2] / "config" / "apps.example.yaml"
SECRETS = {
    "HIPCHAT_TOKEN": "aBcDeFgHiJ" * 4,
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T000/B000/s3cret",
    "SLACK_BOT_TOKEN": "xoxb-s3cret",
    "SMTP_PASSWORD": "s3cret-smtp",
    "PAGERDUTY_ROUTING_KEY": "0123456789abcdef" * 2,
    "NSCA_PASSWORD": "s3cret-nsca",
    "WEBHOOK_URL": "https://hooks.example.com/s3cret",
    "WEBHOOK_API_KEY": "s3cret-key",
    "TICKETS_TOKEN": "s3cret-ticket",
}


class Part(BaseModel):
    name: str
    code: SecretStr | None = None


class RoomSettings(ChannelSettings):
    token: SecretStr
    room: str = "lobby"
    port: int = 80
    ratio: float = 1.0
    notify: bool | None = None
    from_: str = Field(default="", alias="from")
    to: tuple[str, ...] = ()
    keys: dict[str, SecretStr] = Field(default_factory=dict)
    parts: list[Part] = Field(default_factory=list)

    @field_validator("token")
    @classmethod
    def _echoes(cls, token) -> SecretStr:
        if token.get_secret_value().startswith("bad"):
            raise ValueError(f"{token.get_secret_value()} is no token")
        return token


ROOM = Channel(
    name="room",
    label="Room",
    settings=RoomSettings,
    compose=lambda *_: HttpPost(url="https://x.example", label="x"),
    warnings=lambda settings: ["port: is unusual"] if settings.port != 80 else [],
)
FAKES = {"room": ROOM}


def problems_of(text, environment=None, channels=FAKES):
    """Every problem with `text`."""
    with pytest.raises(InvalidSettings) as caught:
        read_apps(text, environment or {}, channels)
    return caught.value.problems


def one(settings="{token: t}", more=""):
    """A file with one destination."""
    return f"apps: {{a: {{destinations: {{d: {{channel: room, settings: {settings}{more}}}}}}}}}"


def read_one(settings="{token: t}", more="", environment=None):
    """The destination of a file that has one."""
    return read_apps(one(settings, more), environment or {}, FAKES)["a"].destinations["d"]


# The example


def test_the_example_is_right_and_shows_every_channel():
    """The file that people copy from passes, and there is no channel that it leaves out."""
    apps = read_apps(EXAMPLE.read_bytes(), SECRETS)
    assert {d.channel for app in apps.values() for d in app.destinations.values()} == set(CHANNELS)
    assert warnings_of(apps) == []


def test_an_export_of_the_example_reads_back_the_same_and_holds_no_secret():
    """Export, then apply with the variables that it names, is no change."""
    apps = read_apps(EXAMPLE.read_bytes(), SECRETS)
    text = write_apps(apps)
    assert not [secret for secret in SECRETS.values() if secret in text]
    found = {}
    for app in apps.values():
        for d in app.destinations.values():
            for field, value in secret_leaves(d.settings):
                found[re.sub(r"[^A-Z0-9]+", "_", f"{app.name}_{d.name}_{field}".upper())] = value
    assert diff_apps(apps, read_apps(text, found)) == []


def secret_leaves(settings):
    """(field, value) of each secret, as the export numbers and names them."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield name, value.get_secret_value()
        elif isinstance(value, dict):
            yield from ((f"{name}_{k}", v.get_secret_value()) for k, v in value.items() if isinstance(v, SecretStr))


# Reading


def test_a_destination_is_read_whole():
    """Every field of a destination arrives, and defaults stand where none is given."""
    read = read_one(
        '{token: t, room: 0123, port: "8080", ratio: 1, notify: yes, from: Ops, to: [1, x], keys: {a: 1e3}}'
    )
    assert read.settings.room == "0123"
    assert (read.settings.port, read.settings.ratio, read.settings.notify) == (8080, 1.0, True)
    assert (read.settings.from_, read.settings.to) == ("Ops", ("1", "x"))
    assert read.settings.keys["a"].get_secret_value() == "1e3"
    assert (read.enabled, read.rate_limit, read.on_ambiguous) == (True, "vendor", OnAmbiguous.RETRY)
    assert read_one(more=", enabled: no, on_ambiguous: stop, rate_limit: 5/S") == replace(
        read_one(), enabled=False, on_ambiguous=OnAmbiguous.STOP, rate_limit="5/s"
    )


@pytest.mark.parametrize("off", ["off", "'off'", "OFF", "false", "Off"])
def test_off_is_off_however_it_is_written(off):
    """YAML 1.1 reads `off` as false, and other tools write it so."""
    assert read_one(more=f", rate_limit: {off}").rate_limit == "off"


def test_json_is_read_with_its_types_and_escapes():
    """The same file as JSON means the same."""
    tree = yaml.safe_load(one('{token: "t", port: 8080, notify: true, room: "a"}'))
    tree["apps"]["a"]["destinations"]["d"]["settings"]["room"] = "Ops 😀/\u2028."
    text = json.dumps(tree).replace("/", "\\/")
    settings = read_apps(text, {}, FAKES)["a"].destinations["d"].settings
    assert (settings.room, settings.port, settings.notify) == ("Ops 😀/\u2028.", 8080, True)


def test_bytes_with_a_byte_order_mark_are_read():
    """Editors on Windows write one."""
    assert "a" in read_apps(b"\xef\xbb\xbf" + one().encode(), {}, FAKES)


def test_variables_are_substituted():
    """`${X}`, `${X:-default}` and the escape, anywhere in a value, and never inside what was substituted."""
    environment = {"T": "${NOT_AGAIN}", "EMPTY": "", "ON": "false"}
    read = read_one(
        '{token: "${T}", room: "a-${EMPTY:-b}-${NO:-c:d}-$${T}-$X-$", keys: {k: "${T}"}}',
        ', enabled: "${ON}"',
        environment,
    )
    assert read.settings.token.get_secret_value() == "${NOT_AGAIN}"
    assert read.settings.room == "a-b-c:d-${T}-$X-$"
    assert read.enabled is False


# What is wrong


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file is empty; it begins with `apps:`"),
        ("# nothing\n", "the file is empty; it begins with `apps:`"),
        ("[]", "the file: must be a map with apps, not a list"),
        ("text", "the file: must be a map with apps, not text"),
        ("{}", "apps: is required"),
        ("apps:", "apps: must be a map by name, not nothing"),
        ("apps: []", "apps: must be a map by name, not a list"),
        ("apps: {a: }", "apps.a: must be a map with destinations, not nothing"),
        ("apps: {a: {}}", "apps.a.destinations: is required; write {} for none"),
        ("apps: {a: {destinations: x}}", "apps.a.destinations: must be a map by name, not text"),
        ("apps: {a: {destination: {}, destinations: {}}}", "apps.a.destination: is not known here; did you mean"),
        ("apps: {'a b': {destinations: {}}}", "apps: the name 'a b' may hold 1 to 64 of the characters"),
        (f"apps: {{{'a' * 65}: {{destinations: {{}}}}}}", "may hold 1 to 64 of the characters"),
        ("apps: {'a\\n': {destinations: {}}, a: {destinations: {}}}\n", "the name 'a\\\\n' may hold"),
        ("apps: {a: {destinations: {d: [x]}}}", "d: must be a map with channel, enabled, settings"),
        ("apps: {a: {destinations: {d: {}}}}", "d.channel: is required: one of room"),
        ("apps: {a: {destinations: {d: {channel: [x]}}}}", "d.channel: must be one of room"),
        (
            "apps: {a: {destinations: {d: {channel: rom}}}}",
            "d.channel: 'rom' is not a channel; did you mean room? (known: room)",
        ),
        ("apps: {a: {destinations: {d: {channel: room}}}}", "apps.a.destinations.d.settings.token: is required"),
        (one("[x]"), "d.settings: must be a map of Room's settings"),
        (one("{tokn: x}"), "d.settings.tokn: is not a setting of room; did you mean token?"),
        (one("{token: t, zzz: x}"), "d.settings.zzz: is not a setting of room"),
        (one("{token: t, port: many}"), "d.settings.port: Input should be a valid integer"),
        (one("{token: [t]}"), "d.settings.token: Input should be a valid string"),
        (one("{token: t, to: [x, {y: z}]}"), "d.settings.to.1: Input should be a valid string"),
        (one("{token: t, parts: [{nme: x}]}"), "d.settings.parts.0.name: is required"),
        (one(more=", enabled: perhaps"), "d.enabled: must be true or false"),
        (one(more=", enabled: "), "d.enabled: must be true or false"),
        (one(more=", enabled: 1"), "d.enabled: must be true or false"),
        (one(more=", rate_limit: fast"), "d.rate_limit: must be off, vendor, or a rate such as 30/min"),
        (one(more=", rate_limit: 0/s"), "d.rate_limit: must allow at least one message"),
        (one(more=", rate_limit: [30]"), "d.rate_limit: must be off, vendor, or a rate"),
        (one(more=", on_ambiguous: maybe"), "d.on_ambiguous: must be retry or stop"),
        (one(more=", on_ambiguous: [retry]"), "d.on_ambiguous: must be retry or stop"),
        (one(more=", enable: true"), "d.enable: is not known here; did you mean enabled?"),
        (one('{token: "${NOPE}"}'), "d.settings.token: the environment variable NOPE is not set"),
        (one('{token: "x${BELLHOP_MASTER_KEYS}"}'), "d.settings.token: BELLHOP_MASTER_KEYS is Bellhop's own secret"),
        (one('{token: "${}"}'), "d.settings.token: `${` must begin a variable such as ${NAME}; write $${"),
        (one('{token: "x${y"}'), "d.settings.token: `${` must begin a variable such as ${NAME}; write $${"),
        (one('{token: "${1x}"}'), "d.settings.token: `${` must begin a variable such as ${NAME}; write $${"),
        ("apps:\n  a: {destinations: {}}\n  a: {destinations: {}}", "line 3, column 3: `a` is given twice in one map"),
        ('{"apps": {}, "apps": {}}', "`apps` is given twice in one map"),
        ("apps: {hunter22, hunter22}", "line 1, column 18: a name is given twice in one map"),
        (
            "apps: {'hunter22 hunter22 hunter22': {}}",
            "apps: a name of 26 characters may hold 1 to 64 of the characters",
        ),
        ("apps: {? [x] : y}", "line 1, column 10: a name must be text"),
        ("apps: {~: {}}", "line 1, column 8: a name must be text"),
        ("apps: &x {}\nb: *x", "line 2, column 4: aliases (`*name`) are not read; write it out"),
        ("apps: !!python/object:os.system {}", "line 1, column 7: tags (`!name`) are not read"),
        ("apps: {}\n---\napps: {}", "line 2, column 1: a second document begins here; only one is read"),
        ("apps: [", "line 2, column 1: not valid YAML: "),
        ("apps:\n\t- x", "line 2, column 1: not valid YAML: "),
        ("apps:\n  a: \x00", "line 2, column 6: this character is not allowed in YAML"),
        (b"apps:\n  a: \xff", "line 2: the file is not UTF-8 text"),
        ('{"apps": "\\ud800"}', "a text holds half of a surrogate pair"),
        ("[" * 100_000, "nested deeper than 24 levels"),
        ('{"a":' * 100_000, "nested deeper than 24 levels"),
        ('{"a":' * 30 + "1" + "}" * 30, "nested deeper than 24 levels"),
        ("x" * (MAX_BYTES + 1), "the file is larger than 5 MiB"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(text, problem):
    """Each mistake gives a sentence that begins with where it is."""
    assert problem in "\n".join(problems_of(text))


def test_every_problem_is_told_at_once():
    """One run of the command shows all there is to mend."""
    text = one("{tokn: x, port: y}", ", enabled: z, rate_limit: q").replace("d: {", 'e: {channel: x, a: "${B}"}, d: {')
    found = [problem.partition(": ")[0] for problem in problems_of(text)]
    assert found == [
        "apps.a.destinations.e.a",
        "apps.a.destinations.e.a",
        "apps.a.destinations.e.channel",
        "apps.a.destinations.d.settings.token",
        "apps.a.destinations.d.settings.port",
        "apps.a.destinations.d.settings.tokn",
        "apps.a.destinations.d.enabled",
        "apps.a.destinations.d.rate_limit",
    ]


@pytest.mark.parametrize(
    "text",
    [
        one("{token: bad-s3cret}"),
        one("{token: bad-s3cret, port: s3cret}"),
        one("{token: t, keys: [s3cret]}"),
        one("{token: t, keys: {a: [s3cret]}}"),
        one("s3cret"),
        one('{token: "${s3cret"}'),
        one('{token: "s3cret}'),
        one("{token: *s3cret}"),
        one("{token: !s3cret x}"),
        "apps: {a: {destinations: {d: {channel: room, settings: {token: s3cret\n",
        "apps:\n  token: 's3cret\n  x",
        "apps:\n  token: @s3cret",
        "apps:\n  token: %s3cret",
        'apps:\n  token: "\\q s3cret"',
        "apps: s3cret",
    ],
)
def test_no_problem_shows_a_secret(text):
    """Neither a check that quotes its value nor a syntax error that quotes its line gets through."""
    assert "s3cret" not in "\n".join(problems_of(text))


def test_aliases_cannot_blow_a_file_up():
    """A billion laughs end at the first alias, at once."""
    bomb = "a: &a [x, x]\n" + "".join(
        f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefghijk", "bcdefghijkl", strict=False)
    )
    started = time.perf_counter()
    assert "aliases" in problems_of(bomb)[0]
    assert time.perf_counter() - started < 1


def test_a_large_file_is_read_in_good_time():
    """A thousand apps with five destinations each take seconds at the worst."""
    tree = {
        "apps": {
            f"a{i}": {"destinations": {f"d{j}": {"channel": "room", "settings": {"token": "t"}} for j in range(5)}}
            for i in range(1000)
        }
    }
    started = time.perf_counter()
    assert len(read_apps(yaml.safe_dump(tree), {}, FAKES)) == 1000
    assert time.perf_counter() - started < 10


@given(st.text(alphabet=string.printable, max_size=200))
def test_any_text_is_read_or_refused_in_words(text):
    """No text makes the reader fail in a way of its own."""
    try:
        read_apps(text, {}, FAKES)
    except InvalidSettings as refused:
        problems = refused.problems
        assert all(problems)


TREES = st.recursive(
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="ab", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(TREES)
def test_what_yaml_and_json_write_is_read_back(tree):
    """Text, lists, maps and nulls survive both forms unchanged."""
    assert read_tree(json.dumps({"t": tree})) == {"t": tree}
    assert read_tree(yaml.safe_dump({"t": tree})) == {"t": tree}


# Rates


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("off", None),
        ("vendor", None),
        ("30/min", (30, 60.0)),
        ("5/s", (5, 1.0)),
        ("5/sec", (5, 1.0)),
        (" 500 / 5min ", (500, 300.0)),
        ("1000/h", (1000, 3600.0)),
        ("1000/2hour", (1000, 7200.0)),
        ("1/day", (1, 86400.0)),
    ],
)
def test_rates_are_counts_per_time(text, rate):
    """What people write as a rate."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "30", "30/", "/min", "-1/s", "1.5/s", "30/year", "30/min/s", "30 per min", "0/s", "1/0s"]
)
def test_what_is_no_rate_is_refused(text):
    """A mistake is told, not taken for no limit."""
    with pytest.raises(ValueError, match="must"):
        parse_rate(text)


@given(st.integers(1, 9_999_999), st.integers(1, 99_999), st.sampled_from([("s", 1), ("min", 60), ("h", 3600)]))
def test_every_count_and_time_is_understood(count, times, unit):
    """N/Munit is N per M units."""
    assert parse_rate(f"{count}/{times}{unit[0]}") == (count, times * unit[1])


# Writing


def app(**settings):
    """An app with one destination."""
    return App("a", {"d": Destination("a", "d", "room", RoomSettings(**({"token": SecretStr("s3cret")} | settings)))})


def test_secrets_become_variables_in_whatever_depth():
    """Fields, map values and parts of lists are all written as variables, each its own."""
    keys = {"X-Key": SecretStr("s3cret-1"), "x_key": SecretStr("s3cret-2")}
    text = write_apps({"a": app(keys=keys, parts=[Part(name="p", code=SecretStr("s3cret-3"))])})
    assert "s3cret" not in text
    assert re.findall(r"\$\{(\w+)\}", text) == ["A_D_TOKEN", "A_D_KEYS_X_KEY", "A_D_KEYS_X_KEY_2", "A_D_PARTS_0_CODE"]


@given(
    room=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x85\u2028\t\n\r")).map(str.strip),
    to=st.lists(st.text(alphabet="${}ab :#'\"-\n").map(str.strip), max_size=3),
    notify=st.none() | st.booleans(),
    rate=st.sampled_from(["off", "vendor", "30/min"]),
)
def test_what_is_written_is_read_back(room, to, notify, rate):
    """Export and apply are each other's reverse for every text, `${` included."""
    destination = replace(
        app(room=room, to=to, notify=notify, port=8080).destinations["d"], rate_limit=rate, enabled=False
    )
    apps = {"a": App("a", {"d": destination})}
    assert read_apps(write_apps(apps), {"A_D_TOKEN": "s3cret"}, FAKES) == apps


def test_what_cannot_be_read_is_not_exported_in_silence():
    """An export that would lose a destination fails and says which."""
    broken = {"a": App("a", {"d": Destination("a", "d", "telex", None, problem="its channel is unknown")})}
    with pytest.raises(InvalidSettings, match=r"apps\.a\.destinations\.d\.settings: its channel is unknown"):
        write_apps(broken)


# Differences and warnings


def test_differences_are_told_by_field_and_no_secret_is_shown():
    """Added, removed and changed, per destination and field; of a secret only that it changed."""
    before = app(room="x", port=81, keys={"k": SecretStr("s3cret-1")})
    after = app(
        token=SecretStr("other-s3cret"), room="y", keys={"k": SecretStr("s3cret-2"), "n": SecretStr("s3cret-3")}
    )
    changes = diff_apps({"a": before}, {"a": after})
    assert changes == [
        Change("a", "d", What.CHANGED, "settings.keys.k", SECRET, SECRET),
        Change("a", "d", What.ADDED, "settings.keys.n", "", SECRET),
        Change("a", "d", What.CHANGED, "settings.port", "81", "80"),
        Change("a", "d", What.CHANGED, "settings.room", "x", "y"),
        Change("a", "d", What.CHANGED, "settings.token", SECRET, SECRET),
    ]


def test_apps_and_destinations_come_and_go():
    """Whole apps and destinations are one difference each."""
    two = App("a", {**app().destinations, "e": replace(app().destinations["d"], name="e")})
    assert diff_apps({}, {"a": app()}) == [Change("a", "", What.ADDED), Change("a", "d", What.ADDED)]
    assert diff_apps({"a": app()}, {}) == [Change("a", "", What.REMOVED), Change("a", "d", What.REMOVED)]
    assert diff_apps({"a": two}, {"a": app()}) == [Change("a", "e", What.REMOVED)]


def test_a_default_written_out_is_no_difference():
    """What means the same is the same."""
    assert diff_apps({"a": app()}, {"a": app(room="lobby", notify=None)}) == []


def test_settings_that_cannot_be_read_differ_from_ones_that_can():
    """Applying a file mends what is stored damaged."""
    broken = App("a", {"d": replace(app().destinations["d"], settings=None, problem="damaged")})
    assert Change("a", "d", What.REMOVED, "settings", "(unreadable)", "") in diff_apps({"a": broken}, {"a": app()})


def test_of_a_secret_only_that_it_is_set_is_shown():
    """The fields of a destination, for people."""
    shown = shown_fields(app(notify=True, to=("x", "y")).destinations["d"])
    assert shown["settings.token"] == SECRET
    assert (shown["settings.notify"], shown["settings.to"], shown["enabled"]) == ("true", "x, y", "true")


def test_warnings_name_their_destination():
    """A channel's doubts come with the path."""
    assert warnings_of({"a": app(port=81)}, FAKES) == ["apps.a.destinations.d.settings.port: is unusual"]
    hipchat = "apps: {a: {destinations: {d: {channel: hipchat, settings: {room: x, token: abc123}}}}}"
    assert "OAuth1" in warnings_of(read_apps(hipchat, {}))[0]


# The command line's pairs


def test_pairs_become_settings():
    """Text stays text, other fields are read as YAML would, and dots lead into maps."""
    settings = settings_from_pairs({"token": "yes", "room": "1", "port": "8080", "notify": "off", "keys.a": "1"}, ROOM)
    assert settings == RoomSettings(token="yes", room="1", port=8080, notify=False, keys={"a": SecretStr("1")})


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ({"rom": "x", "token": "t"}, "rom: is not a setting of room; did you mean room?"),
        ({}, "token: is required"),
        ({"token": "bad-s3cret"}, r"token: \*\*\* is no token"),
        ({"token": "t", "room": "x", "room.y": "z"}, "room.y: room is already set to a text"),
        ({"token": "t", "keys.x": "x", "keys": "z"}, "keys: is already set to a map"),
    ],
)
def test_wrong_pairs_are_told(pairs, problem):
    """The same sentences as for a file, by field."""
    with pytest.raises(InvalidSettings, match=problem):
        settings_from_pairs(pairs, ROOM)
