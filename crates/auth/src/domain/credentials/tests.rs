//! What is refused as a password, and what is not.

use proptest::prelude::*;

use super::*;

fn choose(password: &str) -> Result<Password, &'static str> {
    Password::choose(password, Email::parse("bartleby+shop@example.com").as_ref())
}

#[test]
fn two_spellings_of_an_address_are_one() {
    assert_eq!(Email::parse(" Reader@Example.COM\n"), Email::parse("reader@example.com"));
}

#[test]
fn what_is_no_address_is_refused() {
    let too_long = format!("{}@{}.example", "a".repeat(64), "b.".repeat(95));
    for text in [
        "",
        "reader",
        "reader@",
        "@example.com",
        "reader@example.com, other@example.com",
        "reader@example.com\r\nBcc: other@example.com",
        "reader@localhost",
        "reader@[127.0.0.1]",
        "re..ader@example.com",
        ".reader@example.com",
        "reader.@example.com",
        "r\u{e9}ader@example.com",
        &too_long,
    ] {
        assert_eq!(Email::parse(text), None, "{text}");
    }
}

#[test]
fn length_counts_code_points_after_normalisation() {
    // Fifteen times "é" as two code points each, which NFKC composes into one; fourteen are too few.
    assert!(choose(&"e\u{301}".repeat(15)).is_ok());
    assert!(choose(&"e\u{301}".repeat(14)).unwrap_err().contains("at least 15"));
    // Four bytes each, but one code point.
    assert!(choose(&"\u{1f4d6}".repeat(256)).is_ok());
    assert!(choose(&"\u{1f4d6}".repeat(257)).unwrap_err().contains("at most 256"));
}

#[test]
fn two_keyboards_make_one_password() {
    let (composed, decomposed) =
        ("caf\u{e9} cr\u{e8}me br\u{fb}l\u{e9}e", "cafe\u{301} cre\u{300}me bru\u{302}le\u{301}e");
    assert_eq!(choose(composed).unwrap().expose(), Password::offered(decomposed).expose());
}

#[test]
fn no_character_is_asked_for_or_forbidden() {
    for password in [
        "i would prefer not to",
        "000 111 222 333 444",
        "\u{85cf}\u{66f8}\u{306e}\u{591c}".repeat(4).as_str(),
    ] {
        assert!(choose(password).is_ok(), "{password}");
    }
}

#[test]
fn what_everybody_tries_first_is_refused() {
    assert!(choose("Passwordpassword").is_err());
    assert!(choose("123456789012345").is_err());
}

#[test]
fn our_name_and_the_name_of_the_address_are_refused() {
    assert!(choose("my BackBone password").is_err());
    assert!(choose("Bartleby the scrivener").is_err());
    assert!(
        Password::choose("a short name is no context", Email::parse("a@example.com").as_ref())
            .is_ok()
    );
}

#[test]
fn the_blocklist_holds_only_what_the_length_lets_through() {
    for common in BLOCKLIST.lines() {
        assert!(common.chars().count() >= SHORTEST_PASSWORD, "{common}");
        assert_eq!(common, common.to_lowercase());
    }
}

#[test]
fn both_faults_are_named_at_once() {
    let faults = SignUp::parse("reader", "short").unwrap_err().0;
    assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), ["email", "password"]);
}

#[test]
fn printing_masks() {
    let sign_up = SignUp::parse("reader@example.com", "https://i-would-prefer.not/to").unwrap();
    assert_eq!(format!("{sign_up:?}"), "SignUp { email: Email(***), password: Password(***) }");
}

proptest! {
    #[test]
    fn whatever_is_typed_nothing_panics(email in ".*", password in ".*") {
        let _ = SignUp::parse(&email, &password);
    }

    #[test]
    fn an_address_that_was_read_reads_the_same_again(email in "[A-Za-z.+]{1,20}@[A-Za-z]{1,10}\\.[A-Za-z]{2,5}") {
        if let Some(email) = Email::parse(&email) {
            prop_assert_eq!(Email::parse(email.as_str()), Some(email));
        }
    }
}
