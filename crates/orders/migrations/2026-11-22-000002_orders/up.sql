-- An order and where it stands. One row is the whole truth about what has been promised to a customer.
CREATE TABLE orders (
    -- UUIDv7 from the application: by identifier is by time.
    id              uuid        PRIMARY KEY,
    -- Whose it is. The only thing about a person that crosses services.
    user_id         uuid        NOT NULL,
    -- The client's name for its wish to buy: it survives retries, crashes and double clicks.
    idempotency_key text        NOT NULL,
    -- SHA-256 of what was wished for: the same key for something else is a client's mistake.
    fingerprint     bytea       NOT NULL,
    state           text        NOT NULL,
    -- Computed here from the catalog's prices at this moment; what is charged, whatever prices do afterwards.
    total_amount    bigint      NOT NULL,
    currency        text        NOT NULL,
    payment_method  text        NOT NULL,
    receipt_email   text        NOT NULL,
    -- Why it was refused or declined, for the customer.
    failure         jsonb,
    -- The trace of the request; the work that continues it later belongs to it too.
    traceparent     text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- Nobody works on it before this moment: a lease while somebody does, a pause after a failure.
    due_at          timestamptz NOT NULL,
    -- How often it was taken up again; decides the pause.
    attempts        integer     NOT NULL DEFAULT 0,
    -- If it is not paid by then, it is given up.
    deadline_at     timestamptz NOT NULL,
    -- Thirty clicks are one order. The database decides which click is first; a SELECT beforehand could not.
    CONSTRAINT orders_idempotency_key UNIQUE (user_id, idempotency_key),
    CONSTRAINT orders_idempotency_key_length CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    CONSTRAINT orders_state CHECK (state IN ('created', 'payment_pending', 'confirming', 'requires_action',
        'payment_unknown', 'paid', 'declined', 'rejected', 'expired')),
    CONSTRAINT orders_total_positive CHECK (total_amount > 0),
    CONSTRAINT orders_currency_code CHECK (currency ~ '^[A-Z]{3}$')
);

-- A customer's orders, the newest first.
CREATE INDEX orders_by_user ON orders (user_id, id);
-- What the resume worker asks for; finished orders are not in it, so it stays small for ever.
CREATE INDEX orders_due ON orders (due_at)
    WHERE state IN ('created', 'payment_pending', 'confirming', 'requires_action', 'payment_unknown');

-- The legal edges, as in domain/order.rs. A defect there must not be able to unpay an order.
CREATE FUNCTION orders_check_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = OLD.state OR (OLD.state, NEW.state) IN (
        ('created', 'payment_pending'), ('created', 'rejected'), ('created', 'expired'),
        ('payment_pending', 'confirming'), ('payment_pending', 'expired'),
        ('confirming', 'paid'), ('confirming', 'declined'), ('confirming', 'requires_action'),
        ('confirming', 'payment_unknown'), ('confirming', 'expired'),
        ('requires_action', 'paid'), ('requires_action', 'declined'), ('requires_action', 'payment_unknown'),
        ('requires_action', 'expired'),
        ('payment_unknown', 'paid'), ('payment_unknown', 'declined'), ('payment_unknown', 'requires_action'),
        ('payment_unknown', 'confirming'), ('payment_unknown', 'expired')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an order cannot go from % to %', OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_edge';
END $$;
CREATE TRIGGER orders_edge BEFORE UPDATE OF state ON orders FOR EACH ROW EXECUTE FUNCTION orders_check_edge();

-- What was bought, at which price. Copied, not referenced: the catalog may change a title or a price tomorrow.
CREATE TABLE order_lines (
    order_id    uuid    NOT NULL REFERENCES orders (id),
    position    integer NOT NULL,
    book_id     uuid    NOT NULL,
    title       text    NOT NULL,
    quantity    integer NOT NULL,
    unit_amount bigint  NOT NULL,
    PRIMARY KEY (order_id, position),
    CONSTRAINT order_lines_book UNIQUE (order_id, book_id),
    CONSTRAINT order_lines_quantity_positive CHECK (quantity > 0),
    CONSTRAINT order_lines_price_positive CHECK (unit_amount > 0)
);

-- The payment of an order: at most one, ever, because its key is the order's.
CREATE TABLE payments (
    order_id        uuid        PRIMARY KEY REFERENCES orders (id),
    -- The gateway's PaymentIntent, stored before it is confirmed: no money can move that we do not know of.
    intent_id       text,
    -- Which try to charge a card this is; a new one only after a definite decline.
    confirm_attempt integer     NOT NULL DEFAULT 0,
    charge_id       text,
    amount          bigint      NOT NULL,
    currency        text        NOT NULL,
    paid_at         timestamptz,
    -- Two orders can never be paid by one PaymentIntent, nor by one charge.
    CONSTRAINT payments_intent UNIQUE (intent_id),
    CONSTRAINT payments_charge UNIQUE (charge_id),
    CONSTRAINT payments_amount_positive CHECK (amount > 0),
    -- Only a payment that the gateway knows can be paid.
    CONSTRAINT payments_paid_has_charge CHECK (paid_at IS NULL OR (intent_id IS NOT NULL AND charge_id IS NOT NULL))
);

-- Every state that an order was in, and why. Append-only: the answer to "what happened to my order".
CREATE TABLE order_history (
    order_id uuid        NOT NULL REFERENCES orders (id),
    -- 1, 2, 3 …: counted under the order's row lock, so there are no gaps and no ties.
    sequence integer     NOT NULL,
    state    text        NOT NULL,
    -- Who moved it: request, webhook, resume, expiry.
    cause    text        NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (order_id, sequence)
);

-- What the gateway told us by webhook, stored before we say thank you; applied afterwards.
CREATE TABLE gateway_events (
    -- The gateway's own identifier: the same event delivered ten times is one row.
    event_id    text        PRIMARY KEY,
    type        text        NOT NULL,
    -- Which PaymentIntent to ask the gateway about. The rest of the event is a hint that may be old; it is not kept.
    intent_id   text        NOT NULL,
    traceparent text,
    received_at timestamptz NOT NULL,
    -- A lease while a worker applies it, a pause while we do not know its order yet.
    due_at      timestamptz NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    applied_at  timestamptz
);
-- What the worker asks for; applied events are not in it.
CREATE INDEX gateway_events_due ON gateway_events (due_at) WHERE applied_at IS NULL;
