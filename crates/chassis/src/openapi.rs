//! The documentation of a service: `/openapi.json`, a page at `/docs/` that works offline, and `/problems/{slug}`.

use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpResponse, web};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_swagger_ui::SwaggerUi;

use crate::Problem;
use crate::problem;

/// What every problem's `type` leads to.
const PROBLEMS: &str = include_str!("../../../docs/problems.md");

/// The name under which operations refer to the access token: `security(("access_token" = []))`.
pub const ACCESS_TOKEN: &str = "access_token";

/// Adds what all services share to a generated document: the access token and the problem document.
pub fn complete(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::Http(scheme));
    document
}

/// The document as it is served, and as it is committed: completed and pretty, with a final newline.
pub fn render(document: OpenApi) -> Arc<Rendered> {
    let document = complete(document);
    // Generated documents hold nothing that JSON cannot.
    let json = document.to_pretty_json().unwrap_or_default() + "\n";
    Arc::new(Rendered { json })
}

/// See [`render`].
#[derive(Debug)]
pub struct Rendered {
    /// The served text.
    pub json: String,
}

pub(crate) fn configure(config: &mut web::ServiceConfig, rendered: &Arc<Rendered>) {
    let rendered = Arc::clone(rendered);
    config
        .service(web::resource("/openapi.json").get(move || {
            let json = rendered.json.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(json) }
        }))
        .service(web::resource("/problems/{slug}").get(explain_problem))
        .service(web::resource("/docs").get(async || {
            HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
        }))
        .service(
            web::scope("/docs")
                // The page brings its own scripts and styles and calls only this service.
                .wrap(DefaultHeaders::new().add((
                    CONTENT_SECURITY_POLICY,
                    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
                )))
                .service(SwaggerUi::new("/{_:.*}").config(
                    utoipa_swagger_ui::Config::from("/openapi.json").try_it_out_enabled(true),
                )),
        );
}

/// The section of `docs/problems.md` whose heading is the slug.
async fn explain_problem(slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let heading = format!("## {slug}\n");
    let section =
        PROBLEMS.split_once(&heading).map(|(_, rest)| rest.split("\n## ").next().unwrap_or(rest));
    let section = section.ok_or_else(|| Problem::new(problem::NOT_FOUND))?;
    Ok(HttpResponse::Ok()
        .content_type("text/markdown; charset=utf-8")
        .body(format!("{heading}{section}")))
}
