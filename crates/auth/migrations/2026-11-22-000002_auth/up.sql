-- Addresses that somebody wants an account for, until the link in the mail is used.
-- They stand apart from accounts, so that an account is always a proven address: nobody can lie in wait with a password
-- of their own on an address of somebody else's, because the password of a sign-up counts only for whoever opens its mail.
-- An address that has an account gets a row too, and another mail: the same work is done for both, in the same time.
CREATE TABLE sign_ups (
    -- One row an address: a new sign-up replaces the token of the one before, so only the newest link works.
    email         text        PRIMARY KEY,
    -- SHA-256 of the token in the link: who reads the database cannot confirm addresses.
    token_hash    bytea       NOT NULL,
    -- Argon2id, as a PHC string; becomes the account's.
    password_hash text        NOT NULL,
    -- How many mails the address got because of this: strangers must not be able to fill somebody's mailbox.
    mails         smallint    NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    CONSTRAINT sign_ups_token_hash UNIQUE (token_hash),
    CONSTRAINT sign_ups_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT sign_ups_password_is_argon2id CHECK (password_hash LIKE '$argon2id$%'),
    CONSTRAINT sign_ups_mails_bounded CHECK (mails BETWEEN 1 AND 5)
);

-- The sweeper asks for expired ones.
CREATE INDEX sign_ups_expiry ON sign_ups (expires_at);

-- People, each with a proven address.
CREATE TABLE accounts (
    -- UUIDv4. Other services know a person only by this, so it must say nothing: not even, as a UUIDv7 would, when
    -- the person came to us.
    id                uuid        PRIMARY KEY,
    email             text        NOT NULL,
    -- Argon2id, as a PHC string, which names its own parameters. Null for whoever will sign in without a password.
    password_hash     text,
    -- What the person may do. No route grants 'admin'.
    roles             text[]      NOT NULL DEFAULT '{customer}',
    created_at        timestamptz NOT NULL,
    email_verified_at timestamptz NOT NULL,
    CONSTRAINT accounts_email UNIQUE (email),
    -- Two spellings of one address are one person. The application normalises; this makes sure that all of it does.
    CONSTRAINT accounts_email_normalised CHECK (email = lower(btrim(email) COLLATE "C")),
    CONSTRAINT accounts_password_is_argon2id CHECK (password_hash LIKE '$argon2id$%'),
    CONSTRAINT accounts_roles_known CHECK (roles <@ '{customer,admin}')
);

-- One row a sign-in. All refresh tokens that descend from it form one family, which ends as a whole.
CREATE TABLE sessions (
    id         uuid        PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- When the person proved who they are: the `auth_time` of tokens, and the start of the absolute lifetime.
    created_at timestamptz NOT NULL,
    -- Moves with every refresh, never past the absolute end.
    expires_at timestamptz NOT NULL,
    -- Set when it ends before it expires: sign-out, a stolen token, too many others.
    ended_at   timestamptz,
    -- How often it was refreshed: every refresh leaves a row behind, so there must be an end to it.
    rotations  integer     NOT NULL DEFAULT 0,
    CONSTRAINT sessions_expire_later CHECK (expires_at > created_at)
);

-- The oldest live session of an account has to go when there are too many.
CREATE INDEX sessions_live ON sessions (account_id, created_at) WHERE ended_at IS NULL;
-- The sweeper asks for those that are over.
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Refresh tokens. A used one stays as long as its session: to see it again means that two parties have it.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token: who reads the database cannot refresh. The token has 256 random bits, so nothing slower
    -- than SHA-256 would make guessing any harder.
    token_hash bytea       PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT refresh_tokens_hash_is_sha256 CHECK (octet_length(token_hash) = 32)
);

-- Whatever the application does, a session has at most one token that has not been used.
CREATE UNIQUE INDEX refresh_tokens_one_unused ON refresh_tokens (session_id) WHERE used_at IS NULL;
-- Ending a session deletes its tokens by this.
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- Keys that sign access tokens. Every row is published; one signs.
CREATE TABLE signing_keys (
    -- The thumbprint of the public key (RFC 7638): the name follows from the key.
    kid            text        PRIMARY KEY,
    public_jwk     jsonb       NOT NULL,
    -- PKCS#8, sealed with AES-256-GCM under a key that is not in the database; the kid is authenticated with it, so a
    -- sealed key cannot be moved to another row.
    sealed_private bytea       NOT NULL,
    created_at     timestamptz NOT NULL,
    -- announced: consumers may cache it before it signs. retired: its last tokens may still be about.
    state          text        NOT NULL,
    CONSTRAINT signing_keys_state CHECK (state IN ('announced', 'signing', 'retired'))
);

-- Whatever two replicas do that start together, one key signs.
CREATE UNIQUE INDEX signing_keys_one_signs ON signing_keys (state) WHERE state = 'signing';
