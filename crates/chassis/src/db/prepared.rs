//! Statements that PostgreSQL is told to remember.
//!
//! A prepared statement is parsed once and executed often. diesel prepares every `SELECT` of a fixed shape once a
//! connection, and every `INSERT` and `UPDATE` anew each time, because their text may vary with the values: a `None`
//! becomes `DEFAULT`, or its column is left out. Ours vary little, and being parsed and planned for every row was the
//! greater part of what they cost (`docs/performance.md` has the figures).

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// A statement whose text has a few variants at most: each is prepared once a connection, and found again by its text.
///
/// Not for statements with as many parameters as there are rows: the memory of every connection would grow with each
/// new length.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<Q>(Q);

/// Gives statements the method; import it `as _`.
pub trait Prepare: Sized {
    /// Lets PostgreSQL remember this statement: `insert_into(…).values(…).prepared().execute(connection)`.
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}

impl<Q: QueryFragment<Pg>> Prepare for Q {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Statements that answer rows, such as `UPDATE … RETURNING`, answer them still.
impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}
