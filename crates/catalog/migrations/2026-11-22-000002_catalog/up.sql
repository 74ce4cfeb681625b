-- What the shop sells. Rows change rarely and are read constantly.
CREATE TABLE books (
    -- UUIDv7 from the application: new rows land at the end of the index.
    id              uuid        PRIMARY KEY,
    -- The seed file's name for a book: seeding twice finds the row again.
    slug            text        NOT NULL,
    title           text        NOT NULL,
    original_title  text,
    authors         text[]      NOT NULL,
    -- Years before our era are negative; the Iliad has one.
    first_published integer     NOT NULL,
    -- The year is a scholar's estimate.
    circa           boolean     NOT NULL,
    -- ISO 639 code of the language that the book was written in.
    language        text        NOT NULL,
    subjects        text[]      NOT NULL,
    description     text        NOT NULL,
    -- Minor units and ISO 4217 currency: no floating point anywhere near money.
    price_amount    bigint      NOT NULL,
    price_currency  text        NOT NULL,
    -- Counts the changes: the entity tag that tells a client whether its copy is current.
    version         integer     NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT books_slug UNIQUE (slug),
    CONSTRAINT books_title_present CHECK (title <> ''),
    CONSTRAINT books_has_author CHECK (cardinality(authors) > 0),
    -- A book for nothing is a mistake in a price list, not a present.
    CONSTRAINT books_price_positive CHECK (price_amount > 0),
    CONSTRAINT books_currency_code CHECK (price_currency ~ '^[A-Z]{3}$')
);

-- Browsing goes by title; the identifier makes the order total, as keyset pagination needs.
CREATE INDEX books_by_title ON books (title, id);

-- The words of a book, weighted: title, then author, then subject, then description.
-- array_to_string is only STABLE (an element's text could depend on settings; text elements' does not),
-- and a generated column takes only IMMUTABLE functions: hence this wrapper.
CREATE FUNCTION books_words(title text, original_title text, authors text[], subjects text[], description text)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector('english', title || ' ' || coalesce(original_title, '')), 'A')
        || setweight(to_tsvector('simple', array_to_string(authors, ' ')), 'B')
        || setweight(to_tsvector('english', array_to_string(subjects, ' ')), 'C')
        || setweight(to_tsvector('english', description), 'D')
$$;

ALTER TABLE books ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (books_words(title, original_title, authors, subjects, description)) STORED;

-- Finds the books that hold a word without reading the others.
CREATE INDEX books_search ON books USING gin (search);

-- Stock stands apart from the book: it changes with every sale, and a change rewrites the whole row.
CREATE TABLE stock (
    book_id   uuid    PRIMARY KEY REFERENCES books (id),
    available integer NOT NULL,
    reserved  integer NOT NULL DEFAULT 0,
    sold      integer NOT NULL DEFAULT 0,
    -- Whatever the application does, nobody can buy a book that is not there.
    CONSTRAINT stock_available_not_negative CHECK (available >= 0),
    CONSTRAINT stock_reserved_not_negative CHECK (reserved >= 0),
    CONSTRAINT stock_sold_not_negative CHECK (sold >= 0)
);

-- Stock that is held for an order until the order is paid or given up.
CREATE TABLE reservations (
    -- The order's own identifier: reserving twice for one order is one reservation.
    order_id   uuid        PRIMARY KEY,
    state      text        NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- Held stock comes back by itself if the order is never heard of again.
    expires_at timestamptz NOT NULL,
    CONSTRAINT reservations_state CHECK (state IN ('held', 'committed', 'released', 'expired'))
);

-- The sweeper asks only for held ones.
CREATE INDEX reservations_held ON reservations (expires_at) WHERE state = 'held';

-- How many copies of which book a reservation holds.
CREATE TABLE reservation_lines (
    order_id uuid    NOT NULL REFERENCES reservations (order_id) ON DELETE CASCADE,
    book_id  uuid    NOT NULL REFERENCES books (id),
    quantity integer NOT NULL,
    -- One line a book: a book that is asked for twice is asked for in a larger quantity.
    PRIMARY KEY (order_id, book_id),
    CONSTRAINT reservation_lines_quantity_positive CHECK (quantity > 0)
);
