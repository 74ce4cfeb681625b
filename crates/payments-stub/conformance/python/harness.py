"""What every scenario needs: expectations, the SDK, and the other ends of the wire: the stub's control plane, a
customer's browser, a shop's receiver of webhooks."""

import http.client
import json
import os
import re
import threading
import time
import traceback
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode, urljoin, urlsplit

import stripe

GATEWAY, KEY = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"]
CONTROL, TOKEN = os.environ["CONTROL_URL"], os.environ["CONTROL_TOKEN"]
os.environ["NO_PROXY"] = "*"  # Everything is on this machine.


def run(groups, word=""):
    """Runs the methods whose names contain the word, says how each went, and returns the exit code."""
    methods = [method for group in groups for method in vars(group).items() if callable(method[1])]
    named = [(name.replace("_", " "), method) for name, method in methods]
    scenarios = [(name, method) for name, method in named if word in name]
    failed = 0
    for name, method in scenarios:
        try:
            method(None)
            print(f"ok   python: {name}", flush=True)
        except Exception as error:
            failed += 1
            step = [step for step in traceback.extract_tb(error.__traceback__) if step.name == method.__name__][-1]
            place = f"{os.path.basename(step.filename)}:{step.lineno}"
            print(f"FAIL python: {name}\n     {place}: {type(error).__name__}: {error}", flush=True)
    print(f"{len(scenarios) - failed} passed, {failed} failed")
    return 1 if failed else 0


class Unmet(Exception):
    """An expectation that does not hold."""


def expect(what, got, wanted):
    """Both must be equal."""
    if got != wanted:
        raise Unmet(f"{what}: expected {wanted!r}, got {got!r}")


def expect_fields(thing, **wanted):
    """These fields of an object must be equal."""
    for name, value in wanted.items():
        expect(name, getattr(thing, name), value)


def expect_error(kind, call, **wanted):
    """The call must fail with exactly this class, and these fields in its error object; returns the exception."""
    try:
        got = call()
    except stripe.StripeError as error:
        expect(f"class of {error!r}", type(error).__name__, kind.__name__)
        expect_fields(error.error, **wanted)
        return error
    raise Unmet(f"expected {kind.__name__}, got a {got.object}")


def eventually(what, probe):
    """Looks until the probe finds something, and returns that."""
    deadline = time.monotonic() + 15
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise Unmet(f"{what}: expected within 15 s, did not happen")
        time.sleep(0.05)
    return found


def client(retries=None, key=KEY):
    """The SDK as its users make it: unless a client is told otherwise, it does not retry."""
    return stripe.StripeClient(key, base_addresses={"api": GATEWAY}, max_network_retries=retries)


gateway = client().v1


def new_name():
    """A name that nobody has used: of an order, or of a request."""
    return f"python-{uuid.uuid4()}"


def create(order=None, key=None, using=gateway, **params):
    """A PaymentIntent over 10.00, for an order of its own."""
    wish = {"amount": 1000, "currency": "eur", "metadata": {"order_id": order or new_name()}, **params}
    return using.payment_intents.create(wish, {"idempotency_key": key} if key else {})


def pay(method="pm_card_visa", **params):
    """One that is confirmed at once."""
    return create(payment_method=method, confirm=True, **params)


def retrieve(intent):
    """How it stands now."""
    return gateway.payment_intents.retrieve(intent.id)


def latest_charge(intent):
    """Its last attempt, whole."""
    return gateway.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]}).latest_charge


def expect_event(kind, about):
    """Some event of this type must be about this object, or about something that belongs to it; returns the event."""
    for event in gateway.events.list({"type": kind, "limit": 100}).data:
        thing = event.data.object.to_dict()
        if about.id in (thing["id"], thing.get("payment_intent")):
            return event
    raise Unmet(f"expected an event {kind} about {about.id}, got none")


def plain(method, url, body=None, **headers):
    """One request without the SDK, and without following redirects: status, headers, body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=15)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def control(method, path, body=None):
    """Asks the stub's control plane."""
    headers = {"authorization": f"Bearer {TOKEN}", "content_type": "application/json"}
    status, _, text = plain(method, CONTROL + path, json.dumps(body) if body else None, **headers)
    if status >= 300:
        raise Unmet(f"{method} {path}: expected a 2xx, got {status} {text}")
    return json.loads(text) if text else None


@contextmanager
def fault(order, action, when="before", **more):
    """Orders a fault for the requests about this order."""
    match = {"method": "POST", "metadata": {"order_id": order}}
    made = control("POST", "/_test/faults", {"match": match, "action": action, "when": when, "times": 1, **more})
    try:
        yield
    finally:
        control("DELETE", f"/_test/faults/{made['id']}")


def charges_of(order):
    """How often the customer of this order was charged: the stub's ledger knows."""
    intents = control("GET", f"/_test/ledger?order_id={order}")["payment_intents"]
    return [charge["status"] for intent in intents for charge in intent["charges"]].count("succeeded")


def press(url, outcome, **forged):
    """Opens a page, presses the button for this outcome, and returns the status and where the browser is sent."""
    attributes = lambda tag: dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
    page = plain("GET", url)[2]
    for opening, inside in re.findall(r"<form\b([^>]*)>(.*?)</form>", page, re.DOTALL):
        form = attributes(opening)
        controls = [attributes(tag) for tag in re.findall(r"<(?:input|button)\b[^>]*>", inside)]
        hidden = {one["name"]: one["value"] for one in controls if one.get("type") == "hidden"}
        for button in (one for one in controls if one.get("type") != "hidden"):
            fields = {**hidden, button.get("name", ""): button.get("value", ""), **forged}
            if fields.get("outcome") == outcome:
                to, kind = urljoin(url, form.get("action", "")), "application/x-www-form-urlencoded"
                status, headers, _ = plain(form["method"].upper(), to, urlencode(fields), content_type=kind)
                return status, headers["location"]
    raise Unmet(f"{url}: expected a button for {outcome}, got {page}")


@contextmanager
def receiving(*kinds):
    """A receiver with an endpoint for these events: it answers with its `status`, and keeps what arrives."""

    class Receiver(BaseHTTPRequestHandler):
        status, deliveries = 200, []

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.deliveries.append((body, self.headers["stripe-signature"]))
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            """It has nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/webhooks"
    endpoint = gateway.webhook_endpoints.create({"url": url, "enabled_events": kinds})
    try:
        yield Receiver, endpoint
    finally:
        gateway.webhook_endpoints.delete(endpoint.id)
        server.shutdown()


def first_about(intent, receiver):
    """Waits for a webhook about this PaymentIntent: its bytes, as they came, and its signature."""
    about = lambda: [one for one in receiver.deliveries if json.loads(one[0])["data"]["object"]["id"] == intent.id]
    return eventually(f"a webhook about {intent.id}", about)[0]
