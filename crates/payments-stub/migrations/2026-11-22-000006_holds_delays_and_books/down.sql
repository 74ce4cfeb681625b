-- Only while nothing is held, pending or captured in part: the tables from before cannot say that.
DROP TABLE transfers;
DROP FUNCTION transfers_are_append_only();

DROP INDEX charges_one_alive;
DROP INDEX charges_settles;
DROP INDEX charges_holds;
ALTER TABLE charges
    DROP CONSTRAINT charges_status,
    DROP CONSTRAINT charges_captured,
    DROP CONSTRAINT charges_refunded,
    DROP CONSTRAINT charges_settles;
UPDATE charges SET status = 'succeeded' WHERE status = 'captured';
ALTER TABLE charges
    DROP COLUMN amount_captured,
    DROP COLUMN settles_at,
    ADD CONSTRAINT charges_status CHECK (status IN ('succeeded', 'failed')),
    ADD CONSTRAINT charges_refunded CHECK
        (amount_refunded BETWEEN 0 AND CASE status WHEN 'succeeded' THEN amount ELSE 0 END);
CREATE UNIQUE INDEX charges_one_success ON charges (payment_intent_id) WHERE status = 'succeeded';

ALTER TABLE payment_intents
    DROP CONSTRAINT payment_intents_status,
    DROP CONSTRAINT payment_intents_capture_method,
    DROP CONSTRAINT payment_intents_succeeded,
    DROP CONSTRAINT payment_intents_method,
    DROP CONSTRAINT payment_intents_action,
    DROP COLUMN amount_received,
    DROP COLUMN payment_method_types,
    DROP COLUMN action_url,
    ADD CONSTRAINT payment_intents_status CHECK (status IN
        ('requires_payment_method', 'requires_confirmation', 'requires_action', 'succeeded', 'canceled')),
    ADD CONSTRAINT payment_intents_capture_method CHECK (capture_method IN ('automatic', 'automatic_async')),
    ADD CONSTRAINT payment_intents_succeeded CHECK
        (status <> 'succeeded' OR (latest_charge IS NOT NULL AND last_decline IS NULL)),
    ADD CONSTRAINT payment_intents_method CHECK
        (status NOT IN ('requires_confirmation', 'requires_action') OR payment_method IS NOT NULL);
