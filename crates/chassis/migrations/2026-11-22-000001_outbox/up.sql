-- Work that a transaction promises to the outside: mail, calls to other services.
-- The row is written in the transaction that makes the promise, so either both exist or neither does;
-- a relay delivers it afterwards, at least once.
CREATE TABLE outbox (
    -- Rows are handed out in the order in which they were promised.
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Says which promise this is: making it twice makes one row.
    dedupe_key   text        NOT NULL,
    -- Chooses the code that delivers it.
    kind         text        NOT NULL,
    -- What to deliver. It may hold an address or a one-time link, so it is erased on delivery.
    payload      jsonb,
    -- The trace of the request that made the promise; the delivery continues it.
    traceparent  text,
    created_at   timestamptz NOT NULL,
    -- Not before this moment: a lease while a relay works on it, a pause after a failure.
    due_at       timestamptz NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    last_error   text,
    delivered_at timestamptz,
    CONSTRAINT outbox_dedupe_key UNIQUE (dedupe_key),
    -- Delivered and erased are one step; neither without the other.
    CONSTRAINT outbox_payload_until_delivered CHECK ((payload IS NULL) = (delivered_at IS NOT NULL))
);

-- The relay asks only for undelivered rows; this index holds nothing else, so it stays small for ever.
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE delivered_at IS NULL;
