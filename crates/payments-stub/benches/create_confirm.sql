-- What the gateway asks of PostgreSQL for one PaymentIntent that is created and confirmed, each under a key, with no
-- receiver of webhooks: the same statements in the same transactions, with no HTTP and no rules around them. pgbench
-- runs it; a statement that the gateway gains or loses belongs here, too.
\set n random(1, 9000000000000000)
\set m random(1, 9000000000000000)
BEGIN;
SELECT pg_try_advisory_xact_lock(:n);
SELECT key, endpoint, fingerprint, status, body, request_id, created_at FROM idempotency_keys WHERE key = 'create-' || :n LIMIT 1;
INSERT INTO payment_intents (id, amount, amount_received, currency, status, capture_method, client_secret, metadata, automatic_payment_methods, payment_method_types, created_at)
    VALUES ('pi_' || :n, 1000, 0, 'EUR', 'requires_payment_method', 'automatic_async', 'pi_' || :n || '_secret_0123456789012345678901', '{"order_id": "o1"}', false, '{card,us_bank_account}', now());
SELECT id, enabled_events FROM webhook_endpoints WHERE disabled = false ORDER BY seq FOR KEY SHARE;
INSERT INTO events (id, type, body, traceparent, created_at) VALUES ('evt_' || :n, 'payment_intent.created', repeat('x', 1400), '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now());
INSERT INTO idempotency_keys (key, endpoint, fingerprint, status, body, request_id, created_at)
    VALUES ('create-' || :n, '/v1/payment_intents', sha256('x'), 200, repeat('x', 800), 'req_' || :n, now());
COMMIT;
BEGIN;
SELECT pg_try_advisory_xact_lock(:m);
SELECT key, endpoint, fingerprint, status, body, request_id, created_at FROM idempotency_keys WHERE key = 'confirm-' || :m LIMIT 1;
SELECT id, amount, amount_received, currency, status, capture_method, client_secret, description, receipt_email, return_url, metadata, automatic_payment_methods, payment_method_types, payment_method, action_url, latest_charge, last_decline, cancellation_reason, canceled_at, created_at
    FROM payment_intents WHERE id = 'pi_' || :n LIMIT 1 FOR UPDATE;
INSERT INTO charges (id, payment_intent_id, amount, amount_captured, amount_refunded, currency, status, payment_method, metadata, created_at)
    VALUES ('ch_' || :m, 'pi_' || :n, 1000, 1000, 0, 'EUR', 'captured', 'pm_card_visa', '{"order_id": "o1"}', now())
    ON CONFLICT (id) DO UPDATE SET status = 'captured', amount_captured = 1000, amount_refunded = 0, settles_at = NULL, failure = NULL;
UPDATE payment_intents SET status = 'succeeded', amount_received = 1000, description = NULL, metadata = '{"order_id": "o1"}', return_url = NULL, payment_method = 'pm_card_visa', action_url = NULL, latest_charge = 'ch_' || :m, last_decline = NULL, cancellation_reason = NULL, canceled_at = NULL
    WHERE id = 'pi_' || :n;
INSERT INTO transfers (kind, debit, credit, amount, currency, charge_id, refund_id, created_at) VALUES ('charge', 'customer', 'merchant', 1000, 'EUR', 'ch_' || :m, NULL, now());
SELECT id, enabled_events FROM webhook_endpoints WHERE disabled = false ORDER BY seq FOR KEY SHARE;
INSERT INTO events (id, type, body, traceparent, created_at) VALUES
    ('evt_c' || :m, 'charge.succeeded', repeat('x', 1400), '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now()),
    ('evt_p' || :m, 'payment_intent.succeeded', repeat('x', 1400), '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00', now());
INSERT INTO idempotency_keys (key, endpoint, fingerprint, status, body, request_id, created_at)
    VALUES ('confirm-' || :m, '/v1/payment_intents/pi_' || :n || '/confirm', sha256('x'), 200, repeat('x', 800), 'req_' || :m, now());
COMMIT;
