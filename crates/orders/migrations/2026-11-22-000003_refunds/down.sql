DROP TABLE event_cursors;
DROP TRIGGER order_history_append_only ON order_history;
DROP FUNCTION order_history_is_append_only();
DROP TABLE refunds;
DROP TABLE payment_attempts;
ALTER TABLE payments DROP COLUMN declined_charge_id, DROP COLUMN redirect_url, DROP COLUMN refunded_amount;
DROP INDEX orders_of_user_by_state;
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (due_at)
    WHERE state IN ('created', 'payment_pending', 'confirming', 'requires_action', 'payment_unknown');
-- Fails while there are orders in the states that are new: their history cannot be made undone.
ALTER TABLE orders DROP COLUMN version, DROP COLUMN cancel_requested_at, DROP CONSTRAINT orders_state,
    ADD CONSTRAINT orders_state CHECK (state IN ('created', 'payment_pending', 'confirming', 'requires_action',
        'payment_unknown', 'paid', 'declined', 'rejected', 'expired'));
CREATE OR REPLACE FUNCTION orders_check_edge() RETURNS trigger LANGUAGE plpgsql AS $$
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
