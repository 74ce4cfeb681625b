// What holds for every request: lists, events and webhooks, idempotency, errors, retries, headers.

import {
  Stripe, chargesOf, client, create, eventually, expect, expectError, expectEvent, expectFields, faulty, firstAbout,
  gateway, hasty, latestCharge, newName, pay, plain, receiving,
} from './harness.mjs';

const { paymentIntents: intents, webhookEndpoints: endpoints } = gateway;
const { GATEWAY_URL, GATEWAY_KEY } = process.env;
const all = { limit: 10_000 };

/** Whether the SDK accepts these bytes with this signature. */
function isAccepted([body, signature], secret) {
  try {
    return Stripe.webhooks.constructEvent(body, signature, secret).object === 'event';
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
    throw error;
  }
}

/** Each function is a scenario. */
export const protocol = {
  async 'pagination'() {
    const made = [];
    for (let count = 0; count < 8; count += 1) made.push(await create());
    const ids = made.map((intent) => intent.id);
    const window = { limit: 3, created: { gte: made[0].created } };
    const forwards = await intents.list(window).autoPagingToArray(all);
    expect('forwards', forwards.map(({ id }) => id).filter((id) => ids.includes(id)), [...ids].reverse());
    const backwards = await intents.list({ ...window, ending_before: ids[0] }).autoPagingToArray(all);
    expect('backwards', backwards.map(({ id }) => id), ids.slice(1));
  },

  async 'list filter by created'() {
    const { id, created } = await create();
    const isListed = async (gte) => {
      const { data } = await intents.list({ limit: 100, created: { gte } });
      return data.some((intent) => intent.id === id);
    };
    expect('from its second on', await isListed(created), true);
    expect('from the next second on', await isListed(created + 1), false);
  },

  async 'events by type'() {
    const intent = await pay();
    const event = await expectEvent('payment_intent.succeeded', intent);
    expectFields(await gateway.events.retrieve(event.id), { object: 'event', type: 'payment_intent.succeeded' });
    const types = ['charge.succeeded', 'payment_intent.succeeded'];
    const { data } = await gateway.events.list({ types, limit: 100 });
    expect('all types', [...new Set(data.map(({ type }) => type))].sort(), types);
    const mine = data.filter((one) => JSON.stringify(one).includes(intent.id));
    expect('types of its own', mine.map(({ type }) => type).sort(), types);
  },

  async 'events by delivery success'() {
    const isListed = async (event, delivery_success) => {
      const { data } = await gateway.events.list({ delivery_success, limit: 100 });
      return data.some(({ id }) => id === event.id);
    };
    await receiving(['payment_intent.created'], async (receiver) => {
      receiver.status = 500;
      const event = await expectEvent('payment_intent.created', await create());
      expect('not delivered', [await isListed(event, true), await isListed(event, false)], [false, true]);
      receiver.status = 200;
      await eventually('the delivery', () => isListed(event, true));
      expect('still not delivered', await isListed(event, false), false);
    });
  },

  async 'webhook endpoint'() {
    let id;
    await receiving(['charge.failed'], async (_, made) => {
      id = made.id;
      expectFields(made, { object: 'webhook_endpoint', status: 'enabled', livemode: false });
      expect('secret', [made.secret.slice(0, 6), 'secret' in (await endpoints.retrieve(id))], ['whsec_', false]);
      expect('listed', (await endpoints.list()).data.some((one) => one.id === id), true);
    });
    await expectError('StripeInvalidRequestError', endpoints.retrieve(id), { code: 'resource_missing' });
  },

  async 'webhook endpoint update'() {
    await receiving(['charge.failed'], async (_, { id }) => {
      const change = { url: 'http://127.0.0.1:9/new', enabled_events: ['*'], metadata: { team: 'shop' } };
      expectFields(await endpoints.update(id, { ...change, disabled: true }), { ...change, status: 'disabled' });
      expectFields(await endpoints.retrieve(id), { ...change, status: 'disabled' });
      expect('enabled again', (await endpoints.update(id, { disabled: false })).status, 'enabled');
    });
  },

  async 'webhook signature'() {
    await receiving(['payment_intent.succeeded'], async (receiver, endpoint) => {
      const intent = await pay();
      const [body, signature] = await firstAbout(intent, receiver);
      const event = Stripe.webhooks.constructEvent(body, signature, endpoint.secret);
      expectFields(event.data.object, { id: intent.id, status: 'succeeded' });
      expect('with another secret', isAccepted([body, signature], 'whsec_other'), false);
      const again = JSON.stringify(JSON.parse(body));
      expect('serialised again', isAccepted([again, signature], endpoint.secret), false);
    });
  },

  async 'webhook secret roll'() {
    await receiving(['payment_intent.created'], async (receiver, endpoint) => {
      const path = `/v1/webhook_endpoints/${endpoint.id}/roll_secret`;
      const secrets = [endpoint.secret];
      for (const [overlap_seconds, accepted] of [[3600, [true, true]], [0, [false, false, true]]]) {
        secrets.push((await gateway.rawRequest('POST', path, { overlap_seconds })).secret);
        const delivery = await firstAbout(await create(), receiver);
        expect('accepted secrets', secrets.map((secret) => isAccepted(delivery, secret)), accepted);
        expect('signatures', delivery[1].match(/v1=/g).length, accepted.filter(Boolean).length);
      }
    });
  },

  async 'idempotent replay'() {
    const request = { key: newName(), order: newName() };
    const [first, again] = [await create(request), await create(request)];
    expect('PaymentIntent', again.id, first.id);
    const replayed = [first, again].map((answer) => answer.lastResponse.headers['idempotent-replayed']);
    expect('Idempotent-Replayed', replayed, [undefined, 'true']);
    expect('Original-Request', again.lastResponse.headers['original-request'], first.lastResponse.requestId);
  },

  async 'idempotent replay of a decline'() {
    const request = { key: newName(), order: newName() };
    const first = await expectError('StripeCardError', pay('pm_card_chargeDeclined', request));
    const again = await expectError('StripeCardError', pay('pm_card_chargeDeclined', request));
    expect('charge', again.charge, first.charge);
    expect('Idempotent-Replayed', again.headers['idempotent-replayed'], 'true');
  },

  async 'same key for something else'() {
    const request = { key: newName(), order: newName() };
    const intent = await create(request);
    const wanted = { rawType: 'idempotency_error' };
    await expectError('StripeIdempotencyError', create({ ...request, amount: 1001 }), wanted);
    const cancel = intents.cancel(intent.id, {}, { idempotencyKey: request.key });
    await expectError('StripeIdempotencyError', cancel, wanted);
  },

  async 'bad parameters'() {
    const expectBad = (call, code, param) => expectError('StripeInvalidRequestError', call, { code, param });
    await expectBad(create({ colour: 'red' }), 'parameter_unknown', 'colour');
    await expectBad(create({ amount: 'ten' }), 'parameter_invalid_integer', 'amount');
    await expectBad(intents.create({ amount: 1000 }), 'parameter_missing', 'currency');
  },

  async 'unknown ids'() {
    const services = { pi_1: intents, ch_1: gateway.charges, re_1: gateway.refunds, evt_1: gateway.events };
    for (const [id, service] of Object.entries(services)) {
      const wanted = { code: 'resource_missing', statusCode: 404 };
      const error = await expectError('StripeInvalidRequestError', service.retrieve(id), wanted);
      expect('requestId', error.requestId.slice(0, 4), 'req_');
    }
  },

  async 'keys'() {
    for (const [key, code] of [['sk_test_wrong', undefined], ['sk_live_1', 'livemode_mismatch']]) {
      const list = client({}, key).paymentIntents.list();
      await expectError('StripeAuthenticationError', list, { code, statusCode: 401 });
    }
    const authorization = `Basic ${btoa(`${GATEWAY_KEY}:`)}`;
    const { status } = await plain('GET', `${GATEWAY_URL}/v1/payment_intents`, undefined, { authorization });
    expect('status with HTTP Basic', status, 200);
  },

  async 'errors by status'() {
    const types = { 403: 'Permission', 409: 'API', 429: 'RateLimit', 500: 'API', 503: 'API' };
    for (const [status, type] of Object.entries(types)) {
      const [order, statusCode] = [newName(), Number(status)];
      await faulty(order, { action: 'status', status: statusCode }, () =>
        expectError(`Stripe${type}Error`, create({ order, using: hasty }), { statusCode }));
    }
  },

  async 'rate limit with retries'() {
    const order = newName();
    await faulty(order, { action: 'status', status: 429 }, async () => {
      expect('amount', (await create({ order })).amount, 1000);
    });
  },

  async 'garbled answers'() {
    for (const action of ['html', 'garbage_json']) {
      const order = newName();
      await faulty(order, { action }, () => expectError('StripeAPIError', create({ order, using: hasty })));
    }
  },

  async 'server error after the effect'() {
    const request = { key: newName(), order: newName(), using: hasty };
    await faulty(request.order, { action: 'status', when: 'after_effect', status: 500 }, async () => {
      await expectError('StripeAPIError', pay('pm_card_visa', request));
      await expectError('StripeAPIError', pay('pm_card_visa', request));
    });
    expect('charges', await chargesOf(request.order), 1);
  },

  async 'lost answer and retries of the client'() {
    const order = newName();
    await faulty(order, { action: 'reset', when: 'after_effect' }, async () => {
      const { lastResponse } = await pay('pm_card_visa', { order });
      expect('Idempotent-Replayed', lastResponse.headers['idempotent-replayed'], 'true');
    });
    expect('charges', await chargesOf(order), 1);
  },

  // Each call gets a new key, so the second one is another payment, and the customer pays twice. It takes two lost
  // answers: without retries, too, this SDK asks once more, with the same key, when a connection was closed.
  async 'lost answer and retry without a key'() {
    const request = { order: newName(), using: hasty };
    await faulty(request.order, { action: 'reset', when: 'after_effect', times: 2 }, async () => {
      await expectError('StripeConnectionError', pay('pm_card_visa', request));
      await pay('pm_card_visa', request);
    });
    expect('charges', await chargesOf(request.order), 2);
  },

  async 'lost answer and retry with a key'() {
    const request = { key: newName(), order: newName(), using: hasty };
    await faulty(request.order, { action: 'reset', when: 'after_effect', times: 2 }, async () => {
      await expectError('StripeConnectionError', pay('pm_card_visa', request));
      await pay('pm_card_visa', request);
    });
    expect('charges', await chargesOf(request.order), 1);
  },

  async 'livemode'() {
    const intent = await pay();
    for (const thing of [intent, await latestCharge(intent), await expectEvent('charge.succeeded', intent)]) {
      expect(`livemode of ${thing.object}`, thing.livemode, false);
    }
  },

  async 'headers'() {
    const { lastResponse } = await intents.list({}, { apiVersion: '2024-06-20' });
    expect('Stripe-Version', lastResponse.headers['stripe-version'], '2024-06-20');
    expect('Request-Id', lastResponse.requestId.slice(0, 4), 'req_');
  },
};
