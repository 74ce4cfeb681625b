// What every scenario needs: expectations, the SDK, and the other ends of the wire: the stub's control plane, a
// customer's browser, a shop's receiver of webhooks.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect, isDeepStrictEqual } from 'node:util';

const { GATEWAY_URL, GATEWAY_KEY, CONTROL_URL, CONTROL_TOKEN, CONFORMANCE_NODE_MODULES } = process.env;

// The SDK is in a throw-away folder, where `import` would not look.
export const Stripe = createRequire(`${CONFORMANCE_NODE_MODULES}/`)('stripe');

/** Runs the scenarios whose names contain the word, says how each went, and returns the exit code. */
export async function run(all, word = '') {
  const scenarios = Object.entries(all).filter(([name]) => name.includes(word));
  let failed = 0;
  for (const [name, scenario] of scenarios) {
    try {
      await scenario();
      console.log(`ok   node: ${name}`);
    } catch (error) {
      failed += 1;
      const [place] = error.stack.match(/(payments|protocol)\.mjs:\d+/) ?? ['harness.mjs'];
      console.log(`FAIL node: ${name}\n     ${place}: ${error.type ?? error.name}: ${error.message}`);
    }
  }
  console.log(`${scenarios.length - failed} passed, ${failed} failed`);
  return failed ? 1 : 0;
}

/** An expectation that does not hold. */
class Unmet extends Error {
  name = 'Unmet';
}

/** Both must be equal. */
export function expect(what, got, wanted) {
  if (!isDeepStrictEqual(got, wanted)) throw new Unmet(`${what}: expected ${inspect(wanted)}, got ${inspect(got)}`);
}

/** These fields of an object must be equal. */
export function expectFields(thing, wanted) {
  for (const [name, value] of Object.entries(wanted)) expect(name, thing[name], value);
}

/** The call must fail with exactly this class of the SDK, and with these fields; returns the error. */
export async function expectError(type, call, wanted = {}) {
  const refuse = ({ object }) => { throw new Unmet(`expected ${type}, got a ${object}`); };
  const error = await call.then(refuse, (error) => error);
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  expect(`class of "${error.message}"`, error.type, type);
  expectFields(error, wanted);
  return error;
}

/** Looks until the probe finds something, and returns that. */
export async function eventually(what, probe) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Unmet(`${what}: expected within 15 s, did not happen`);
    await pause(50);
  }
}

/** The SDK as its users make it: unless a client is told otherwise, it retries twice. */
export function client(options = {}, key = GATEWAY_KEY) {
  const { hostname, port } = new URL(GATEWAY_URL);
  return new Stripe(key, { host: hostname, port, protocol: 'http', ...options });
}

export const gateway = client();
export const hasty = client({ maxNetworkRetries: 0 });

/** A name that nobody has used: of an order, or of a request. */
export const newName = () => `node-${randomUUID()}`;

/** A PaymentIntent over 10.00, for an order of its own. */
export function create({ order = newName(), key, using = gateway, ...params } = {}) {
  const wish = { amount: 1000, currency: 'eur', metadata: { order_id: order }, ...params };
  return using.paymentIntents.create(wish, key ? { idempotencyKey: key } : {});
}

/** One that is confirmed at once. */
export const pay = (method = 'pm_card_visa', params = {}) =>
  create({ payment_method: method, confirm: true, ...params });

/** How it stands now. */
export const retrieve = (intent) => gateway.paymentIntents.retrieve(intent.id);

/** Its last attempt, whole. */
export const latestCharge = async (intent) =>
  (await gateway.paymentIntents.retrieve(intent.id, { expand: ['latest_charge'] })).latest_charge;

/** Some event of this type must be about this object, or about something that belongs to it; returns the event. */
export async function expectEvent(type, about) {
  const { data } = await gateway.events.list({ type, limit: 100 });
  const found = data.find(({ data: { object } }) => [object.id, object.payment_intent].includes(about.id));
  if (!found) throw new Unmet(`expected an event ${type} about ${about.id}, got none`);
  return found;
}

/** One request without the SDK, and without following redirects. */
export async function plain(method, url, body, headers = {}) {
  const answer = await fetch(url, { method, body, headers, redirect: 'manual' });
  return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
}

/** Asks the stub's control plane. */
export async function control(method, path, body) {
  const headers = { authorization: `Bearer ${CONTROL_TOKEN}`, 'content-type': 'application/json' };
  const { status, text } = await plain(method, CONTROL_URL + path, body && JSON.stringify(body), headers);
  if (status >= 300) throw new Unmet(`${method} ${path}: expected a 2xx, got ${status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Orders a fault for the requests about this order, for as long as the scenario runs. */
export async function faulty(order, fault, scenario) {
  const match = { method: 'POST', metadata: { order_id: order } };
  const { id } = await control('POST', '/_test/faults', { match, when: 'before', times: 1, ...fault });
  await scenario().finally(() => control('DELETE', `/_test/faults/${id}`));
}

/** How often the customer of this order was charged: the stub's ledger knows. */
export async function chargesOf(order) {
  const { payment_intents } = await control('GET', `/_test/ledger?order_id=${order}`);
  return payment_intents.flatMap((intent) => intent.charges).filter((charge) => charge.status === 'succeeded').length;
}

/** Opens a page, presses the button for this outcome, and returns the status and where the browser is sent. */
export async function press(url, outcome, forged = {}) {
  const attributes = (tag) => Object.fromEntries([...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, ...pair]) => pair));
  const { text: page } = await plain('GET', url);
  for (const [, opening, inside] of page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)) {
    const form = attributes(opening);
    const controls = [...inside.matchAll(/<(?:input|button)\b[^>]*>/g)].map(([tag]) => attributes(tag));
    const hidden = controls.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value]);
    for (const { name, value } of controls.filter(({ type }) => type !== 'hidden')) {
      const fields = { ...Object.fromEntries(hidden), [name]: value, ...forged };
      if (fields.outcome !== outcome) continue;
      const to = new URL(form.action ?? '', url);
      const { status, location } = await plain(form.method.toUpperCase(), to, new URLSearchParams(fields));
      return [status, location];
    }
  }
  throw new Unmet(`${url}: expected a button for ${outcome}, got ${page}`);
}

/** A receiver with an endpoint for these events: it answers with its `status`, and keeps what arrives. */
export async function receiving(kinds, scenario) {
  const receiver = { status: 200, deliveries: [] };
  const server = createServer(async (request, answer) => {
    const body = Buffer.concat(await request.toArray());
    receiver.deliveries.push([body, request.headers['stripe-signature']]);
    answer.writeHead(receiver.status).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${server.address().port}/webhooks`;
  const endpoint = await gateway.webhookEndpoints.create({ url, enabled_events: kinds });
  try {
    await scenario(receiver, endpoint);
  } finally {
    await gateway.webhookEndpoints.del(endpoint.id);
    server.close();
    server.closeAllConnections();
  }
}

/** Waits for a webhook about this PaymentIntent: its bytes, as they came, and its signature. */
export function firstAbout(intent, receiver) {
  const isAbout = ([body]) => JSON.parse(body).data.object.id === intent.id;
  return eventually(`a webhook about ${intent.id}`, () => receiver.deliveries.find(isAbout));
}
