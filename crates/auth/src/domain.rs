//! The rules of accounts, sessions and tokens: types that cannot be wrong. Nothing here knows of HTTP or SQL.

pub mod account;
pub mod clients;
pub mod credentials;
pub mod letters;
pub mod session;
pub mod token;

pub use account::{Account, Profile};
pub use clients::{Clients, ClientsError, TokenClient};
pub use credentials::{Email, Fault, InvalidSignUp, Password, SignUp};
pub use session::{Lifetimes, Presented, Session, Verdict};
pub use token::{OpaqueToken, TokenHash};
