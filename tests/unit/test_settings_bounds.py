"""What a settings file may have of everything, and that what has more ends in words: soon, and in little memory."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from worker.appsfile import read_apps, settings_from_pairs
from worker.channels import CHANNELS
from worker.errors import InvalidSettings
from worker.problems import MOST, Problems
from worker.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_NAME_CHARS, MAX_TEXT_CHARS, MAX_VALUES, read_tree
from worker.substitution import MAX_CHARS

TOKEN = "Canary5ecretTokenOfForty0Characters00000"
ROOM = f"{{channel: hipchat, settings: {{token: {TOKEN}, room: r}}}}"


def problems(text, environment=None):
    """What is wrong with a file."""
    with pytest.raises(InvalidSettings) as refused:
        read_apps(text, environment or {})
    found = refused.value.problems
    assert found
    assert len(found) <= MOST + 1
    assert all(len(problem) < 1200 for problem in found)
    return found


def file(channel, settings):
    """A file with one destination."""
    return json.dumps({"apps": {"a": {"destinations": {"b": {"channel": channel, "settings": settings}}}}})


def one(text, environment=None):
    """The one thing that is wrong with it."""
    (found,) = problems(text, environment)
    return found


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(20))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LAUGHS, "aliases (`*name`) are not read"),
        ("a: &a [*a]", "aliases (`*name`) are not read"),
        ("a: &a\n  <<: *a", "aliases (`*name`) are not read"),
        ("[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("{a: " * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("? " * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("- " * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("[" + "a," * (MAX_VALUES + 1) + "a]", f"more than {MAX_VALUES} values"),
        ('{"a": [' + "0," * (MAX_VALUES + 1) + "0]}", f"more than {MAX_VALUES} values"),
        ("n" * (MAX_NAME_CHARS + 1) + ": x", f"a name is longer than {MAX_NAME_CHARS} characters"),
        (json.dumps({"n" * (MAX_NAME_CHARS + 1): ""}), f"a name is longer than {MAX_NAME_CHARS} characters"),
        ("a: " + "x" * (MAX_TEXT_CHARS + 1), f"a text is longer than {MAX_TEXT_CHARS} characters"),
        (json.dumps({"a": "x" * (MAX_TEXT_CHARS + 1)}), f"a text is longer than {MAX_TEXT_CHARS} characters"),
        ("a" * (MAX_BYTES + 1), "the file is larger than 5 MiB"),
        ("!!python/object/apply:os.system [id]", "tags (`!name`) are not read"),
        ("\0", "not allowed in YAML"),
        ("'" * 1001, "not valid YAML"),
        ('"\\ud800"', "not valid YAML"),
        ("%YAML 9.9\n---\na", "not valid YAML"),
    ],
    ids=range(20),
)
def test_a_file_that_is_made_to_hurt_is_refused_in_words(text, problem):
    """Aliases, depth, width, lengths, tags, and what is no YAML at all."""
    assert problem in one(text)


def test_as_much_as_is_allowed_is_read():
    """The bounds are the bounds."""
    deep = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert read_tree(json.dumps({"a": deep[0]}))
    assert read_tree("a: " + "x" * MAX_TEXT_CHARS)
    assert read_tree("n" * MAX_NAME_CHARS + ": x")


@pytest.mark.parametrize(
    "text",
    [
        "apps: {" + "".join(f"n {i}: {{}}, " for i in range(100_000)) + "}",
        "apps: {a: {destinations: {" + "".join(f"{i}: x, " for i in range(100_000)) + "}}}",
        "{" + "".join(f"{i}: x, " for i in range(100_000)) + "}",
        "{" + "a: x, " * 100_000 + "}",
        json.dumps({"apps": {}})[:-1] + ',"a":0' * 100_000 + "}",
        "apps: {" + "".join(f'"{i}": ${{, ' for i in range(100_000)) + "}",
        "a: " + "${" * 30_000,
        "a: " + "${B}" * 15_000,
        file("hipchat", {str(i): 0 for i in range(100_000)}),
    ],
    ids=["apps", "destinations", "top", "yaml", "json", "no variables", "brackets", "unset", "settings"],
)
def test_a_hundred_thousand_mistakes_are_told_as_a_hundred(text):
    """Each kind of mistake, over and over: reading ends, and says so."""
    started = time.process_time()
    found = problems(text)
    assert len(found) == MOST + 1 or len(found) < 3
    assert time.process_time() - started < 20


def test_a_variable_cannot_make_a_file_larger_than_it_may_be():
    """Of one value, and of all values together: 100 KB named ten thousand times is a gigabyte."""
    assert one('a: "${BIG}"', {"BIG": "x" * (MAX_TEXT_CHARS + 1)}).startswith("a: is longer than 65536 characters")
    assert one('a: "' + "${X}" * 100 + '"', {"X": "x" * 1000}).startswith("a: is longer than 65536 characters")
    tracemalloc.start()
    found = one("a: [" + "'${X}', " * 10_000 + "]", {"X": "x" * MAX_TEXT_CHARS})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == f"the file has more than {MAX_CHARS} characters, its variables replaced"
    assert peak < 8 * MAX_CHARS


def test_many_destinations_are_read():
    """2,000 destinations are no attack."""
    text = "apps:\n" + "".join(
        f"  app-{i}:\n    destinations:\n" + "".join(f"      room-{j}: {ROOM}\n" for j in range(10)) for i in range(200)
    )
    assert sum(len(app.destinations) for app in read_apps(text, {}).values()) == 2000


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "https://example.com/" + "x" * 5000}, "url: must not be longer than 4096 characters"),
        ({"headers": {f"X-{i}": "v" for i in range(101)}}, "headers: must not be more than 100"),
        ({"params": {str(i): "v" for i in range(101)}}, "params: "),
        ({"headers": {"X-A": "v" * 20_000}}, "its secrets have more than 8192 characters"),
        ({"application_token": "v" * 20_000}, "its secrets have more than 8192 characters"),
    ],
    ids=["url", "headers", "params", "a header", "a secret"],
)
def test_what_a_destination_may_have(settings, problem):
    """Addresses, headers, parameters and secrets, none of which is shown."""
    found = one(file("webhook", {"url": "https://example.com/"} | settings))
    assert problem in found
    assert "vvvv" not in found


def test_pairs_lead_only_so_deep():
    """`--set a.a.a…=x` cannot exhaust the stack."""
    with pytest.raises(InvalidSettings, match=f"leads deeper than {MAX_DEPTH} levels"):
        settings_from_pairs({".".join("a" * 20_000): "x"}, CHANNELS["webhook"])


def test_problems_end():
    """By whichever way they are noted."""
    noted = Problems()
    with pytest.raises(InvalidSettings, match="there may be more: reading ended here"):
        noted.extend(map(str, range(MOST + 1)))
    assert len(noted) == MOST + 1
