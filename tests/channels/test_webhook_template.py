"""Body templates: what they can say, and what they cannot do."""

from __future__ import annotations

import json
import re
import time

import pytest

from worker.channels.webhook import WebhookSettings, compose
from worker.channels.webhook_template import OUTPUT_BYTES, check_template, render

VARIABLES = {"event": {"title": "t", "tags": {"a": "1"}, "text": "x" * 60_000, "links": [{"href": "h"}]}}


def rendered(source, **variables):
    """The body as text."""
    return render(source, VARIABLES | variables).decode()


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("{{ event.title }}", "t"),
        ("{{ event['title'] | upper ~ '-' ~ 1 ~ '!' }}", "T-1!"),
        ("{{ {'a': event.title, 'b': [1, none]} | tojson }}", '{"a":"t","b":[1,null]}'),
        (
            "{% for k, v in event.tags.items() %}{{ loop.index }}/{{ loop.length }} {{ k }}={{ v }}{% endfor %}",
            "1/1 a=1",
        ),
        ("{% for i in range(3) if i %}{{ i }}{% else %}none{% endfor %}", "12"),
        ("{{ event.links | map(attribute='href') | join(', ') }}", "h"),
        ("{{ '<&>' | e }}{{ '<&>' }}", "&lt;&amp;&gt;<&>"),
        ("{% set x = 2 * 3 + 1 %}{{ x }}{{ 7 % 4 }}{{ 2 ** 3 }}", "738"),
        ("{{ event.missing | default('-') }}{{ event.get('no', '') }}", "-"),
        ("{{ event.title.replace is defined }}", "False"),
        ("a\n", "a\n"),
    ],
)
def test_templates_say_what_is_needed(source, body):
    """Values, loops, filters, JSON."""
    assert rendered(source) == body


def test_tojson_keeps_what_html_would_escape():
    """The body is no HTML, and `<` in JSON is `<`."""
    assert json.loads(rendered("{{ v | tojson }}", v='</script> & "é"')) == '</script> & "é"'
    assert "<" in rendered("{{ v | tojson }}", v="<")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("\n{{ event.title", "line 2: unexpected end of template"),
        ("{% for x in %}", "line 1"),
        ("{{ x | no_such_filter }}", "No filter named 'no_such_filter'"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% import 'x' as y %}", "import is not allowed"),
        ("{% extends 'x' %}", "extends is not allowed"),
        ("{% macro f() %}{{ f() }}{% endmacro %}", "macro is not allowed"),
        ("{% block b %}{% endblock %}", "block is not allowed"),
        ("{% for x in [] recursive %}{% endfor %}", "recursive loops are not allowed"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deep"),
        ("{% if 1 %}" * 150 + "{% endif %}" * 150, "nested too deep"),
        ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "nested too deep"),
    ],
)
def test_a_template_is_checked_when_it_is_saved(source, problem):
    """With its line, and a word on what is wrong."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        check_template(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ event.no_such_field }}",
        "{{ {'a': event.no_such_field} | tojson }}",
        "{{ 1 / 0 }}",
        "{{ event.tags.title.upper() }}",
        # The way out of the sandbox that everybody tries.
        "{{ ''.__class__.__mro__ }}",
        "{{ event.__class__ }}",
        "{{ '{0.__class__}'.format(event) }}",
        "{{ event.tags.update({'a': 2}) }}",
        "{{ lipsum(1000) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self }}",
        # More than the worker has time or memory for.
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'x'.ljust(999999999) }}",
        "{{ 'x'.zfill(999999999) }}",
        "{{ event.text | replace('x', event.text) }}",
        "{{ [event.text, event.text, event.text, event.text, event.text] | join }}",
        "{% set a = event.text ~ event.text %}{% set b = a ~ a %}{% set c = b ~ b %}",
        "{% set a = [1, 1, 1, 1] %}" + "{% set a = [a, a, a, a] %}" * 20 + "{{ a | tojson }}",
        "{% set a = [1, 1, 1, 1] %}" + "{% set a = [a, a, a, a] %}" * 20 + "{{ a }}",
        "{% set a = [1, 1, 1, 1] %}" + "{% set a = [a, a, a, a] %}" * 20 + "{{ a | string }}",
        "{{ range(100000) | list | tojson }}{{ range(100000) | list | tojson }}",
        "{% for i in range(10) %}{{ event.text }}{% endfor %}",
    ],
)
def test_a_template_that_fails_or_does_too_much_is_a_value_error(source):
    """At once, and in words: the delivery is given up, and the worker goes on."""
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"^body: the template cannot be rendered: ."):
        rendered(check_template(source))
    assert time.monotonic() - started < 5


def test_as_much_as_is_allowed_is_rendered():
    """The bound is on the body, to the byte."""
    assert len(render("{{ v }}", {"v": "x" * OUTPUT_BYTES})) == OUTPUT_BYTES
    with pytest.raises(ValueError, match="256 KiB"):
        render("{{ v }}x", {"v": "x" * OUTPUT_BYTES})


def test_a_failing_template_gives_the_delivery_up(make_notice, make_event):
    """`compose` says so by a ValueError that names the field."""
    settings = WebhookSettings.model_validate({"url": "https://example.com/x", "body": "{{ event.extra.team.x }}"})
    with pytest.raises(ValueError, match="body: "):
        compose(make_notice(make_event()), settings)


def test_templates_know_the_event_the_notice_and_the_words(make_notice, make_event):
    """All that the description promises."""
    settings = WebhookSettings.model_validate(
        {
            "url": "https://example.com/x",
            "body": "{{ event.metric.value }} {{ notice.attempt }} {{ notice.late_s }} {{ notice.test }} "
            "{{ notice.id }} {{ headline }} {{ text | length }}",
        }
    )
    body = compose(make_notice(make_event(), attempt=3, test=True), settings).body.decode()
    assert body.startswith("1464274175.5 3 0.0 True x/checkout/ops-room/1795442700000-0 [TEST] [CRITICAL] Disk <sda>")
