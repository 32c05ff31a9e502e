"""Channels against the programs that they are for."""

import email
import email.policy
import json
import shutil
import urllib.request

import pytest
from aiosmtpd.controller import Controller
from conftest import eventually
from routes.conftest import alert, ended, route_to
from servers.ports import wait_until

from stream_app.embedded import free_port
from stream_app.embedded.child_process import end, spawn_supervised
from stream_app.events import Severity

pytestmark = pytest.mark.integration


class Mailbox:
    """A server of mail that refuses as many letters as it is told, and then takes them."""

    def __init__(self):
        self.letters, self.refuse = [], 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 the library's name
        if self.refuse:
            self.refuse -= 1
            return "451 later"
        self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"


@pytest.fixture
def mailbox():
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


@pytest.mark.slow
async def test_mail_by_apprise_arrives_once_with_subject_and_key(with_routes, desk, mailbox):
    pytest.importorskip("apprise")
    mailbox.refuse = 1
    url = f"mailto://127.0.0.1:{mailbox.port}?from=gauge@example.org&to=night@example.org"
    desk.start(with_routes(night={"channel": {"kind": "apprise", "url": url}, "group_wait": 0.1}))
    await desk.tell(alert(1, source="pump\r\nBcc: all@example.org"))
    await eventually(lambda: mailbox.letters)
    (letter,) = mailbox.letters
    assert letter["Subject"].startswith(
        "[warning] sensors/pump\\r\\nBcc: all@example.org: mean of flow 124.6"
    )
    assert letter["Bcc"] is None
    body = letter.get_body(("plain",)).get_content()
    assert "found by: drift.level" in body
    assert body.strip().splitlines()[-1].startswith("message ")


class Alertmanager:
    """Debian's Alertmanager, which forgets everything when it ends."""

    def __init__(self, folder):
        program = shutil.which("prometheus-alertmanager")
        if program is None:
            pytest.skip(
                "prometheus-alertmanager is not installed; on Debian: apt-get install prometheus-alertmanager"
            )
        config = folder / "alertmanager.yml"
        config.write_text("route: { receiver: none }\nreceivers: [{ name: none }]\n")
        self.url = f"http://127.0.0.1:{free_port()}"
        log = folder / "alertmanager.log"
        command = [
            program, f"--config.file={config}", f"--storage.path={folder}", "--cluster.listen-address=",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]  # fmt: skip
        self.process = spawn_supervised(command, log=log)
        try:
            wait_until(self.answers, self.process, log, 60)
        except BaseException:
            self.stop()
            raise

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def firing(self):
        """The alerts that fire, by source and severity."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            found = json.load(answer)
        return {(one["labels"]["source"], one["labels"]["severity"]): one for one in found}

    def stop(self):
        end(self.process, patience=10)


@pytest.fixture
def alertmanager(tmp_path):
    server = Alertmanager(tmp_path)
    yield server
    server.stop()


async def test_alertmanager_has_what_fires_and_no_more(with_routes, desk, alertmanager):
    channel = {"kind": "alertmanager", "url": alertmanager.url}
    desk.start(with_routes(night={"channel": channel, "group_wait": 0.1}))
    first, second = alert(1), alert(2, "pump-2")
    await desk.tell(first, second)
    await eventually(lambda: len(alertmanager.firing()) == 2)
    found = alertmanager.firing()["pump-1", "warning"]
    assert found["labels"]["alertname"] == "StreamgaugeIncident"
    assert found["labels"]["incident"] == first.case.id
    assert found["annotations"]["summary"] == first.summary
    assert found["startsAt"].startswith("2023-11-14T22:13:21")
    worse = first.case.model_copy(update={"severity": Severity.CRITICAL, "alerts": 2, "firing": 2})
    joined = alert(3, severity=Severity.CRITICAL, incident=worse)
    await desk.tell(joined)
    await eventually(lambda: set(alertmanager.firing()) == {("pump-1", "critical"), ("pump-2", "warning")})
    await desk.tell(ended(second))
    await eventually(lambda: set(alertmanager.firing()) == {("pump-1", "critical")})


async def test_a_plain_token_is_shown_to_the_receiver_only(with_routes, desk, receiver, capsys):
    receiver.answers = [500]
    channel = route_to(receiver)["channel"] | {"token": "hunter2-token"}
    desk.start(with_routes(night=route_to(receiver, channel=channel)))
    await desk.tell(alert(1))
    await eventually(lambda: receiver.taken)
    assert receiver.tokens == {"Bearer hunter2-token"}
    assert "hunter2" not in "".join(capsys.readouterr())
