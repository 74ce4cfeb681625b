"""What holds for every request: lists, events and webhooks, idempotency, errors, retries, headers."""

import base64
import json

import stripe
from stripe import APIConnectionError, APIError, AuthenticationError, CardError, IdempotencyError, InvalidRequestError

from harness import (
    GATEWAY, KEY, charges_of, client, create, eventually, expect, expect_error, expect_event, expect_fields, fault,
    first_about, gateway, latest_charge, new_name, pay, plain, receiving,
)

intents, endpoints = gateway.payment_intents, gateway.webhook_endpoints


def is_accepted(delivery, secret):
    """Whether the SDK accepts these bytes with this signature."""
    try:
        return stripe.Webhook.construct_event(*delivery, secret).object == "event"
    except stripe.SignatureVerificationError:
        return False


class Protocol:
    """Each method is a scenario."""

    def pagination(self):
        made = [create().id for _ in range(8)]
        window = {"limit": 3, "created": {"gte": intents.retrieve(made[0]).created}}
        forwards = [one.id for one in intents.list(window).auto_paging_iter()]
        expect("forwards", [id for id in forwards if id in made], made[::-1])
        backwards = intents.list({**window, "ending_before": made[0]}).auto_paging_iter()
        expect("backwards", [one.id for one in backwards], made[1:])

    def list_filter_by_created(self):
        intent = create()
        is_listed = lambda **created: intent.id in [one.id for one in intents.list({"limit": 100, "created": created})]
        expect("from its second on", is_listed(gte=intent.created), True)
        expect("from the next second on", is_listed(gte=intent.created + 1), False)

    def events_by_type(self):
        intent, kinds = pay(), ["charge.succeeded", "payment_intent.succeeded"]
        event = expect_event("payment_intent.succeeded", intent)
        expect_fields(gateway.events.retrieve(event.id), object="event", type="payment_intent.succeeded")
        listed = gateway.events.list({"types": kinds, "limit": 100}).data
        expect("all types", {one.type for one in listed}, set(kinds))
        mine = [one.type for one in listed if intent.id in json.dumps(one.to_dict())]
        expect("types of its own", sorted(mine), kinds)

    def events_by_delivery_success(self):
        is_listed = lambda event, success: event.id in [
            one.id for one in gateway.events.list({"delivery_success": success, "limit": 100})
        ]
        with receiving("payment_intent.created") as (receiver, _):
            receiver.status = 500
            event = expect_event("payment_intent.created", create())
            expect("not delivered", [is_listed(event, success) for success in (True, False)], [False, True])
            receiver.status = 200
            eventually("the delivery", lambda: is_listed(event, True))
            expect("still not delivered", is_listed(event, False), False)

    def webhook_endpoint(self):
        with receiving("charge.failed") as (_, made):
            expect_fields(made, object="webhook_endpoint", status="enabled", livemode=False)
            expect("secret", (made.secret[:6], "secret" in endpoints.retrieve(made.id)), ("whsec_", False))
            expect("listed", made.id in [one.id for one in endpoints.list()], True)
        expect_error(InvalidRequestError, lambda: endpoints.retrieve(made.id), code="resource_missing")

    def webhook_endpoint_update(self):
        with receiving("charge.failed") as (_, made):
            change = {"url": "http://127.0.0.1:9/new", "enabled_events": ["*"], "metadata": {"team": "shop"}}
            changed = endpoints.update(made.id, {**change, "disabled": True})
            expect_fields(changed, url="http://127.0.0.1:9/new", enabled_events=["*"], status="disabled")
            expect("metadata", endpoints.retrieve(made.id).metadata.to_dict(), {"team": "shop"})
            expect("enabled again", endpoints.update(made.id, {"disabled": False}).status, "enabled")

    def webhook_signature(self):
        with receiving("payment_intent.succeeded") as (receiver, endpoint):
            intent = pay()
            body, signature = first_about(intent, receiver)
            event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
            expect_fields(event.data.object, id=intent.id, status="succeeded")
            expect("with another secret", is_accepted((body, signature), "whsec_other"), False)
            again = json.dumps(json.loads(body), ensure_ascii=False)
            expect("serialised again", is_accepted((again, signature), endpoint.secret), False)

    def webhook_secret_roll(self):
        with receiving("payment_intent.created") as (receiver, endpoint):
            path = f"/v1/webhook_endpoints/{endpoint.id}/roll_secret"
            secrets = [endpoint.secret]
            for overlap, accepted in ((3600, [True, True]), (0, [False, False, True])):
                secrets.append(client().raw_request("post", path, overlap_seconds=overlap).data["secret"])
                delivery = first_about(create(), receiver)
                expect("accepted secrets", [is_accepted(delivery, secret) for secret in secrets], accepted)
                expect("signatures", delivery[1].count("v1="), sum(accepted))

    def idempotent_replay(self):
        key, order = new_name(), new_name()
        first, again = create(order, key), create(order, key)
        expect("PaymentIntent", again.id, first.id)
        replayed = [answer.last_response.headers.get("idempotent-replayed") for answer in (first, again)]
        expect("Idempotent-Replayed", replayed, [None, "true"])
        expect("Original-Request", again.last_response.headers["original-request"], first.last_response.request_id)

    def idempotent_replay_of_a_decline(self):
        key, order = new_name(), new_name()
        buy = lambda: pay("pm_card_chargeDeclined", order=order, key=key)
        first, again = expect_error(CardError, buy), expect_error(CardError, buy)
        expect("charge", again.error.charge, first.error.charge)
        expect("Idempotent-Replayed", again.headers.get("idempotent-replayed"), "true")

    def same_key_for_something_else(self):
        key, order = new_name(), new_name()
        intent = create(order, key)
        expect_error(IdempotencyError, lambda: create(order, key, amount=1001), type="idempotency_error")
        cancel = lambda: intents.cancel(intent.id, {}, {"idempotency_key": key})
        expect_error(IdempotencyError, cancel, type="idempotency_error")

    def bad_parameters(self):
        unknown, no_integer = lambda: create(colour="red"), lambda: create(amount="ten")
        expect_error(InvalidRequestError, unknown, code="parameter_unknown", param="colour")
        expect_error(InvalidRequestError, no_integer, code="parameter_invalid_integer", param="amount")
        missing = lambda: intents.create({"amount": 1000})
        expect_error(InvalidRequestError, missing, code="parameter_missing", param="currency")

    def unknown_ids(self):
        services = {"pi_1": intents, "ch_1": gateway.charges, "re_1": gateway.refunds, "evt_1": gateway.events}
        for id, service in services.items():
            error = expect_error(InvalidRequestError, lambda: service.retrieve(id), code="resource_missing")
            expect("http_status, request_id", (error.http_status, error.request_id[:4]), (404, "req_"))

    def keys(self):
        for key, code in (("sk_test_wrong", None), ("sk_live_1", "livemode_mismatch")):
            error = expect_error(AuthenticationError, client(key=key).v1.payment_intents.list, code=code)
            expect("http_status", error.http_status, 401)
        basic = base64.b64encode(f"{KEY}:".encode()).decode()
        status, _, _ = plain("GET", f"{GATEWAY}/v1/payment_intents", authorization=f"Basic {basic}")
        expect("status with HTTP Basic", status, 200)

    def errors_by_status(self):
        kinds = {403: stripe.PermissionError, 409: APIError, 429: stripe.RateLimitError, 500: APIError, 503: APIError}
        for status, kind in kinds.items():
            order = new_name()
            with fault(order, "status", status=status):
                expect("http_status", expect_error(kind, lambda: create(order)).http_status, status)

    def rate_limit_with_retries(self):
        order = new_name()
        with fault(order, "status", status=429):
            expect("amount", create(order, using=client(retries=2).v1).amount, 1000)

    def garbled_answers(self):
        for action in ("html", "garbage_json"):
            order = new_name()
            with fault(order, action):
                expect_error(APIError, lambda: create(order))

    def server_error_after_the_effect(self):
        key, order = new_name(), new_name()
        with fault(order, "status", "after_effect", status=500):
            for _ in range(2):
                expect_error(APIError, lambda: pay(order=order, key=key))
        expect("charges", charges_of(order), 1)

    def lost_answer_and_retries_of_the_client(self):
        order = new_name()
        with fault(order, "reset", "after_effect"):
            intent = pay(order=order, using=client(retries=2).v1)
        expect("Idempotent-Replayed", intent.last_response.headers.get("idempotent-replayed"), "true")
        expect("charges", charges_of(order), 1)

    def lost_answer_and_retry_without_a_key(self):
        """Each call gets a new key, so the second one is another payment, and the customer pays twice."""
        order = new_name()
        with fault(order, "reset", "after_effect"):
            expect_error(APIConnectionError, lambda: pay(order=order))
            pay(order=order)
        expect("charges", charges_of(order), 2)

    def lost_answer_and_retry_with_a_key(self):
        key, order = new_name(), new_name()
        with fault(order, "reset", "after_effect"):
            expect_error(APIConnectionError, lambda: pay(order=order, key=key))
            pay(order=order, key=key)
        expect("charges", charges_of(order), 1)

    def livemode(self):
        intent = pay()
        for thing in (intent, latest_charge(intent), expect_event("charge.succeeded", intent)):
            expect(f"livemode of {thing.object}", thing.livemode, False)

    def headers(self):
        answer = intents.list({}, {"stripe_version": "2024-06-20"}).last_response
        expect("Stripe-Version", answer.headers.get("stripe-version"), "2024-06-20")
        expect("Request-Id", answer.request_id[:4], "req_")
