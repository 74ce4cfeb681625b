//! Sessions: how long one lasts, and what it means to see a refresh token.
//!
//! Every refresh token works once and is exchanged for its successor (RFC 9700 §4.14.2). To see a used one again means
//! that two parties have it, and nobody can say which of them is the thief: the session ends for both.
//! The one exception is the answer that got lost on its way: a client that asks again at once, with the token whose
//! successor nobody has used yet, gets that same successor.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How soon a client that has lost our answer must ask again.
const GRACE: TimeDelta = TimeDelta::seconds(10);
/// How often a session can be refreshed: twice what refreshing every ten minutes for thirty days comes to.
pub const MOST_ROTATIONS: i32 = 10_000;
/// How many live sessions an account can have; the oldest makes room.
pub const MOST_SESSIONS: i64 = 20;

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Without being used.
    pub idle: TimeDelta,
    /// At all.
    pub absolute: TimeDelta,
}

impl Lifetimes {
    /// When a session that began at `created` ends if it is not used after `now`.
    pub fn expiry(&self, created: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        (now + self.idle).min(created + self.absolute)
    }
}

/// One sign-in, and everything that was refreshed from it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Names it: the `sid` of tokens.
    pub id: Uuid,
    /// Whose it is.
    pub account_id: Uuid,
    /// When the person proved who they are.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was ended before that.
    pub ended_at: Option<DateTime<Utc>>,
    /// How often it was refreshed.
    pub rotations: i32,
}

impl Session {
    /// Whether it can still be used.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.expires_at && self.rotations < MOST_ROTATIONS
    }
}

/// A refresh token that somebody presents, as we know it.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// When it was used before, if it was.
    pub used_at: Option<DateTime<Utc>>,
    /// Whether its successor exists and has not been used: then this is the immediate parent of the live token.
    pub successor_is_unused: bool,
}

/// What is to be done about a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Mark it as used, and hand out its successor.
    Rotate,
    /// Hand out the same successor again.
    Repeat,
    /// Somebody else has it too: end the session.
    Replayed,
    /// The session is over.
    Over,
}

/// Judges a presented token of `session`.
pub fn judge(session: &Session, presented: Presented, now: DateTime<Utc>) -> Verdict {
    if !session.is_live(now) {
        return Verdict::Over;
    }
    match presented.used_at {
        None => Verdict::Rotate,
        Some(used_at) if presented.successor_is_unused && now - used_at <= GRACE => Verdict::Repeat,
        Some(_) => Verdict::Replayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn session() -> Session {
        Session {
            id: Uuid::nil(),
            account_id: Uuid::nil(),
            created_at: at(0),
            expires_at: at(1000),
            ended_at: None,
            rotations: 1,
        }
    }

    fn used(seconds: i64, successor_is_unused: bool) -> Presented {
        Presented { used_at: Some(at(seconds)), successor_is_unused }
    }

    const FRESH: Presented = Presented { used_at: None, successor_is_unused: false };

    #[test]
    fn a_fresh_token_is_rotated() {
        assert_eq!(judge(&session(), FRESH, at(999)), Verdict::Rotate);
    }

    #[test]
    fn a_lost_answer_is_repeated_for_ten_seconds() {
        assert_eq!(judge(&session(), used(100, true), at(110)), Verdict::Repeat);
        assert_eq!(judge(&session(), used(100, true), at(111)), Verdict::Replayed);
    }

    #[test]
    fn a_grandparent_is_a_replay_however_soon() {
        assert_eq!(judge(&session(), used(100, false), at(100)), Verdict::Replayed);
    }

    #[test]
    fn nothing_can_be_done_with_a_session_that_is_over() {
        let ended = Session { ended_at: Some(at(5)), ..session() };
        let worn_out = Session { rotations: MOST_ROTATIONS, ..session() };
        for (session, now) in [(session(), 1000), (ended, 6), (worn_out, 6)] {
            for presented in [FRESH, used(now, true), used(now, false)] {
                assert_eq!(judge(&session, presented, at(now)), Verdict::Over);
            }
        }
    }

    #[test]
    fn use_moves_the_idle_end_but_never_the_absolute_one() {
        let lifetimes = Lifetimes { idle: TimeDelta::days(7), absolute: TimeDelta::days(30) };
        let day = |day: i64| at(day * 86_400);
        assert_eq!(lifetimes.expiry(day(0), day(1)), day(8));
        assert_eq!(lifetimes.expiry(day(0), day(29)), day(30));
    }
}
