"""Body templates: what they can say, and what they cannot do."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from contextlib import suppress

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
        ("{% set a %}{% for i in range(20000) %}x{% endfor %}{% endset %}", "assignblock is not allowed"),
        ("{% filter upper %}{% for i in range(20000) %}x{% endfor %}{% endfilter %}", "filterblock is not allowed"),
        ("{% autoescape true %}{% endautoescape %}", "scopedevalcontextmodifier is not allowed"),
        ("{{ _work.spend(-1000000) }}", "_work is not a name for templates"),
        ("{% set _work = 1 %}", "_work is not a name for templates"),
        ("{% with _work = 1 %}{% endwith %}", "_work is not a name for templates"),
        ("{% for _work in [] %}{% endfor %}", "_work is not a name for templates"),
        ("{{ [] | counted(-1000000) }}", "No filter named 'counted'"),
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
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{x}'.format_map({'x': 1}) }}",
        "{{ (1).to_bytes(999999999, 'big') }}",
        "{{ dict.fromkeys(range(100000)) }}",
        "{% set a = 9 ** 8 %}" + "{% set a = a * a %}" * 100 + "{{ a }}",
        "{% set a = event.text | replace('x', 'f') | int(0, 16) %}{{ a // 3 }}",
        "{% set y = event.text | replace('x', '&') %}{{ y" + "|e" * 100 + " }}",
        "{% set y = event.text | replace('x', '%') %}{{ y" + "|urlencode" * 100 + " }}",
        "{% set x = event.text %}{{ [" + "x," * 2000 + "] | tojson }}",
        "{% set x = event.text %}{{ {" + "".join(f"'{i}' ~ x:1," for i in range(500)) + "} | tojson }}",
        "{{ range(100000) | map('string') | map('replace', '1', event.text) | list | length }}",
        "{{ range(100000) | select('in', range(100000) | list) | list | length }}",
        "{{ range(100000) | map('default', event.text) | join }}",
        "{{ range(100000) | unique | sort | list | length }}",
        "{% for i in range(20000) %}{% set a = range(100000) | list | sort | length %}{% endfor %}",
        "{% for i in range(20000) %}{% if " + "i and " * 100 + "i %}{% endif %}{% endfor %}",
        "{% for i in range(20000) %}{% if " + "event.text[1:] and " * 50 + "i %}{% endif %}{% endfor %}",
        "{% for i in range(20000) %}{% if event.text == event.text[:] %}{% endif %}{% endfor %}",
        "{% for i in range(20000) %}{% if 'y' in event.text %}{% endif %}{% endfor %}",
        "{% for i in range(20000) %}{% if event.text is upper %}{% endif %}{% endfor %}",
        "{% for i in range(20000) %}{% set a = event.text.upper() %}{% endfor %}",
        "{% set a=[1] %}{% set b=[1] %}" + "{% set a=[a,a] %}{% set b=[b,b] %}" * 40 + "{{ a == b }}",
        "{% set a=[1] %}" + "{% set a=a+a %}" * 40 + "{{ a | length }}",
        "{% set a=(1,) %}" + "{% set a=(a,a) %}" * 40 + "{{ {a: 1} | length }}",
        "{% set a={'a': 1} %}" + "{% set a={'a': a, 'b': a} %}" * 40 + "{{ a | tojson }}",
        "{% set a=[] %}" + "{% set a=[a] %}" * 900 + "{{ a | tojson }}",
        "{% set a = range(5000) | list %}{% for i in range(20000) %}{% set b = a + [i] %}{% endfor %}",
        "{% set a = range(5000) | list %}{% for i in range(20000) %}{% set b = a.count('x') %}{% endfor %}",
        "{% set a = {'a': range(5000) | list} %}{% for i in range(20000) %}{% set b = dict(a) %}{% endfor %}",
        "{{ (event.text ~ event.text) | list | tojson }}",
    ],
)
def test_a_template_that_fails_or_does_too_much_is_a_value_error(source):
    """At once, and in words: the delivery is given up, and the worker goes on."""
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"^body: the template cannot be rendered: ."):
        rendered(check_template(source))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "operators", [".b", "[0]", "|e", "()", "+a", "~a", " and a", " or a", "<a", " in a", " is none"]
)
def test_hundreds_of_operators_in_each_other_take_no_time(operators):
    """Where there are too many it says so at once: Jinja2's own optimizer takes seconds to find that out."""
    started = time.process_time()
    for count in (50, 300, 1000):
        for source in (f"{{{{ a{operators * count} }}}}", f"{{{{ {'not ' * count}a }}}}", f"{{{{ {'-' * count}a }}}}"):
            with suppress(ValueError):
                check_template(source)
    assert time.process_time() - started < 10


def test_what_a_template_may_do_is_the_same_everywhere():
    """It is counted and not timed: the same template fails, or does not, on a fast machine and on a slow one."""
    source = "{% for i in range(n) %}{{ '' ~ '' }}{% endfor %}"
    can = [_can(source, n) for n in range(5000, 25_000, 2500)]
    assert can == [_can(source, n) for n in range(5000, 25_000, 2500)] == sorted(can, reverse=True)
    assert can[0]
    assert not can[-1]


def _can(source, n):
    try:
        rendered(source, n=n)
    except ValueError:
        return False
    return True


def test_a_whole_event_is_not_too_much():
    """All 5,000 points of a measurement, with a filter each, and the event itself."""
    points = [[1_795_442_700 + i, i * 1.5] for i in range(5000)]
    source = "[{% for p in v %}[{{ p[0] }},{{ p[1] | round(2) }}]{% if not loop.last %},{% endif %}{% endfor %}]"
    assert json.loads(rendered(source, v=points)) == points
    assert json.loads(rendered("{{ v | tojson }}", v={"points": points}))["points"] == points
    looked_up = "{% for i in range(2000) %}{{ v.get('title', '') }}{{ v.points | length }}{% endfor %}"
    assert rendered(looked_up, v={"points": points, "title": "t"}) == "t5000" * 2000


def test_nothing_large_is_made_on_the_way():
    """What is refused for its size is refused before it is there."""
    sources = [
        "{{ '{:>1000000000}'.format(1) }}",
        "{% set x = event.text %}{{ [" + "x," * 2000 + "] | tojson }}",
        "{{ range(100000) | map('string') | map('replace', '1', event.text) | list | length }}",
        "{% set a=[1] %}" + "{% set a=a+a %}" * 40 + "{{ a | length }}",
    ]
    for source in sources:
        check_template(source)
        tracemalloc.start()
        with pytest.raises(ValueError, match="cannot be rendered"):
            rendered(source)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 48 * 1_048_576, source


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("{{ 1.256 | round(2) }} {{ 7 | round(1000000000, 'floor') }} {{ 1.5 | round }}", "1.26 7.0 2.0"),
        ("{{ event.text[:3] }}{{ 'abc'[::-1] }}{{ [1, 2, 3][1:] | tojson }}", "xxxcba[2,3]"),
        ("{{ 'a' in 'abc' }} {{ 1 < 2 < 3 }} {{ [1] == [1] }} {{ (1, 2) == (1, 2) }}", "True True True True"),
        ("{% for a, b in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}", "12"),
        ("{% for _ in range(2) %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{% endfor %}", "1a2b"),
        ("{{ [3, 1, 2] | sort | join(',') }} {{ [1, 1] | unique | list | length }}", "1,2,3 1"),
        ("{{ {'b': 1, 'a': 2} | dictsort | map('first') | join }}", "ab"),
        ("{{ ['a', ''] | select | join }}{{ [1, 2] | reject('odd') | join }}", "a2"),
        ("{{ none is none }} {{ 'a' is string }} {{ event.no is undefined }}", "True True True"),
        ("{{ -7 // 2 }} {{ 7 / 2 }} {{ 5 - 2 }} {{ ([1] + [2]) | join }}", "-4 3.5 3 12"),
        ("{{ {1: 'a'}[1] }}{{ dict(a=1).get('a') }}{{ event.tags.values() | first }}", "a11"),
    ],
)
def test_what_is_counted_still_says_what_it_should(source, body):
    """Slices, comparisons, arithmetic, tests and filters are Jinja2's own."""
    assert rendered(source) == body


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
