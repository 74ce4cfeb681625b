//! What we write to people. ASCII only, so that no mail program and no encoding can break a link.

use chassis::mail::Mail;

use super::Email;

/// To an address that somebody wants an account for.
pub fn confirm_address(to: &Email, link: &str, minutes: i64, id: &str) -> Mail {
    Mail {
        to: to.as_str().to_owned(),
        subject: "Please confirm your address".to_owned(),
        text: format!(
            "Welcome to Backbone Books.\n\n\
             Please confirm that this is your address:\n\n{link}\n\n\
             The link works once and for {minutes} minutes; if you asked more than once, only the newest works.\n\n\
             If you did not sign up, do not use the link: nothing happens without it.\n"
        ),
        id: id.to_owned(),
    }
}

/// To an address that has an account already. Whoever signed up learns nothing of it from our answer; this mail is how
/// the owner does.
pub fn already_registered(to: &Email, id: &str) -> Mail {
    Mail {
        to: to.as_str().to_owned(),
        subject: "You already have an account".to_owned(),
        text: "Somebody, perhaps you, has just signed up at Backbone Books with this address.\n\n\
               You already have an account, and nothing about it has changed: sign in with the password that you \
               chose then.\n\n\
               If it was not you, there is nothing to do.\n"
            .to_owned(),
        id: id.to_owned(),
    }
}
