//! One page of any of the listed tables.

/// Loads the rows of a [`Listing`](crate::domain::listing::Listing) from a boxed query on `$table`;
/// returns `Ok(None)` from the enclosing function when the cursor names nothing.
///
/// A macro, because the tables share column names but no type that says so.
macro_rules! load_page {
    ($connection:expr, $table:ident, $query:expr, $listing:expr, $row:ty) => {{
        use $crate::domain::listing::Cursor;

        let mut query = $query.limit($listing.fetch());
        if let Some(from) = $listing.created_from {
            query = query.filter($table::created_at.ge(from));
        }
        if let Some(before) = $listing.created_before {
            query = query.filter($table::created_at.lt(before));
        }
        query = match &$listing.cursor {
            None => query.order($table::seq.desc()),
            Some(cursor) => {
                let (Cursor::After(id) | Cursor::Before(id)) = cursor;
                let place =
                    $table::table.find(id).select($table::seq).first::<i64>($connection).await;
                let Some(place) = place.optional()? else { return Ok(None) };
                match cursor {
                    Cursor::After(_) => {
                        query.filter($table::seq.lt(place)).order($table::seq.desc())
                    }
                    Cursor::Before(_) => {
                        query.filter($table::seq.gt(place)).order($table::seq.asc())
                    }
                }
            }
        };
        query.select(<$row>::as_select()).load::<$row>($connection).await?
    }};
}
