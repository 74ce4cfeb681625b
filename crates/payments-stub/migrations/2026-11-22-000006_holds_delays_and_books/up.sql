-- Money that is held before it is taken, banks that answer after days, and books that must balance.

ALTER TABLE payment_intents
    -- What was taken: less than amount when only a part of what was held was captured.
    ADD COLUMN amount_received      bigint NOT NULL DEFAULT 0,
    ADD COLUMN payment_method_types text[] NOT NULL DEFAULT '{card}',
    -- Where the customer has to go. Kept, because the address of this gateway may change while they are on their way.
    ADD COLUMN action_url           text,
    DROP CONSTRAINT payment_intents_status,
    DROP CONSTRAINT payment_intents_capture_method,
    DROP CONSTRAINT payment_intents_succeeded,
    DROP CONSTRAINT payment_intents_method;
-- Rows from before this migration took all or nothing.
UPDATE payment_intents SET amount_received = amount WHERE status = 'succeeded';
-- Rows that wait for a customer have no page to send them to; a new confirmation makes one.
UPDATE payment_intents SET status = 'requires_confirmation' WHERE status = 'requires_action';
ALTER TABLE payment_intents
    ALTER COLUMN payment_method_types DROP DEFAULT,
    ADD CONSTRAINT payment_intents_status CHECK (status IN
        ('requires_payment_method', 'requires_confirmation', 'requires_action', 'processing', 'requires_capture',
         'succeeded', 'canceled')),
    ADD CONSTRAINT payment_intents_capture_method CHECK (capture_method IN ('automatic', 'automatic_async', 'manual')),
    -- Nothing succeeds without a charge that took something, and nothing that succeeded still shows an error.
    ADD CONSTRAINT payment_intents_succeeded CHECK
        (CASE status
            WHEN 'succeeded' THEN latest_charge IS NOT NULL AND last_decline IS NULL AND amount_received BETWEEN 1 AND amount
            ELSE amount_received = 0
         END),
    -- What is under way has a method.
    ADD CONSTRAINT payment_intents_method CHECK
        (status NOT IN ('requires_confirmation', 'requires_action', 'processing', 'requires_capture')
            OR payment_method IS NOT NULL),
    -- The customer is sent somewhere exactly while they have to act.
    ADD CONSTRAINT payment_intents_action CHECK ((status = 'requires_action') = (action_url IS NOT NULL));

ALTER TABLE charges
    ADD COLUMN amount_captured bigint NOT NULL DEFAULT 0,
    -- When a slow bank answers. NULL on a pending charge: never.
    ADD COLUMN settles_at      timestamptz,
    DROP CONSTRAINT charges_status,
    DROP CONSTRAINT charges_refunded;
UPDATE charges SET status = 'captured', amount_captured = amount WHERE status = 'succeeded';
ALTER TABLE charges
    ADD CONSTRAINT charges_status CHECK (status IN ('pending', 'authorized', 'captured', 'released', 'failed')),
    ADD CONSTRAINT charges_captured CHECK
        (CASE status WHEN 'captured' THEN amount_captured BETWEEN 1 AND amount ELSE amount_captured = 0 END),
    -- Never more back than was taken.
    ADD CONSTRAINT charges_refunded CHECK (amount_refunded BETWEEN 0 AND amount_captured),
    ADD CONSTRAINT charges_settles CHECK (settles_at IS NULL OR status = 'pending');
DROP INDEX charges_one_success;
-- The promise of this whole service: one PaymentIntent, at most one charge that took, holds or may still get money.
CREATE UNIQUE INDEX charges_one_alive ON charges (payment_intent_id) WHERE status IN ('pending', 'authorized', 'captured');
-- The settler asks for what is due, and for holds that nobody captured in time; both are few among all charges.
CREATE INDEX charges_settles ON charges (settles_at) WHERE settles_at IS NOT NULL;
CREATE INDEX charges_holds ON charges (created_at) WHERE status = 'authorized';

-- The books: every move of money, from one account to another. A row takes from one what it gives to the other, so the
-- balances of all accounts add up to zero whatever the code does. It says the same as charges and refunds do, by
-- another way: when the two disagree, there is a defect.
CREATE TABLE transfers (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text        NOT NULL,
    debit      text        NOT NULL,
    credit     text        NOT NULL,
    amount     bigint      NOT NULL,
    currency   text        NOT NULL,
    charge_id  text        NOT NULL REFERENCES charges (id),
    refund_id  text        REFERENCES refunds (id),
    created_at timestamptz NOT NULL,
    CONSTRAINT transfers_amount CHECK (amount >= 1),
    CONSTRAINT transfers_currency CHECK (currency ~ '^[A-Z]{3}$'),
    -- Each kind has its two accounts.
    CONSTRAINT transfers_accounts CHECK ((kind, debit, credit) IN
        (('charge', 'customer', 'merchant'), ('hold', 'customer', 'hold'), ('capture', 'hold', 'merchant'),
         ('release', 'hold', 'customer'), ('refund', 'merchant', 'customer'))),
    CONSTRAINT transfers_refund CHECK ((kind = 'refund') = (refund_id IS NOT NULL)),
    -- A refund moves money once.
    CONSTRAINT transfers_refund_once UNIQUE (refund_id)
);
-- A charge is taken, held, captured and released once each.
CREATE UNIQUE INDEX transfers_once ON transfers (charge_id, kind) WHERE kind <> 'refund';
-- The books of one charge.
CREATE INDEX transfers_charge ON transfers (charge_id);

INSERT INTO transfers (kind, debit, credit, amount, currency, charge_id, created_at)
    SELECT 'charge', 'customer', 'merchant', amount, currency, id, created_at FROM charges WHERE status = 'captured';
INSERT INTO transfers (kind, debit, credit, amount, currency, charge_id, refund_id, created_at)
    SELECT 'refund', 'merchant', 'customer', amount, currency, charge_id, id, created_at FROM refunds;

-- What was written into the books stays there: a mistake is mended by another transfer, as in any ledger.
CREATE FUNCTION transfers_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'transfers are append-only';
END $$;
CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION transfers_are_append_only();
