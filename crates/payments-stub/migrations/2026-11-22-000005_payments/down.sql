DROP TABLE idempotency_keys;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_endpoints;
DROP TABLE events;
DROP TABLE refunds;
ALTER TABLE payment_intents DROP CONSTRAINT payment_intents_latest_charge;
DROP TABLE charges;
DROP TABLE payment_intents;
