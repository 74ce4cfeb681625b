DROP TABLE webhook_attempts;
ALTER TABLE webhook_endpoints
    DROP CONSTRAINT webhook_endpoints_previous,
    DROP COLUMN disabled,
    DROP COLUMN previous_secret,
    DROP COLUMN previous_expires_at;
