-- What comes after the first try: another card, a change of mind, money back.

ALTER TABLE orders
    -- Counts what has happened to the row: every move, every claim by a worker. Whoever has learnt something about an
    -- order may write it only while the version is the one it was learnt from; a worker that was paused past its lease
    -- therefore writes nothing. (M. Kleppmann, "How to do distributed locking", 2016: a fencing token.)
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- The customer does not want it any more. A wish, not a state: the card may be in the middle of being charged.
    ADD COLUMN cancel_requested_at timestamptz,
    DROP CONSTRAINT orders_state,
    ADD CONSTRAINT orders_state CHECK (state IN ('created', 'payment_pending', 'confirming', 'requires_action',
        'payment_unknown', 'declined', 'paid', 'refunded', 'rejected', 'expired', 'cancelled'));

DROP INDEX orders_due;
-- A declined order is unfinished now: another card may pay it until its deadline, and then it has to be given up.
CREATE INDEX orders_due ON orders (due_at)
    WHERE state IN ('created', 'payment_pending', 'confirming', 'requires_action', 'payment_unknown', 'declined');

-- How many orders a customer has that are not decided: each holds stock and tries cards, so there is a limit. The state
-- stands in the index, so that the count reads nothing else.
CREATE INDEX orders_of_user_by_state ON orders (user_id, state);

-- The legal edges, as in domain/order_state.rs; a test compares the two.
CREATE OR REPLACE FUNCTION orders_check_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = OLD.state OR (OLD.state, NEW.state) IN (
        ('created', 'payment_pending'), ('created', 'rejected'), ('created', 'expired'), ('created', 'cancelled'),
        ('payment_pending', 'confirming'), ('payment_pending', 'expired'), ('payment_pending', 'cancelled'),
        ('confirming', 'paid'), ('confirming', 'declined'), ('confirming', 'requires_action'),
        ('confirming', 'payment_unknown'), ('confirming', 'expired'), ('confirming', 'cancelled'),
        ('requires_action', 'paid'), ('requires_action', 'declined'), ('requires_action', 'payment_unknown'),
        ('requires_action', 'expired'), ('requires_action', 'cancelled'),
        ('payment_unknown', 'paid'), ('payment_unknown', 'declined'), ('payment_unknown', 'requires_action'),
        ('payment_unknown', 'confirming'), ('payment_unknown', 'expired'), ('payment_unknown', 'cancelled'),
        ('declined', 'confirming'), ('declined', 'paid'), ('declined', 'expired'), ('declined', 'cancelled'),
        ('paid', 'refunded')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an order cannot go from % to %', OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_edge';
END $$;

ALTER TABLE payments
    -- The charge that the last declined try has left behind. A later look at the PaymentIntent that still shows this
    -- charge says nothing about the next try: it may not even have arrived.
    ADD COLUMN declined_charge_id text,
    -- Where the customer has to go before the bank pays.
    ADD COLUMN redirect_url text,
    -- What has been promised back: pending and succeeded refunds. Kept beside the refunds because a CHECK can see it,
    -- and a sum over other rows cannot be checked; it is raised in the transaction that writes the refund.
    ADD COLUMN refunded_amount bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT payments_refunded CHECK (refunded_amount BETWEEN 0 AND amount);

-- Each try to pay with another card after a decline. The first try needs no row: the order is its row.
CREATE TABLE payment_attempts (
    order_id        uuid        NOT NULL REFERENCES orders (id),
    -- 2, 3 …: part of the key under which the gateway is asked.
    attempt         integer     NOT NULL,
    -- The client's name for this try: a request that is repeated is not another try.
    idempotency_key text        NOT NULL,
    payment_method  text        NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (order_id, attempt),
    CONSTRAINT payment_attempts_idempotency_key UNIQUE (order_id, idempotency_key),
    CONSTRAINT payment_attempts_key_length CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    -- A stolen list of cards is not tried out here.
    CONSTRAINT payment_attempts_limit CHECK (attempt BETWEEN 2 AND 5)
);

-- Money that goes back. Written, and its amount taken from what is left, before the gateway is asked.
CREATE TABLE refunds (
    -- Also the key under which the gateway is asked: one row is one refund, however often it is asked for.
    id                uuid        PRIMARY KEY,
    order_id          uuid        NOT NULL REFERENCES orders (id),
    -- Who asked, and that client's name for its wish; the shop's own refunds are named by their reason.
    idempotency_key   text        NOT NULL,
    amount            bigint      NOT NULL,
    reason            text        NOT NULL,
    -- Who asked: a customer or an administrator; nobody when the shop had to.
    requested_by      uuid,
    state             text        NOT NULL DEFAULT 'pending',
    gateway_refund_id text,
    -- Why the gateway refused, in its words.
    failure           text,
    traceparent       text,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    -- A lease while a worker asks the gateway, a pause after a failure.
    due_at            timestamptz NOT NULL,
    -- Also the fencing token of that lease.
    attempts          integer     NOT NULL DEFAULT 0,
    CONSTRAINT refunds_idempotency_key UNIQUE (order_id, idempotency_key),
    CONSTRAINT refunds_key_length CHECK (length(idempotency_key) BETWEEN 1 AND 300),
    CONSTRAINT refunds_amount_positive CHECK (amount > 0),
    CONSTRAINT refunds_state CHECK (state IN ('pending', 'succeeded', 'failed')),
    -- One refund of the gateway is one of ours.
    CONSTRAINT refunds_gateway_refund UNIQUE (gateway_refund_id),
    CONSTRAINT refunds_succeeded_is_known CHECK (state <> 'succeeded' OR gateway_refund_id IS NOT NULL)
);
-- What the worker asks for; finished refunds are not in it.
CREATE INDEX refunds_due ON refunds (due_at) WHERE state = 'pending';

-- History is what a person who investigates relies on: the database refuses to change it.
CREATE FUNCTION order_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of orders is append-only' USING ERRCODE = 'check_violation';
END $$;
-- For rows; TRUNCATE belongs to the owner of the table alone.
CREATE TRIGGER order_history_append_only BEFORE UPDATE OR DELETE ON order_history
    FOR EACH ROW EXECUTE FUNCTION order_history_is_append_only();

-- Up to where the gateway's list of events was read: what webhooks did not bring, the list does. One row for each kind
-- of list; there is one list.
CREATE TABLE event_cursors (
    name       text        PRIMARY KEY,
    -- Events made before this moment have been read: the gateway's own time, so that our clock does not matter.
    read_until timestamptz NOT NULL
);
