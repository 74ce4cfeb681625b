//! Access tokens: what they say, and that nobody else can make one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chassis::config::Secret;
use chrono::TimeDelta;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Auth, MASTER_KEY};

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// What somebody has who has broken into both the database and the configuration: the key itself.
struct Thief {
    kid: String,
    key: EncodingKey,
    public_jwk: Jwk,
}

impl Thief {
    async fn new(auth: &Auth) -> Self {
        let query = "SELECT kid, sealed_private, public_jwk::text FROM signing_keys";
        let row = auth.sql().await.query_one(query, &[]).await.unwrap();
        let kid: String = row.get(0);
        let vault = auth::vault::Vault::new(&Secret::new(MASTER_KEY)).unwrap();
        let private = vault.open(&kid, row.get(1)).unwrap();
        let public_jwk = serde_json::from_str(row.get(2)).unwrap();
        Self { kid, key: EncodingKey::from_ec_der(&private), public_jwk }
    }

    fn header(&self) -> Header {
        Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::ES256)
        }
    }

    fn sign(&self, claims: &Value) -> String {
        encode(&self.header(), claims, &self.key).unwrap()
    }
}

fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_token_says_what_services_need_and_nothing_about_the_person() {
    let auth = Auth::start().await;
    let email = auth.register().await;
    let tokens = auth.sign_in(&email).await;
    let account: Value = auth.account(&tokens.access).await.json().await.unwrap();
    let (header, claims) = (part(&tokens.access, 0), claims(&tokens.access));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "aud",
        "auth_time",
        "client_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "roles",
        "scope",
        "sid",
        "sub",
    ];
    assert_eq!(names, expected);
    assert_eq!((&claims["sub"], &claims["scope"]), (&account["id"], &json!("")));
    assert_eq!(
        (&claims["iss"], &claims["client_id"]),
        (&json!("http://localhost:8081"), &json!("backbone-web"))
    );
    assert_eq!(
        (&claims["aud"], &claims["roles"]),
        (&json!(["auth", "catalog", "orders"]), &json!(["customer"]))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_the_password_survives_a_refresh() {
    let auth = Auth::start().await;
    let first = auth.someone().await;
    auth.service.clock.advance(TimeDelta::hours(5));
    let second = auth.refresh(&first).await;
    let (first, second) = (claims(&first.access), claims(&second.access));
    assert_eq!(first["auth_time"], second["auth_time"]);
    assert_eq!(first["sid"], second["sid"]);
    assert_ne!(first["jti"], second["jti"]);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_ten_minutes() {
    let auth = Auth::start().await;
    let tokens = auth.someone().await;
    auth.service.clock.advance(TimeDelta::minutes(10));
    assert_eq!(
        auth.account(&tokens.access).await.status(),
        StatusCode::OK,
        "clocks may differ by half a minute"
    );
    auth.service.clock.advance(TimeDelta::seconds(30));
    assert_eq!(auth.account(&tokens.access).await.status(), StatusCode::UNAUTHORIZED);
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    let auth = Auth::start().await;
    let good = auth.someone().await.access;
    let (thief, claims) = (Thief::new(&auth).await, claims(&good));
    // To begin with, the forger's tools work: what is refused below is refused for what was changed.
    assert_eq!(auth.account(&thief.sign(&claims)).await.status(), StatusCode::OK);

    let (now, strangers_key) = (claims["iat"].as_i64().unwrap(), strangers_key());
    let jwk = serde_json::to_value(&thief.public_jwk).unwrap();
    let none = json!({ "typ": "at+jwt", "alg": "none", "kid": thief.kid });
    let untyped = Header { typ: Some("JWT".to_owned()), ..thief.header() };
    let confused = Header { alg: Algorithm::HS256, ..thief.header() };
    let embedded = Header {
        jwk: Some(Jwk::from_encoding_key(&strangers_key, Algorithm::ES256).unwrap()),
        ..thief.header()
    };
    let public_bytes = EncodingKey::from_secret(jwk.to_string().as_bytes());
    let (head, signature) = (good.split('.').next().unwrap(), good.rsplit('.').next().unwrap());
    let admin = changed(&claims, "roles", json!(["admin"]));
    let forged = [
        ("no signature", format!("{}.{}.", encoded(&none), encoded(&claims))),
        (
            "no algorithm, old signature",
            format!("{}.{}.{signature}", encoded(&none), encoded(&claims)),
        ),
        ("other claims, old signature", format!("{head}.{}.{signature}", encoded(&admin))),
        ("HMAC with the public key", encode(&confused, &claims, &public_bytes).unwrap()),
        ("another type", encode(&untyped, &claims, &thief.key).unwrap()),
        (
            "a stranger's key under our name",
            encode(&thief.header(), &claims, &strangers_key).unwrap(),
        ),
        ("a stranger's key, brought along", encode(&embedded, &claims, &strangers_key).unwrap()),
        (
            "an unknown key",
            encode(&Header { kid: Some("x".into()), ..thief.header() }, &claims, &thief.key)
                .unwrap(),
        ),
        (
            "no key id",
            encode(&Header { kid: None, ..thief.header() }, &claims, &thief.key).unwrap(),
        ),
        ("expired", thief.sign(&changed(&claims, "exp", json!(now - 31)))),
        ("from the future", thief.sign(&changed(&claims, "iat", json!(now + 60)))),
        ("for another service", thief.sign(&changed(&claims, "aud", json!(["catalog"])))),
        ("from another issuer", thief.sign(&changed(&claims, "iss", json!("http://evil.example")))),
        ("not a token", "a.b.c".to_owned()),
        ("empty", String::new()),
    ];
    for (what, token) in forged {
        assert_eq!(auth.account(&token).await.status(), StatusCode::UNAUTHORIZED, "{what}");
    }
    auth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_for_somebody_elses_session_is_refused() {
    let auth = Auth::start().await;
    let (one, other) = (claims(&auth.someone().await.access), claims(&auth.someone().await.access));
    let mixed = Thief::new(&auth).await.sign(&changed(&one, "sid", other["sid"].clone()));
    assert_eq!(auth.account(&mixed).await.status(), StatusCode::UNAUTHORIZED);
    auth.stop().await;
}

fn strangers_key() -> EncodingKey {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .unwrap();
    EncodingKey::from_ec_der(key.as_ref())
}
