"""Messages in words: good by default, safe whatever the alert says."""

import pytest
from routes.conftest import alert

from stream_app.errors import SettingsError
from stream_app.routes.message import Message, News, Telling
from stream_app.routes.rendering import Renderer
from stream_app.settings import RouteSettings


def renderer(**changes):
    channel = {"kind": "webhook", "url": "http://localhost/"}
    return Renderer("night", RouteSettings.model_validate({"channel": channel} | changes))


def message(*tellings):
    return Message.of("night", {"stream": "sensors"}, tellings, at=1.0, key="k", firing=2, listed=2)


def telling(number=1, news=News.BEGAN, **changes):
    case = alert(number, **changes).case
    return Telling(news, case.model_dump(mode="json"), case.severity.value, link="https://page/incidents/7")


def test_the_subject_says_what_where_and_since_when_and_the_body_why():
    text = renderer().text(message(telling()))
    assert text.subject == (
        "[warning] sensors/pump-1: mean of flow 124.6 → 118.2 (1), since 2023-11-14 22:13:21 UTC"
    )
    assert text.body.splitlines() == [
        "1 new; 2 firing.",
        "",
        "New, warning: sensors/pump-1",
        "  mean of flow 124.6 → 118.2 (1)",
        "  since 2023-11-14 22:13:21 UTC, 1 alert",
        "  blamed: flow 100 %",
        "  found by: drift.level",
        "  https://page/incidents/7",
    ]


def test_many_are_summed_up_and_counted():
    text = renderer().text(message(*(telling(number, source=f"pump-{number}") for number in range(9))))
    assert text.subject.startswith("[warning] sensors: 9 new; first sensors/pump-0: mean of flow")
    assert text.body.startswith("9 new; 2 firing.")
    assert text.body.endswith("and 7 more")
    assert text.body.count("New, warning") == 2


def test_what_explains_an_incident_is_told_and_may_be_missing():
    explained = telling(explanation="On worker-3 node_load1 rose.\nBcc: all@example.org")
    assert "\n  On worker-3 node_load1 rose." in renderer().text(message(explained)).body
    assert "\nBcc" not in renderer().text(message(explained)).body
    old = telling()
    del old.incident["explanation"]
    assert "found by" in renderer().text(message(old)).body


def test_what_is_over_is_said_with_how_long_it_lasted():
    case = alert(1).case.after_end(alert(1).started_at + 750, [])
    text = renderer().text(message(Telling(News.OVER, case.model_dump(mode="json"), "warning")))
    assert text.subject.startswith("[over] sensors/pump-1: ")
    assert text.subject.endswith("lasted 12 min 30 s")


def test_names_add_no_line_and_steer_no_terminal():
    hostile = "pump\r\nBcc: all@example.org\x1b[2J\u202e{{ 7 * 7 }}"
    text = renderer().text(message(telling(source=hostile, summary=hostile)))
    assert text.subject.isprintable()
    assert all(line.isprintable() for line in text.body.splitlines())
    assert "Bcc" not in [line.strip()[:3] for line in text.body.splitlines()]
    assert "49" not in text.subject


def test_templates_of_ones_own():
    own = renderer(
        subject="{{ severity }} {{ incidents[0].source }}", body="{{ counts.began }} {{ group.stream }}"
    )
    text = own.text(message(telling()))
    assert (text.subject, text.body) == ("warning pump-1", "1 sensors")


@pytest.mark.parametrize(
    "template", ["{{ nothing }}", "{{ 1 / 0 }}", "{{ ''.__class__.__mro__ }}", "{{ range(10**9) }}"]
)
def test_a_template_that_fails_is_found_by_check_and_the_default_one_is_sent(template):
    own = renderer(subject=template)
    with pytest.raises(SettingsError, match=r"routes\.night.subject"):
        own.check(message(telling()))
    assert own.text(message(telling())).subject.startswith("[warning] sensors/pump-1")


def test_a_template_that_is_none_is_refused_with_its_line():
    with pytest.raises(SettingsError, match=r"routes\.night.body: line 2"):
        renderer(body="fine\n{% if %}")
