-- What every attempt to deliver a webhook came to, and secrets that can be changed without losing a delivery.

ALTER TABLE webhook_endpoints
    -- Nothing new is delivered while the client has switched it off.
    ADD COLUMN disabled           boolean NOT NULL DEFAULT false,
    -- The secret before the last roll: deliveries carry both signatures until it expires, so that receivers can be
    -- changed one after the other.
    ADD COLUMN previous_secret    text,
    ADD COLUMN previous_expires_at timestamptz,
    ADD CONSTRAINT webhook_endpoints_previous CHECK ((previous_secret IS NULL) = (previous_expires_at IS NULL));

-- One row for each time that somebody was told; the delivery itself knows only the last.
CREATE TABLE webhook_attempts (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint      NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    -- The first is 1. A worker that outlived its lease writes down its own attempt under its own number.
    attempt     integer     NOT NULL,
    -- The receiver's status, or why there is none.
    status      integer,
    error       text,
    created_at  timestamptz NOT NULL,
    CONSTRAINT webhook_attempts_once UNIQUE (delivery_id, attempt)
);
