"""What happens to money: PaymentIntents from their creation to their refunds."""

from stripe import CardError, InvalidRequestError

from harness import (
    control, create, eventually, expect, expect_error, expect_event, expect_fields, gateway, latest_charge, new_name,
    pay, press, retrieve,
)

intents, refunds = gateway.payment_intents, gateway.refunds
AUTHENTICATE, SHOP = "pm_card_authenticationRequired", "https://shop.example/back?order=1"
DECLINES = {
    "chargeDeclined": ("card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", "incorrect_cvc"),
    "chargeDeclinedProcessingError": ("processing_error", "processing_error"),
    "chargeCustomerFail": ("card_declined", "generic_decline"),
}
DECLINES |= {f"visa_{name}": codes for name, codes in list(DECLINES.items())[:4]}  # Spelled in two ways.


def expect_wrong_state(call, status):
    """The call must be refused because of where its PaymentIntent stands, and the error must say where."""
    error = expect_error(InvalidRequestError, call, code="payment_intent_unexpected_state")
    expect("status in the error", error.error.payment_intent.status, status)


def authenticate(outcome, method=AUTHENTICATE, **params):
    """A payment whose customer presses a button on the 3-D Secure page, and comes back to the shop."""
    intent = pay(method, return_url=SHOP, **params)
    expect_fields(intent, status="requires_action", latest_charge=None)
    page = intent.next_action.redirect_to_url.url
    expect("redirect with a forged secret", press(page, outcome, client_secret=f"{intent.id}_secret_x")[1], None)
    expect("status after a forged secret", retrieve(intent).status, "requires_action")
    secret = f"payment_intent={intent.id}&payment_intent_client_secret={intent.client_secret}"
    status, location = press(page, outcome)
    expect("redirect", (status, location.rpartition("&redirect_status=")[0]), (303, f"{SHOP}&{secret}"))
    return retrieve(intent), location.rpartition("=")[2]


def hold():
    """A payment that is authorised and waits to be captured."""
    intent = pay(capture_method="manual")
    expect_fields(intent, status="requires_capture", amount_capturable=1000, amount_received=0)
    expect_fields(latest_charge(intent), status="succeeded", captured=False, amount_captured=0)
    return intent


def debit(method):
    """A payment from a bank account, which takes days."""
    intent = pay(method, currency="usd", payment_method_types=["us_bank_account"])
    expect_fields(intent, status="processing", amount_received=0)
    expect("status of the charge", latest_charge(intent).status, "pending")
    return intent


def settle(intent):
    """Lets the days pass until the bank has answered."""
    control("POST", "/_test/clock", {"advance_seconds": 3600})
    eventually("the bank's answer", lambda: retrieve(intent).status != "processing")
    return retrieve(intent)


class Payments:
    """Each method is a scenario."""

    def create(self):
        order = new_name()
        intent = create(order, automatic_payment_methods={"enabled": True})
        expect_fields(intent, object="payment_intent", amount=1000, currency="eur", status="requires_payment_method")
        expect("order_id", intent.metadata["order_id"], order)
        expect("client_secret", intent.client_secret.startswith(f"{intent.id}_secret_"), True)
        expect_event("payment_intent.created", intent)

    def confirm(self):
        intent = create(payment_method="pm_card_visa")
        expect("status", intent.status, "requires_confirmation")
        expect_fields(intents.confirm(intent.id), status="succeeded", amount_received=1000, last_payment_error=None)
        expect_event("payment_intent.succeeded", intent)

    def create_with_confirm(self):
        intent = pay()
        expect_fields(intent, status="succeeded", amount_received=1000)
        expect_fields(retrieve(intent), status="succeeded", latest_charge=intent.latest_charge)

    def expand_latest_charge(self):
        charge = pay(expand=["latest_charge"]).latest_charge
        expect_fields(charge, object="charge", paid=True, captured=True, status="succeeded", amount_captured=1000)

    def update(self):
        intent = intents.update(create().id, {"metadata": {"order_id": "", "note": "a&b=ü"}})
        expect("metadata", retrieve(intent).metadata.to_dict(), {"note": "a&b=ü"})

    def decline(self):
        for method, (code, decline_code) in DECLINES.items():
            intent = create()
            confirm = lambda: intents.confirm(intent.id, {"payment_method": f"pm_card_{method}"})
            error = expect_error(CardError, confirm, type="card_error", code=code, decline_code=decline_code)
            expect_fields(error.error.payment_intent, id=intent.id, status="requires_payment_method")
            expect_fields(retrieve(intent).last_payment_error, code=code, charge=error.error.charge)
            expect_fields(latest_charge(intent), status="failed", paid=False, failure_code=code)

    def another_card_after_a_decline(self):
        error = expect_error(CardError, lambda: pay("pm_card_chargeDeclined"))
        intent = intents.confirm(error.error.payment_intent.id, {"payment_method": "pm_card_visa"})
        expect_fields(intent, status="succeeded", last_payment_error=None)
        charges = gateway.charges.list({"payment_intent": intent.id}).data
        expect("charges, newest first", [charge.status for charge in charges], ["succeeded", "failed"])

    def authentication_completed(self):
        for method in (AUTHENTICATE, "pm_card_threeDSecure2Required"):
            intent, redirect_status = authenticate("complete", method)
            expect_fields(intent, status="succeeded", amount_received=1000, next_action=None)
            expect("redirect_status", redirect_status, "succeeded")
        expect("manual capture", authenticate("complete", capture_method="manual")[0].status, "requires_capture")

    def authentication_failed(self):
        intent, redirect_status = authenticate("fail")
        expect_fields(intent, status="requires_payment_method", next_action=None)
        expect("error", intent.last_payment_error.code, "payment_intent_authentication_failure")
        expect("redirect_status", redirect_status, "failed")
        expect_event("payment_intent.payment_failed", intent)

    def authentication_then_decline(self):
        poor = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
        intent, redirect_status = authenticate("complete", poor)
        expect_fields(intent.last_payment_error, code="card_declined", decline_code="insufficient_funds")
        expect("status", (intent.status, redirect_status), ("requires_payment_method", "failed"))

    def authentication_without_return_url(self):
        intent = pay(AUTHENTICATE)
        details = intent.next_action.use_stripe_sdk
        expect("next_action", details["type"], "three_d_secure_redirect")
        expect("answer of the page", press(details["stripe_js"], "complete"), (200, None))
        expect("status", retrieve(intent).status, "succeeded")

    def authentication_off_session(self):
        buy = lambda: pay(AUTHENTICATE, off_session=True)
        error = expect_error(CardError, buy, code="authentication_required")
        expect("status", error.error.payment_intent.status, "requires_payment_method")

    def manual_capture_whole(self):
        intent = hold()
        expect_event("payment_intent.amount_capturable_updated", intent)
        expect_fields(intents.capture(intent.id), status="succeeded", amount_capturable=0, amount_received=1000)
        expect_fields(latest_charge(intent), captured=True, amount_captured=1000)
        expect_event("charge.captured", intent)
        expect_event("payment_intent.succeeded", intent)
        expect_wrong_state(lambda: intents.capture(intent.id), "succeeded")

    def manual_capture_in_part(self):
        intent = intents.capture(hold().id, {"amount_to_capture": 400})
        expect_fields(intent, status="succeeded", amount=1000, amount_capturable=0, amount_received=400)
        expect_fields(latest_charge(intent), captured=True, amount=1000, amount_captured=400)
        too_much = lambda: refunds.create({"payment_intent": intent.id, "amount": 401})
        expect_error(InvalidRequestError, too_much, param="amount")
        expect("refund of what was captured", refunds.create({"payment_intent": intent.id}).amount, 400)

    def manual_capture_too_much(self):
        intent = hold()
        capture = lambda: intents.capture(intent.id, {"amount_to_capture": 1001})
        expect_error(InvalidRequestError, capture, code="amount_too_large", param="amount_to_capture")
        expect("status", retrieve(intent).status, "requires_capture")

    def cancel(self):
        for intent in (create(), create(payment_method="pm_card_visa"), pay(AUTHENTICATE)):
            canceled = intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
            expect_fields(canceled, status="canceled", cancellation_reason="abandoned")
            expect_event("payment_intent.canceled", intent)
            expect_wrong_state(lambda: intents.confirm(intent.id), "canceled")
            expect_wrong_state(lambda: intents.cancel(intent.id), "canceled")

    def cancel_a_hold(self):
        intent = hold()
        expect_fields(intents.cancel(intent.id), status="canceled", amount_capturable=0, amount_received=0)
        expect_fields(latest_charge(intent), captured=False, refunded=True, amount_refunded=1000)

    def cancel_too_late(self):
        paid, processing = pay(), debit("pm_usBankAccount_processing")
        expect_wrong_state(lambda: intents.cancel(paid.id), "succeeded")
        settle(debit("pm_usBankAccount_success"))
        expect_wrong_state(lambda: intents.cancel(processing.id), "processing")

    def delayed_method_succeeds(self):
        intent = debit("pm_usBankAccount_success")
        expect_event("payment_intent.processing", intent)
        expect_event("charge.pending", intent)
        expect_fields(settle(intent), status="succeeded", amount_received=1000)
        expect_fields(latest_charge(intent), status="succeeded", paid=True)
        expect_event("payment_intent.succeeded", intent)

    def delayed_method_fails(self):
        for reason in ("accountClosed", "insufficientFunds"):
            intent = settle(debit(f"pm_usBankAccount_{reason}"))
            expect_fields(intent, status="requires_payment_method", amount_received=0)
            expect("charge in the error", intent.last_payment_error.charge, intent.latest_charge)
            expect_fields(latest_charge(intent), status="failed", paid=False)
            expect_event("payment_intent.payment_failed", intent)

    def refund_whole(self):
        intent = pay()
        refund = refunds.create({"payment_intent": intent.id, "reason": "requested_by_customer"})
        expect_fields(refund, object="refund", amount=1000, status="succeeded", charge=intent.latest_charge)
        expect_fields(latest_charge(intent), refunded=True, amount_refunded=1000)
        expect("status of the PaymentIntent", retrieve(intent).status, "succeeded")
        expect_event("refund.created", refund)
        expect_event("charge.refunded", intent)
        again = lambda: refunds.create({"payment_intent": intent.id})
        expect_error(InvalidRequestError, again, code="charge_already_refunded")

    def refund_in_part(self):
        intent = pay()
        first = refunds.create({"payment_intent": intent.id, "amount": 300})
        expect_fields(latest_charge(intent), refunded=False, amount_refunded=300)
        rest = refunds.create({"charge": intent.latest_charge})
        expect("the rest", rest.amount, 700)
        listed = refunds.list({"payment_intent": intent.id}).data
        expect("refunds, newest first", [refund.id for refund in listed], [rest.id, first.id])

    def refund_too_much(self):
        intent = pay()
        too_much = lambda: refunds.create({"payment_intent": intent.id, "amount": 1001})
        expect_error(InvalidRequestError, too_much, param="amount")
        expect("amount_refunded", latest_charge(intent).amount_refunded, 0)

    def refund_update(self):
        refund = refunds.create({"payment_intent": pay().id, "metadata": {"case": "7"}})
        refunds.update(refund.id, {"metadata": {"clerk": "Ada"}})
        expect("metadata", refunds.retrieve(refund.id).metadata.to_dict(), {"case": "7", "clerk": "Ada"})
