//! The tables, as `migrations/` makes them.

diesel::table! {
    orders (id) {
        id -> Uuid,
        user_id -> Uuid,
        idempotency_key -> Text,
        fingerprint -> Bytea,
        state -> Text,
        total_amount -> BigInt,
        currency -> Text,
        payment_method -> Text,
        receipt_email -> Text,
        failure -> Nullable<Jsonb>,
        traceparent -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        due_at -> Timestamptz,
        attempts -> Integer,
        deadline_at -> Timestamptz,
        version -> BigInt,
        cancel_requested_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    order_lines (order_id, position) {
        order_id -> Uuid,
        position -> Integer,
        book_id -> Uuid,
        title -> Text,
        quantity -> Integer,
        unit_amount -> BigInt,
    }
}

diesel::table! {
    payments (order_id) {
        order_id -> Uuid,
        intent_id -> Nullable<Text>,
        confirm_attempt -> Integer,
        charge_id -> Nullable<Text>,
        amount -> BigInt,
        currency -> Text,
        paid_at -> Nullable<Timestamptz>,
        declined_charge_id -> Nullable<Text>,
        redirect_url -> Nullable<Text>,
        refunded_amount -> BigInt,
    }
}

diesel::table! {
    payment_attempts (order_id, attempt) {
        order_id -> Uuid,
        attempt -> Integer,
        idempotency_key -> Text,
        payment_method -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    refunds (id) {
        id -> Uuid,
        order_id -> Uuid,
        idempotency_key -> Text,
        amount -> BigInt,
        reason -> Text,
        requested_by -> Nullable<Uuid>,
        state -> Text,
        gateway_refund_id -> Nullable<Text>,
        failure -> Nullable<Text>,
        traceparent -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        due_at -> Timestamptz,
        attempts -> Integer,
    }
}

diesel::table! {
    order_history (order_id, sequence) {
        order_id -> Uuid,
        sequence -> Integer,
        state -> Text,
        cause -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    gateway_events (event_id) {
        event_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        intent_id -> Text,
        traceparent -> Nullable<Text>,
        received_at -> Timestamptz,
        due_at -> Timestamptz,
        attempts -> Integer,
        applied_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    event_cursors (name) {
        name -> Text,
        read_until -> Timestamptz,
    }
}

diesel::joinable!(payments -> orders (order_id));
diesel::allow_tables_to_appear_in_same_query!(orders, payments);
