//! An issuer of access tokens: what auth is to the other services.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use chassis::clock::Clock;
use chassis::identity::Claims;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use uuid::Uuid;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY_ID: &str = "test-key";

/// Signs tokens, publishes the key that proves it, and grants services their own.
pub struct Issuer {
    key: EncodingKey,
    server: MockServer,
}

impl Issuer {
    /// An issuer with a new key.
    pub async fn start() -> Self {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .unwrap();
        let key = EncodingKey::from_ec_der(document.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(KEY_ID.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let server = MockServer::start().await;
        let published = ResponseTemplate::new(200).set_body_json(JwkSet { keys: vec![jwk] });
        Mock::given(method("GET")).respond_with(published).mount(&server).await;
        let issuer = Self { key, server };
        // As services ask for their own tokens; which service asks does not matter to a test.
        let token = issuer.service("orders", "reservations:write");
        let answer =
            serde_json::json!({"access_token": token, "token_type": "Bearer", "expires_in": 600});
        let granted = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(method("POST"))
            .and(path("/v1/tokens"))
            .respond_with(granted)
            .mount(&issuer.server)
            .await;
        issuer
    }

    /// What the tokens' `iss` is: the setting `identity.issuer`.
    pub fn name(&self) -> String {
        self.server.uri()
    }

    /// Where the key is published: the setting `identity.jwks_url`.
    pub fn jwks_url(&self) -> String {
        self.server.uri()
    }

    /// A token for the person `id`.
    pub fn customer(&self, id: Uuid) -> String {
        self.sign(&self.claims(&id.to_string(), Some(Uuid::new_v4()), &["customer"], ""))
    }

    /// A token for an administrator.
    pub fn admin(&self) -> String {
        self.sign(&self.claims(
            &Uuid::new_v4().to_string(),
            Some(Uuid::new_v4()),
            &["customer", "admin"],
            "",
        ))
    }

    /// A token for the service `name`.
    pub fn service(&self, name: &str, scope: &str) -> String {
        self.sign(&self.claims(name, None, &[], scope))
    }

    /// Claims that are good for ten minutes and every service; change them to make a bad token.
    pub fn claims(&self, sub: &str, sid: Option<Uuid>, roles: &[&str], scope: &str) -> Claims {
        let now = Clock::default().now().timestamp();
        Claims {
            iss: self.name(),
            aud: ["auth", "catalog", "orders"].map(str::to_owned).to_vec(),
            sub: sub.to_owned(),
            exp: now + 600,
            iat: now,
            jti: Uuid::new_v4(),
            client_id: if sid.is_some() { "backbone-web".to_owned() } else { sub.to_owned() },
            auth_time: sid.map(|_| now),
            sid,
            scope: scope.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }

    /// Signs any claims.
    pub fn sign(&self, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(KEY_ID.to_owned());
        encode(&header, claims, &self.key).unwrap()
    }
}
