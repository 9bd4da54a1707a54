"""Whom alerts are told to: servers that take what Alertmanager's webhook, Slack, PagerDuty and a mail server take, and
refuse everything else."""

import email
import email.policy
import json
import re
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


# MARK: what each takes


def check_webhook(path: str, headers: dict, body: dict) -> None:
    """Alertmanager's webhook, version 4: every key, and none beside them."""
    assert body.keys() == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts"}  # fmt: skip
    assert body["version"] == "4" and body["alerts"]
    for alert in body["alerts"]:
        assert alert.keys() == {
            "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
        assert TIME.match(alert["startsAt"]) and TIME.match(alert["endsAt"])
        assert re.fullmatch("[0-9a-f]{16}", alert["fingerprint"])
        assert (alert["status"] == "firing") == (alert["endsAt"] == "0001-01-01T00:00:00Z")
        assert all(isinstance(value, str) for part in ("labels", "annotations") for value in alert[part].values())
    states = {alert["status"] for alert in body["alerts"]}
    assert body["status"] == ("firing" if "firing" in states else "resolved")
    shared = set.intersection(*(set(alert["labels"].items()) for alert in body["alerts"]))
    assert set(body["commonLabels"].items()) == shared


def check_slack(path: str, headers: dict, body: dict) -> None:
    """An incoming webhook: text, and attachments of blocks within their limits."""
    assert body.keys() <= {"text", "blocks", "attachments"} and body["text"]
    for attachment in body["attachments"]:
        assert attachment.keys() <= {"color", "fallback", "blocks"}
        assert re.fullmatch("good|warning|danger|#[0-9A-Fa-f]{6}", attachment["color"])
        assert 0 < len(attachment["blocks"]) <= 50
        for block in attachment["blocks"]:
            match block["type"]:
                case "header":
                    assert block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= 150
                case "section":
                    assert block["text"]["type"] == "mrkdwn" and 0 < len(block["text"]["text"]) <= 3000
                case "context":
                    assert 0 < len(block["elements"]) <= 10
                case other:
                    raise AssertionError(f"block of type {other}")


def check_pagerduty(path: str, headers: dict, body: dict) -> None:
    """The Events API, version 2."""
    assert path == "/v2/enqueue"
    assert body["routing_key"] and body["event_action"] in ("trigger", "acknowledge", "resolve")
    assert 0 < len(body["dedup_key"]) <= 255
    payload = body["payload"]
    assert 0 < len(payload["summary"]) <= 1024 and payload["source"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert TIME.match(payload["timestamp"])
    assert isinstance(payload["custom_details"], dict)
    for link in body.get("links", []):
        assert link.keys() == {"href", "text"}
    assert body.keys() <= {
        "routing_key", "event_action", "dedup_key", "payload", "links", "images", "client", "client_url"}


# MARK: HTTP


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict
    raw: bytes


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


class Receiver:
    """Listens on a loopback port of its own; what `check` does not like is answered with 400 and kept as a mistake."""

    def __init__(self, check, status: int = 200):
        self.check = check
        self.status = status
        # What the next requests are answered with instead of being taken.
        self.refusals: list[Answer] = []
        self.taken: list[Request] = []
        self.mistakes: list[str] = []
        self.attempts = 0
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, headers: dict[str, str], raw: bytes) -> Answer:
        self.attempts += 1
        if self.refusals:
            return self.refusals.pop(0)
        try:
            assert headers["Content-Type"] == "application/json"
            body = json.loads(raw)
            self.check(path, headers, body)
        except (AssertionError, ValueError, KeyError) as error:
            self.mistakes.append(f"{type(error).__name__} {error}: {raw!r}")
            return Answer(400, body=b"invalid")
        self.taken.append(Request(path, headers, body, raw))
        return Answer(self.status)


def _handler(receiver: Receiver):
    class Handler(BaseHTTPRequestHandler):
        # A connection for each request, so that a receiver that goes away leaves none open.
        protocol_version = "HTTP/1.0"

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            answer = receiver.answer(self.path, dict(self.headers.items()), raw)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format, *arguments):
            pass

    return Handler


# MARK: mail


def certificate(directory) -> tuple[str, str, str]:
    """A certificate for localhost of an authority of its own: files of authority, certificate and key."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    subject = "/CN=Skein test authority"
    # Quick to make.
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", subject)
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
        "server.pem", "-days", "2", "-extfile", "names")
    return tuple(str(directory / name) for name in ("ca.pem", "server.pem", "server.key"))


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    raw: bytes
    was_encrypted: bool
    login: str | None

    @property
    def message(self) -> email.message.EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)


class MailServer:
    """An SMTP server with STARTTLS, TLS from the first byte or none, that lets nobody send without the password."""

    def __init__(self, directory, *, implicit: bool = False, plain: bool = False, password: str = "geheim"):
        self.ca, certfile, keyfile = certificate(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certfile, keyfile)
        self.mails: list[Mail] = []
        self.logins: list[str] = []
        self.refusals: list[str] = []

        def authenticate(server, session, envelope, mechanism, data):
            if not isinstance(data, LoginPassword) or data.password != password.encode():
                return AuthResult(success=False, handled=False)
            self.logins.append(data.login.decode())
            return AuthResult(success=True)

        options = {"authenticator": authenticate, "auth_required": True, "enable_SMTPUTF8": True}
        if implicit or plain:
            options |= {"auth_require_tls": False}
        else:
            options |= {"tls_context": context, "require_starttls": True}
        self._controller = _Controller(
            self, hostname="127.0.0.1", port=0, ssl_context=context if implicit else None, **options)
        self._controller.start()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        login = self.logins[-1] if session.authenticated else None
        self.mails.append(Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, encrypted, login))
        return "250 OK"

    @property
    def port(self) -> int:
        return self._controller.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._controller.stop()


class _Controller(Controller):
    """One whose port the system chooses: the base class asks the configured one whether it is up."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def factory(self):
        return SMTP(self.handler, hostname="mail.test", **self.SMTP_kwargs)
