// What happens to money: PaymentIntents from their creation to their refunds.

import {
  control, create, eventually, expect, expectError, expectEvent, expectFields, gateway, latestCharge, newName, pay,
  press, retrieve,
} from './harness.mjs';

const { paymentIntents: intents, refunds } = gateway;
const authentication = 'pm_card_authenticationRequired';
const shop = 'https://shop.example/back?order=1';
const declines = Object.entries({
  chargeDeclined: ['card_declined', 'generic_decline'],
  chargeDeclinedInsufficientFunds: ['card_declined', 'insufficient_funds'],
  chargeDeclinedLostCard: ['card_declined', 'lost_card'],
  chargeDeclinedStolenCard: ['card_declined', 'stolen_card'],
  chargeDeclinedExpiredCard: ['expired_card', 'expired_card'],
  chargeDeclinedIncorrectCvc: ['incorrect_cvc', 'incorrect_cvc'],
  chargeDeclinedProcessingError: ['processing_error', 'processing_error'],
  chargeCustomerFail: ['card_declined', 'generic_decline'],
});
declines.push(...declines.slice(0, 4).map(([name, codes]) => [`visa_${name}`, codes])); // Spelled in two ways.

/** The call must be refused because of where its PaymentIntent stands, and the error must say where. */
async function expectWrongState(call, status) {
  const error = await expectError('StripeInvalidRequestError', call, { code: 'payment_intent_unexpected_state' });
  expect('status in the error', error.payment_intent.status, status);
}

/** A payment whose customer presses a button on the 3-D Secure page, and comes back to the shop. */
async function authenticate(outcome, method = authentication, params = {}) {
  const intent = await pay(method, { return_url: shop, ...params });
  expectFields(intent, { status: 'requires_action', latest_charge: null });
  const page = intent.next_action.redirect_to_url.url;
  const [, forgery] = await press(page, outcome, { client_secret: `${intent.id}_secret_x` });
  expect('redirect with a forged secret', forgery, null);
  expect('status after a forged secret', (await retrieve(intent)).status, 'requires_action');
  const secret = `payment_intent=${intent.id}&payment_intent_client_secret=${intent.client_secret}`;
  const [status, location] = await press(page, outcome);
  expect('redirect', [status, location?.replace(/&redirect_status=\w+$/, '')], [303, `${shop}&${secret}`]);
  return [await retrieve(intent), location.split('=').at(-1)];
}

/** A payment that is authorised and waits to be captured. */
async function hold() {
  const intent = await pay('pm_card_visa', { capture_method: 'manual' });
  expectFields(intent, { status: 'requires_capture', amount_capturable: 1000, amount_received: 0 });
  expectFields(await latestCharge(intent), { status: 'succeeded', captured: false, amount_captured: 0 });
  return intent;
}

/** A payment from a bank account, which takes days. */
async function debit(method) {
  const intent = await pay(method, { currency: 'usd', payment_method_types: ['us_bank_account'] });
  expectFields(intent, { status: 'processing', amount_received: 0 });
  expect('status of the charge', (await latestCharge(intent)).status, 'pending');
  return intent;
}

/** Lets the days pass until the bank has answered. */
async function settle(intent) {
  await control('POST', '/_test/clock', { advance_seconds: 3600 });
  await eventually("the bank's answer", async () => (await retrieve(intent)).status !== 'processing');
  return retrieve(intent);
}

/** Each function is a scenario. */
export const payments = {
  async 'create'() {
    const order = newName();
    const intent = await create({ order, automatic_payment_methods: { enabled: true } });
    expectFields(intent, { object: 'payment_intent', amount: 1000, currency: 'eur', latest_charge: null });
    expect('status', intent.status, 'requires_payment_method');
    expect('order_id', intent.metadata.order_id, order);
    expect('client_secret', intent.client_secret.startsWith(`${intent.id}_secret_`), true);
    await expectEvent('payment_intent.created', intent);
  },

  async 'confirm'() {
    const intent = await create({ payment_method: 'pm_card_visa' });
    expect('status', intent.status, 'requires_confirmation');
    const confirmed = await intents.confirm(intent.id);
    expectFields(confirmed, { status: 'succeeded', amount_received: 1000, last_payment_error: null });
    await expectEvent('payment_intent.succeeded', intent);
  },

  async 'create with confirm'() {
    const intent = await pay();
    expectFields(intent, { status: 'succeeded', amount_received: 1000 });
    expectFields(await retrieve(intent), { status: 'succeeded', latest_charge: intent.latest_charge });
  },

  async 'expand latest charge'() {
    const { latest_charge: charge } = await pay('pm_card_visa', { expand: ['latest_charge'] });
    expectFields(charge, { object: 'charge', paid: true, captured: true, status: 'succeeded', amount_captured: 1000 });
  },

  async 'update'() {
    const intent = await create();
    await intents.update(intent.id, { metadata: { order_id: '', note: 'a&b=ü' } });
    expect('metadata', (await retrieve(intent)).metadata, { note: 'a&b=ü' });
  },

  async 'decline'() {
    for (const [method, [code, decline_code]] of declines) {
      const intent = await create();
      const confirm = intents.confirm(intent.id, { payment_method: `pm_card_${method}` });
      const error = await expectError('StripeCardError', confirm, { rawType: 'card_error', code, decline_code });
      expectFields(error.payment_intent, { id: intent.id, status: 'requires_payment_method' });
      expectFields((await retrieve(intent)).last_payment_error, { code, charge: error.charge });
      expectFields(await latestCharge(intent), { status: 'failed', paid: false, failure_code: code });
    }
  },

  async 'another card after a decline'() {
    const error = await expectError('StripeCardError', pay('pm_card_chargeDeclined'));
    const intent = await intents.confirm(error.payment_intent.id, { payment_method: 'pm_card_visa' });
    expectFields(intent, { status: 'succeeded', last_payment_error: null });
    const { data } = await gateway.charges.list({ payment_intent: intent.id });
    expect('charges, newest first', data.map((charge) => charge.status), ['succeeded', 'failed']);
  },

  async 'authentication completed'() {
    for (const method of [authentication, 'pm_card_threeDSecure2Required']) {
      const [intent, redirectStatus] = await authenticate('complete', method);
      expectFields(intent, { status: 'succeeded', amount_received: 1000, next_action: null });
      expect('redirect_status', redirectStatus, 'succeeded');
    }
    const [held] = await authenticate('complete', authentication, { capture_method: 'manual' });
    expect('manual capture', held.status, 'requires_capture');
  },

  async 'authentication failed'() {
    const [intent, redirectStatus] = await authenticate('fail');
    expectFields(intent, { status: 'requires_payment_method', next_action: null });
    expect('error', intent.last_payment_error.code, 'payment_intent_authentication_failure');
    expect('redirect_status', redirectStatus, 'failed');
    await expectEvent('payment_intent.payment_failed', intent);
  },

  async 'authentication then decline'() {
    const poor = 'pm_card_authenticationRequiredChargeDeclinedInsufficientFunds';
    const [intent, redirectStatus] = await authenticate('complete', poor);
    expectFields(intent.last_payment_error, { code: 'card_declined', decline_code: 'insufficient_funds' });
    expect('status', [intent.status, redirectStatus], ['requires_payment_method', 'failed']);
  },

  async 'authentication without return url'() {
    const intent = await pay(authentication);
    const details = intent.next_action.use_stripe_sdk;
    expect('next_action', details.type, 'three_d_secure_redirect');
    expect('answer of the page', await press(details.stripe_js, 'complete'), [200, null]);
    expect('status', (await retrieve(intent)).status, 'succeeded');
  },

  async 'authentication off session'() {
    const buy = pay(authentication, { off_session: true });
    const error = await expectError('StripeCardError', buy, { code: 'authentication_required' });
    expect('status', error.payment_intent.status, 'requires_payment_method');
  },

  async 'manual capture whole'() {
    const intent = await hold();
    await expectEvent('payment_intent.amount_capturable_updated', intent);
    const captured = await intents.capture(intent.id);
    expectFields(captured, { status: 'succeeded', amount_capturable: 0, amount_received: 1000 });
    expectFields(await latestCharge(intent), { captured: true, amount_captured: 1000 });
    await expectEvent('charge.captured', intent);
    await expectEvent('payment_intent.succeeded', intent);
    await expectWrongState(intents.capture(intent.id), 'succeeded');
  },

  async 'manual capture in part'() {
    const intent = await intents.capture((await hold()).id, { amount_to_capture: 400 });
    expectFields(intent, { status: 'succeeded', amount: 1000, amount_capturable: 0, amount_received: 400 });
    expectFields(await latestCharge(intent), { captured: true, amount: 1000, amount_captured: 400 });
    const tooMuch = refunds.create({ payment_intent: intent.id, amount: 401 });
    await expectError('StripeInvalidRequestError', tooMuch, { param: 'amount' });
    expect('refund of what was captured', (await refunds.create({ payment_intent: intent.id })).amount, 400);
  },

  async 'manual capture too much'() {
    const intent = await hold();
    const capture = intents.capture(intent.id, { amount_to_capture: 1001 });
    const wanted = { code: 'amount_too_large', param: 'amount_to_capture' };
    await expectError('StripeInvalidRequestError', capture, wanted);
    expect('status', (await retrieve(intent)).status, 'requires_capture');
  },

  async 'cancel'() {
    const starts = [() => create(), () => create({ payment_method: 'pm_card_visa' }), () => pay(authentication)];
    for (const start of starts) {
      const intent = await start();
      const canceled = await intents.cancel(intent.id, { cancellation_reason: 'abandoned' });
      expectFields(canceled, { status: 'canceled', cancellation_reason: 'abandoned' });
      await expectEvent('payment_intent.canceled', intent);
      await expectWrongState(intents.confirm(intent.id), 'canceled');
      await expectWrongState(intents.cancel(intent.id), 'canceled');
    }
  },

  async 'cancel a hold'() {
    const intent = await hold();
    expectFields(await intents.cancel(intent.id), { status: 'canceled', amount_capturable: 0, amount_received: 0 });
    expectFields(await latestCharge(intent), { captured: false, refunded: true, amount_refunded: 1000 });
  },

  async 'cancel too late'() {
    const paid = await pay();
    await expectWrongState(intents.cancel(paid.id), 'succeeded');
    const processing = await debit('pm_usBankAccount_processing');
    await settle(await debit('pm_usBankAccount_success'));
    await expectWrongState(intents.cancel(processing.id), 'processing');
  },

  async 'delayed method succeeds'() {
    const intent = await debit('pm_usBankAccount_success');
    await expectEvent('payment_intent.processing', intent);
    await expectEvent('charge.pending', intent);
    expectFields(await settle(intent), { status: 'succeeded', amount_received: 1000 });
    expectFields(await latestCharge(intent), { status: 'succeeded', paid: true });
    await expectEvent('payment_intent.succeeded', intent);
  },

  async 'delayed method fails'() {
    for (const reason of ['accountClosed', 'insufficientFunds']) {
      const intent = await settle(await debit(`pm_usBankAccount_${reason}`));
      expectFields(intent, { status: 'requires_payment_method', amount_received: 0 });
      expect('charge in the error', intent.last_payment_error.charge, intent.latest_charge);
      expectFields(await latestCharge(intent), { status: 'failed', paid: false });
      await expectEvent('payment_intent.payment_failed', intent);
    }
  },

  async 'refund whole'() {
    const intent = await pay();
    const refund = await refunds.create({ payment_intent: intent.id, reason: 'requested_by_customer' });
    expectFields(refund, { object: 'refund', amount: 1000, status: 'succeeded', charge: intent.latest_charge });
    expectFields(await latestCharge(intent), { refunded: true, amount_refunded: 1000 });
    expect('status of the PaymentIntent', (await retrieve(intent)).status, 'succeeded');
    await expectEvent('refund.created', refund);
    await expectEvent('charge.refunded', intent);
    const again = refunds.create({ payment_intent: intent.id });
    await expectError('StripeInvalidRequestError', again, { code: 'charge_already_refunded' });
  },

  async 'refund in part'() {
    const intent = await pay();
    const first = await refunds.create({ payment_intent: intent.id, amount: 300 });
    expectFields(await latestCharge(intent), { refunded: false, amount_refunded: 300 });
    const rest = await refunds.create({ charge: intent.latest_charge });
    expect('the rest', rest.amount, 700);
    const { data } = await refunds.list({ payment_intent: intent.id });
    expect('refunds, newest first', data.map((refund) => refund.id), [rest.id, first.id]);
  },

  async 'refund too much'() {
    const intent = await pay();
    const tooMuch = refunds.create({ payment_intent: intent.id, amount: 1001 });
    await expectError('StripeInvalidRequestError', tooMuch, { param: 'amount' });
    expect('amount_refunded', (await latestCharge(intent)).amount_refunded, 0);
  },

  async 'refund update'() {
    const refund = await refunds.create({ payment_intent: (await pay()).id, metadata: { case: '7' } });
    await refunds.update(refund.id, { metadata: { clerk: 'Ada' } });
    expect('metadata', (await refunds.retrieve(refund.id)).metadata, { case: '7', clerk: 'Ada' });
  },
};
