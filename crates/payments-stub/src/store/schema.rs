//! The tables, as `migrations/` makes them. Columns that only the database uses are left out.

diesel::table! {
    payment_intents (id) {
        id -> Text,
        seq -> BigInt,
        amount -> BigInt,
        amount_received -> BigInt,
        currency -> Text,
        status -> Text,
        capture_method -> Text,
        client_secret -> Text,
        description -> Nullable<Text>,
        receipt_email -> Nullable<Text>,
        return_url -> Nullable<Text>,
        metadata -> Jsonb,
        automatic_payment_methods -> Bool,
        payment_method_types -> Array<Text>,
        payment_method -> Nullable<Text>,
        action_url -> Nullable<Text>,
        latest_charge -> Nullable<Text>,
        last_decline -> Nullable<Text>,
        cancellation_reason -> Nullable<Text>,
        canceled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    charges (id) {
        id -> Text,
        seq -> BigInt,
        payment_intent_id -> Text,
        amount -> BigInt,
        amount_captured -> BigInt,
        amount_refunded -> BigInt,
        currency -> Text,
        status -> Text,
        settles_at -> Nullable<Timestamptz>,
        payment_method -> Text,
        failure -> Nullable<Text>,
        description -> Nullable<Text>,
        receipt_email -> Nullable<Text>,
        metadata -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    refunds (id) {
        id -> Text,
        seq -> BigInt,
        charge_id -> Text,
        payment_intent_id -> Text,
        amount -> BigInt,
        currency -> Text,
        reason -> Nullable<Text>,
        metadata -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    transfers (id) {
        id -> BigInt,
        kind -> Text,
        debit -> Text,
        credit -> Text,
        amount -> BigInt,
        currency -> Text,
        charge_id -> Text,
        refund_id -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    events (id) {
        id -> Text,
        seq -> BigInt,
        #[sql_name = "type"]
        kind -> Text,
        body -> Text,
        traceparent -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Text,
        seq -> BigInt,
        url -> Text,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_expires_at -> Nullable<Timestamptz>,
        disabled -> Bool,
        enabled_events -> Array<Text>,
        description -> Nullable<Text>,
        metadata -> Jsonb,
        configured -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> BigInt,
        event_id -> Text,
        endpoint_id -> Text,
        attempts -> Integer,
        due_at -> Nullable<Timestamptz>,
        delivered_at -> Nullable<Timestamptz>,
        last_attempt_at -> Nullable<Timestamptz>,
        last_status -> Nullable<Integer>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    webhook_attempts (id) {
        id -> BigInt,
        delivery_id -> BigInt,
        attempt -> Integer,
        status -> Nullable<Integer>,
        error -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (key) {
        key -> Text,
        endpoint -> Text,
        fingerprint -> Binary,
        status -> SmallInt,
        body -> Text,
        request_id -> Text,
        created_at -> Timestamptz,
    }
}

diesel::joinable!(webhook_deliveries -> events (event_id));
diesel::joinable!(webhook_deliveries -> webhook_endpoints (endpoint_id));
diesel::joinable!(webhook_attempts -> webhook_deliveries (delivery_id));
diesel::allow_tables_to_appear_in_same_query!(
    webhook_attempts,
    webhook_deliveries,
    events,
    webhook_endpoints
);
