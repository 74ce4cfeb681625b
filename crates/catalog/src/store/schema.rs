//! The tables, as `migrations/` makes them.

diesel::table! {
    books (id) {
        id -> Uuid,
        slug -> Text,
        title -> Text,
        original_title -> Nullable<Text>,
        authors -> Array<Text>,
        first_published -> Integer,
        circa -> Bool,
        language -> Text,
        subjects -> Array<Text>,
        description -> Text,
        price_amount -> BigInt,
        price_currency -> Text,
        version -> Integer,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    stock (book_id) {
        book_id -> Uuid,
        available -> Integer,
        reserved -> Integer,
        sold -> Integer,
    }
}

diesel::table! {
    reservations (order_id) {
        order_id -> Uuid,
        state -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    reservation_lines (order_id, book_id) {
        order_id -> Uuid,
        book_id -> Uuid,
        quantity -> Integer,
    }
}

diesel::allow_tables_to_appear_in_same_query!(books, stock);
