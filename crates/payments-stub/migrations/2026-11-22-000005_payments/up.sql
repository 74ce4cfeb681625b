-- A payment gateway's books. Whatever the code above them does, these tables can never say that a customer was
-- charged twice for one PaymentIntent, or got back more than was taken.

-- One wish to be paid: many attempts, at most one success.
CREATE TABLE payment_intents (
    -- pi_ and random letters and digits, as clients see it.
    id                  text        PRIMARY KEY,
    -- The order of lists, newest first. The identifier is random and two rows may share a moment; this is neither.
    seq                 bigint      GENERATED ALWAYS AS IDENTITY,
    -- In the minor unit of the currency. Stripe's own bounds.
    amount              bigint      NOT NULL,
    currency            text        NOT NULL,
    status              text        NOT NULL,
    capture_method      text        NOT NULL,
    -- What a browser proves itself with; as good as a password for this one payment.
    client_secret       text        NOT NULL,
    description         text,
    receipt_email       text,
    return_url          text,
    -- The client's own notes; `order_id` stands here, which is how a lost answer is found again.
    metadata            jsonb       NOT NULL,
    automatic_payment_methods boolean NOT NULL,
    payment_method      text,
    latest_charge       text,
    -- The name of the last decline, which latest_charge carries too; erased by the next success.
    last_decline        text,
    cancellation_reason text,
    canceled_at         timestamptz,
    created_at          timestamptz NOT NULL,
    CONSTRAINT payment_intents_seq UNIQUE (seq),
    CONSTRAINT payment_intents_amount CHECK (amount BETWEEN 1 AND 99999999),
    CONSTRAINT payment_intents_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT payment_intents_status CHECK (status IN
        ('requires_payment_method', 'requires_confirmation', 'requires_action', 'succeeded', 'canceled')),
    CONSTRAINT payment_intents_capture_method CHECK (capture_method IN ('automatic', 'automatic_async')),
    -- Canceled and the moment of it are one fact.
    CONSTRAINT payment_intents_canceled CHECK ((status = 'canceled') = (canceled_at IS NOT NULL)),
    -- Nothing succeeds without a charge, and nothing that succeeded still shows an error.
    CONSTRAINT payment_intents_succeeded CHECK
        (status <> 'succeeded' OR (latest_charge IS NOT NULL AND last_decline IS NULL)),
    -- What is to be confirmed, or acted upon by the customer, has a method.
    CONSTRAINT payment_intents_method CHECK
        (status NOT IN ('requires_confirmation', 'requires_action') OR payment_method IS NOT NULL)
);
-- Reconciliation lists what was created in a window.
CREATE INDEX payment_intents_created ON payment_intents (created_at);

-- One attempt to take the money, and what came of it.
CREATE TABLE charges (
    id                text        PRIMARY KEY,
    seq               bigint      GENERATED ALWAYS AS IDENTITY,
    payment_intent_id text        NOT NULL REFERENCES payment_intents (id),
    amount            bigint      NOT NULL,
    amount_refunded   bigint      NOT NULL DEFAULT 0,
    currency          text        NOT NULL,
    status            text        NOT NULL,
    payment_method    text        NOT NULL,
    -- The name of the decline, for a failed one; the code knows the rest by it.
    failure           text,
    description       text,
    receipt_email     text,
    metadata          jsonb       NOT NULL,
    created_at        timestamptz NOT NULL,
    CONSTRAINT charges_seq UNIQUE (seq),
    CONSTRAINT charges_amount CHECK (amount BETWEEN 1 AND 99999999),
    CONSTRAINT charges_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT charges_status CHECK (status IN ('succeeded', 'failed')),
    CONSTRAINT charges_failure CHECK ((status = 'failed') = (failure IS NOT NULL)),
    -- Never more back than was taken, and nothing back from what was never taken.
    CONSTRAINT charges_refunded CHECK
        (amount_refunded BETWEEN 0 AND CASE status WHEN 'succeeded' THEN amount ELSE 0 END)
);
-- The promise of this whole service: one PaymentIntent, at most one successful charge.
CREATE UNIQUE INDEX charges_one_success ON charges (payment_intent_id) WHERE status = 'succeeded';
-- The attempts of one PaymentIntent, and all attempts of a window.
CREATE INDEX charges_payment_intent ON charges (payment_intent_id);
CREATE INDEX charges_created ON charges (created_at);

ALTER TABLE payment_intents
    ADD CONSTRAINT payment_intents_latest_charge FOREIGN KEY (latest_charge) REFERENCES charges (id);

-- Money on its way back. The sum per charge is charges.amount_refunded: both change in one transaction,
-- which holds the lock on the charge's row.
CREATE TABLE refunds (
    id                text        PRIMARY KEY,
    seq               bigint      GENERATED ALWAYS AS IDENTITY,
    charge_id         text        NOT NULL REFERENCES charges (id),
    payment_intent_id text        NOT NULL REFERENCES payment_intents (id),
    amount            bigint      NOT NULL,
    currency          text        NOT NULL,
    reason            text,
    metadata          jsonb       NOT NULL,
    created_at        timestamptz NOT NULL,
    CONSTRAINT refunds_seq UNIQUE (seq),
    CONSTRAINT refunds_amount CHECK (amount >= 1),
    CONSTRAINT refunds_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT refunds_reason CHECK (reason IN ('duplicate', 'fraudulent', 'requested_by_customer'))
);
-- What was given back of one charge or PaymentIntent, and all of a window.
CREATE INDEX refunds_charge ON refunds (charge_id);
CREATE INDEX refunds_payment_intent ON refunds (payment_intent_id);
CREATE INDEX refunds_created ON refunds (created_at);

-- What happened, told to those who want to know. Written in the transaction that makes it happen.
CREATE TABLE events (
    id          text        PRIMARY KEY,
    seq         bigint      GENERATED ALWAYS AS IDENTITY,
    type        text        NOT NULL,
    -- The event as webhooks carry it, byte for byte: a signature covers bytes, and jsonb would rearrange them.
    body        text        NOT NULL,
    -- The trace of the request that caused it; deliveries continue it.
    traceparent text,
    created_at  timestamptz NOT NULL,
    CONSTRAINT events_seq UNIQUE (seq)
);
-- Lists of one type, newest first.
CREATE INDEX events_type ON events (type, seq);
-- Reconciliation asks by time, and old events are pruned by it.
CREATE INDEX events_created ON events (created_at);

-- Who wants to know.
CREATE TABLE webhook_endpoints (
    id             text        PRIMARY KEY,
    seq            bigint      GENERATED ALWAYS AS IDENTITY,
    url            text        NOT NULL,
    -- Kept readable, because every delivery is signed with it; shown to the client once, never logged.
    secret         text        NOT NULL,
    -- Types, or a single '*'.
    enabled_events text[]      NOT NULL,
    description    text,
    metadata       jsonb       NOT NULL,
    -- The one that belongs to the service's settings.
    configured     boolean     NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT webhook_endpoints_seq UNIQUE (seq),
    CONSTRAINT webhook_endpoints_events CHECK (cardinality(enabled_events) >= 1)
);
-- The settings name one receiver, so at most one row can be theirs.
CREATE UNIQUE INDEX webhook_endpoints_configured ON webhook_endpoints (configured) WHERE configured;

-- One event on its way to one endpoint, until it arrives or the gateway gives up.
CREATE TABLE webhook_deliveries (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        text        NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    endpoint_id     text        NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    -- How often it was tried; also the fence: a worker that outlived its lease finds another number here.
    attempts        integer     NOT NULL DEFAULT 0,
    -- Not before this moment: a lease while a worker tries, a pause after a failure. NULL: finished.
    due_at          timestamptz,
    delivered_at    timestamptz,
    last_attempt_at timestamptz,
    -- The receiver's status, or why there is none.
    last_status     integer,
    last_error      text,
    -- At least once on the wire, exactly once in the books.
    CONSTRAINT webhook_deliveries_once UNIQUE (event_id, endpoint_id),
    CONSTRAINT webhook_deliveries_finished CHECK (delivered_at IS NULL OR due_at IS NULL)
);
-- The workers ask only for unfinished rows; this index holds nothing else, so it stays small for ever.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at, id) WHERE due_at IS NOT NULL;
-- Deleting an endpoint deletes its deliveries.
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id);

-- Answers that were given, so that the same request gets the same answer again. The row is written in the
-- transaction of the effect: after a crash there are both or neither, never a key that is stuck.
CREATE TABLE idempotency_keys (
    key         text        PRIMARY KEY,
    -- The path that the key was first used for.
    endpoint    text        NOT NULL,
    -- SHA-256 of the parameters that it was first used with.
    fingerprint bytea       NOT NULL,
    status      smallint    NOT NULL,
    body        text        NOT NULL,
    -- The request that was answered.
    request_id  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_key CHECK (length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_keys_fingerprint CHECK (length(fingerprint) = 32)
);
-- The pruner asks for the oldest.
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
