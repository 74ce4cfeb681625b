//! The outbox table, as `migrations/` makes it.

diesel::table! {
    outbox (id) {
        id -> BigInt,
        dedupe_key -> Text,
        kind -> Text,
        payload -> Nullable<Jsonb>,
        traceparent -> Nullable<Text>,
        created_at -> Timestamptz,
        due_at -> Timestamptz,
        attempts -> Integer,
        last_error -> Nullable<Text>,
        delivered_at -> Nullable<Timestamptz>,
    }
}
