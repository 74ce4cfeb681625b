-- What a checkout asks of PostgreSQL in orders, catalog and gateway: the same statements in the same transactions, with
-- no HTTP and no rules around them, for one book and no receiver of webhooks. pgbench runs it; a statement that a service
-- gains or loses belongs here, too (tests/it/statements.rs counts those of orders).
\set n random(1, 9000000000000000)
\set m random(1, 9000000000000000)
\set o random(1, 900000000000)
\set b random(0, 99)
-- orders: was it wished for before? catalog: what does it cost?
SELECT id, fingerprint FROM orders.orders WHERE user_id = ('00000000-0000-4000-8000-' || lpad(:o::text, 12, '0'))::uuid AND idempotency_key = 'k' LIMIT 1;
SELECT * FROM catalog.books WHERE id = ANY(ARRAY[('00000000-0000-7000-8000-' || lpad(:b::text, 12, '0'))::uuid]) ORDER BY id;
-- orders: how many are open? claim
SELECT count(*) FROM orders.orders WHERE user_id = ('00000000-0000-4000-8000-' || lpad(:o::text, 12, '0'))::uuid AND state = ANY('{created,payment_pending,confirming,requires_action,payment_unknown,declined}');
BEGIN;
INSERT INTO orders.orders (id, user_id, idempotency_key, fingerprint, state, total_amount, currency, payment_method, receipt_email, traceparent, created_at, updated_at, due_at, deadline_at)
    VALUES (('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, ('00000000-0000-4000-8000-' || lpad(:o::text, 12, '0'))::uuid, 'k', sha256('x'), 'created', 1000, 'EUR', 'pm_card_visa', 'reader@example.com', '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now(), now(), now() + interval '30 s', now() + interval '900 s')
    ON CONFLICT (user_id, idempotency_key) DO NOTHING;
INSERT INTO orders.order_lines (order_id, position, book_id, title, quantity, unit_amount) VALUES (('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, 0, ('00000000-0000-7000-8000-' || lpad(:b::text, 12, '0'))::uuid, 'A book of a usual length', 1, 1000);
INSERT INTO orders.payments (order_id, amount, currency) VALUES (('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, 1000, 'EUR');
INSERT INTO orders.order_history (order_id, sequence, state, cause, at)
    SELECT ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, coalesce(max(sequence), 0) + 1, 'created', 'request', now() FROM orders.order_history WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
COMMIT;
SELECT o.id, o.user_id, o.state, o.version, o.total_amount, o.currency, o.payment_method, o.receipt_email, o.failure, o.cancel_requested_at, o.traceparent, o.created_at, o.deadline_at, p.intent_id, p.confirm_attempt, p.declined_charge_id, p.redirect_url, p.refunded_amount, p.paid_at
    FROM orders.orders o JOIN orders.payments p ON p.order_id = o.id WHERE o.id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid LIMIT 1;
SELECT order_id, book_id, title, quantity, unit_amount FROM orders.order_lines WHERE order_id = ANY(ARRAY[('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid]) ORDER BY order_id, position;
-- catalog: hold
BEGIN;
INSERT INTO catalog.reservations (order_id, state, created_at, updated_at, expires_at) VALUES (('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, 'held', now(), now(), now() + interval '1800 s') ON CONFLICT DO NOTHING;
INSERT INTO catalog.reservation_lines (order_id, book_id, quantity) VALUES (('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, ('00000000-0000-7000-8000-' || lpad(:b::text, 12, '0'))::uuid, 1);
UPDATE catalog.stock SET available = available - 1, reserved = reserved + 1 WHERE book_id = ('00000000-0000-7000-8000-' || lpad(:b::text, 12, '0'))::uuid AND available >= 1;
COMMIT;
-- orders: the stock is held
BEGIN;
SELECT o.id, o.user_id, o.state, o.version, o.total_amount, o.currency, o.payment_method, o.receipt_email, o.failure, o.cancel_requested_at, o.traceparent, o.created_at, o.deadline_at, p.intent_id, p.confirm_attempt, p.declined_charge_id, p.redirect_url, p.refunded_amount, p.paid_at
    FROM orders.orders o JOIN orders.payments p ON p.order_id = o.id WHERE o.id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid LIMIT 1 FOR UPDATE;
UPDATE orders.orders SET state = 'payment_pending', version = 2, updated_at = now(), due_at = now() + interval '30 s', payment_method = 'pm_card_visa', failure = NULL WHERE id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
INSERT INTO orders.order_history (order_id, sequence, state, cause, at)
    SELECT ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, coalesce(max(sequence), 0) + 1, 'payment_pending', 'request', now() FROM orders.order_history WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
COMMIT;
-- gateway: make the PaymentIntent
BEGIN;
SELECT pg_try_advisory_xact_lock(:n);
SELECT key, endpoint, fingerprint, status, body, request_id, created_at FROM payments.idempotency_keys WHERE key = 'create-' || :n LIMIT 1;
INSERT INTO payments.payment_intents (id, amount, amount_received, currency, status, capture_method, client_secret, metadata, automatic_payment_methods, payment_method_types, created_at)
    VALUES ('pi_' || :n, 1000, 0, 'EUR', 'requires_payment_method', 'automatic_async', 'pi_' || :n || '_secret_0123456789012345678901', '{"order_id": "o1"}', false, '{card,us_bank_account}', now());
SELECT id, enabled_events FROM payments.webhook_endpoints WHERE disabled = false ORDER BY seq FOR KEY SHARE;
INSERT INTO payments.events (id, type, body, traceparent, created_at) VALUES ('evt_' || :n, 'payment_intent.created', repeat('x', 1400), '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now());
INSERT INTO payments.idempotency_keys (key, endpoint, fingerprint, status, body, request_id, created_at)
    VALUES ('create-' || :n, '/v1/payment_intents', sha256('x'), 200, repeat('x', 800), 'req_' || :n, now());
COMMIT;
-- orders: it is made
BEGIN;
SELECT o.id, o.user_id, o.state, o.version, o.total_amount, o.currency, o.payment_method, o.receipt_email, o.failure, o.cancel_requested_at, o.traceparent, o.created_at, o.deadline_at, p.intent_id, p.confirm_attempt, p.declined_charge_id, p.redirect_url, p.refunded_amount, p.paid_at
    FROM orders.orders o JOIN orders.payments p ON p.order_id = o.id WHERE o.id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid LIMIT 1 FOR UPDATE;
UPDATE orders.payments SET intent_id = 'pi_' || :n, confirm_attempt = 1 WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
UPDATE orders.orders SET state = 'confirming', version = 3, updated_at = now(), due_at = now() + interval '30 s', payment_method = 'pm_card_visa', failure = NULL WHERE id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
INSERT INTO orders.order_history (order_id, sequence, state, cause, at)
    SELECT ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, coalesce(max(sequence), 0) + 1, 'confirming', 'request', now() FROM orders.order_history WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
COMMIT;
-- gateway: take the money
BEGIN;
SELECT pg_try_advisory_xact_lock(:m);
SELECT key, endpoint, fingerprint, status, body, request_id, created_at FROM payments.idempotency_keys WHERE key = 'confirm-' || :m LIMIT 1;
SELECT id, amount, amount_received, currency, status, capture_method, client_secret, description, receipt_email, return_url, metadata, automatic_payment_methods, payment_method_types, payment_method, action_url, latest_charge, last_decline, cancellation_reason, canceled_at, created_at
    FROM payments.payment_intents WHERE id = 'pi_' || :n LIMIT 1 FOR UPDATE;
INSERT INTO payments.charges (id, payment_intent_id, amount, amount_captured, amount_refunded, currency, status, payment_method, metadata, created_at)
    VALUES ('ch_' || :m, 'pi_' || :n, 1000, 1000, 0, 'EUR', 'captured', 'pm_card_visa', '{"order_id": "o1"}', now())
    ON CONFLICT (id) DO UPDATE SET status = 'captured', amount_captured = 1000, amount_refunded = 0, settles_at = NULL, failure = NULL;
UPDATE payments.payment_intents SET status = 'succeeded', amount_received = 1000, description = NULL, metadata = '{"order_id": "o1"}', return_url = NULL, payment_method = 'pm_card_visa', action_url = NULL, latest_charge = 'ch_' || :m, last_decline = NULL, cancellation_reason = NULL, canceled_at = NULL
    WHERE id = 'pi_' || :n;
INSERT INTO payments.transfers (kind, debit, credit, amount, currency, charge_id, refund_id, created_at) VALUES ('charge', 'customer', 'merchant', 1000, 'EUR', 'ch_' || :m, NULL, now());
SELECT id, enabled_events FROM payments.webhook_endpoints WHERE disabled = false ORDER BY seq FOR KEY SHARE;
INSERT INTO payments.events (id, type, body, traceparent, created_at) VALUES
    ('evt_c' || :m, 'charge.succeeded', repeat('x', 1400), '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now()),
    ('evt_p' || :m, 'payment_intent.succeeded', repeat('x', 1400), '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now());
INSERT INTO payments.idempotency_keys (key, endpoint, fingerprint, status, body, request_id, created_at)
    VALUES ('confirm-' || :m, '/v1/payment_intents/pi_' || :n || '/confirm', sha256('x'), 200, repeat('x', 800), 'req_' || :m, now());
COMMIT;
-- orders: it is paid
BEGIN;
SELECT o.id, o.user_id, o.state, o.version, o.total_amount, o.currency, o.payment_method, o.receipt_email, o.failure, o.cancel_requested_at, o.traceparent, o.created_at, o.deadline_at, p.intent_id, p.confirm_attempt, p.declined_charge_id, p.redirect_url, p.refunded_amount, p.paid_at
    FROM orders.orders o JOIN orders.payments p ON p.order_id = o.id WHERE o.id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid LIMIT 1 FOR UPDATE;
UPDATE orders.payments SET charge_id = 'ch_' || :m, paid_at = now() WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
UPDATE orders.orders SET state = 'paid', version = 4, updated_at = now(), due_at = now() + interval '30 s', payment_method = 'pm_card_visa', failure = NULL WHERE id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
INSERT INTO orders.order_history (order_id, sequence, state, cause, at)
    SELECT ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid, coalesce(max(sequence), 0) + 1, 'paid', 'request', now() FROM orders.order_history WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
SELECT order_id, book_id, title, quantity, unit_amount FROM orders.order_lines WHERE order_id = ANY(ARRAY[('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid]) ORDER BY order_id, position;
INSERT INTO orders.outbox (dedupe_key, kind, payload, traceparent, created_at, due_at) VALUES ('receipt.' || :o, 'mail', '{"to": "reader@example.com", "subject": "Your receipt", "text": "Thank you for your order of a book of a usual length, at a usual price, with a usual receipt."}', '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now(), now()) ON CONFLICT DO NOTHING;
INSERT INTO orders.outbox (dedupe_key, kind, payload, traceparent, created_at, due_at) VALUES ('stock.commit:' || :o, 'stock.commit', '"an order"', '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now(), now()) ON CONFLICT DO NOTHING;
COMMIT;
SELECT order_id, book_id, title, quantity, unit_amount FROM orders.order_lines WHERE order_id = ANY(ARRAY[('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid]) ORDER BY order_id, position;
-- orders: keep the promises
UPDATE orders.outbox SET due_at = now() + interval '30 s', attempts = attempts + 1
    WHERE id = (SELECT id FROM orders.outbox WHERE delivered_at IS NULL AND due_at <= now() AND kind = ANY('{mail}')
                ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, dedupe_key, kind, payload, traceparent, attempts;
UPDATE orders.outbox SET delivered_at = now(), payload = NULL WHERE dedupe_key = 'receipt.' || :o;
UPDATE orders.outbox SET due_at = now() + interval '30 s', attempts = attempts + 1
    WHERE id = (SELECT id FROM orders.outbox WHERE delivered_at IS NULL AND due_at <= now() AND kind = ANY('{stock.commit,stock.release}')
                ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, dedupe_key, kind, payload, traceparent, attempts;
-- catalog: sell
BEGIN;
SELECT state, expires_at FROM catalog.reservations WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid LIMIT 1 FOR UPDATE;
SELECT book_id, quantity FROM catalog.reservation_lines WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid ORDER BY book_id;
UPDATE catalog.stock SET reserved = reserved - 1, sold = sold + 1 WHERE book_id = ('00000000-0000-7000-8000-' || lpad(:b::text, 12, '0'))::uuid;
UPDATE catalog.reservations SET state = 'committed', updated_at = now() WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'))::uuid;
COMMIT;
UPDATE orders.outbox SET delivered_at = now(), payload = NULL WHERE dedupe_key = 'stock.commit:' || :o;
