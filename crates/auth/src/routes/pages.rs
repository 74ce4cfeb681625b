//! The few pages that people see: self-contained, without scripts and styles, so that the browser can forbid them all.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};

use super::problems::SPENT_LINK;

/// Nothing may be loaded or run, nobody may frame the page, and its form goes to ourselves only.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page behind the link in the mail. The token stands in it again, so it is escaped: anybody can make a link.
pub fn ask_to_confirm(token: &str) -> HttpResponse {
    let token = escape(token);
    page(
        StatusCode::OK,
        "Is this your address?",
        &format!(
            "<p>Press the button to open your account.</p>\n\
             <form method=\"post\" action=\"verify-email\">\n\
             <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
             <button>Yes, this is my address</button>\n\
             </form>"
        ),
    )
}

/// It worked.
pub fn confirmed() -> HttpResponse {
    page(
        StatusCode::OK,
        "Thank you",
        "<p>Your address is confirmed and your account is open. You can sign in now.</p>",
    )
}

/// It did not.
pub fn spent_link() -> HttpResponse {
    page(
        SPENT_LINK.status,
        "This link does not work any more",
        "<p>It has been used, has expired, or a newer one was sent.</p>\n\
         <p>If you have pressed the button before, your account is open: sign in. If not, sign up again.</p>",
    )
}

fn page(status: StatusCode, heading: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{heading} - Backbone Books</title>\n</head>\n<body>\n<h1>{heading}</h1>\n{body}\n</body>\n</html>\n"
    );
    HttpResponse::build(status)
        .insert_header(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html)
}

/// The five characters that mean something in HTML.
fn escape(text: &str) -> String {
    let escape_char = |character| match character {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => String::from(other),
    };
    text.chars().map(escape_char).collect()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_means_something_in_html_is_escaped() {
        assert_eq!(
            escape("\"><script>alert('&')</script>"),
            "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"
        );
    }
}
