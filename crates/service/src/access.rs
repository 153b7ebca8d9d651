//! Who may call what: one table of routes and scopes, from which requests are judged and the OpenAPI security is made.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    audit,
    problem::Problem,
    state::App,
    tokens::{Grant, Scope},
};

/// One operation of the service.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// `None`: open to everybody.
    pub(crate) scope: Option<Scope>,
}

const fn open(path: &'static str) -> Route {
    Route { method: Method::GET, path, scope: None }
}
const fn needs(scope: Scope, method: Method, path: &'static str) -> Route {
    Route { method, path, scope: Some(scope) }
}

/// Every operation. A route that is missing here is refused to everybody.
pub(crate) const ROUTES: &[Route] = {
    use Scope as S;
    const GET: Method = Method::GET;
    const PUT: Method = Method::PUT;
    const POST: Method = Method::POST;
    const DELETE: Method = Method::DELETE;
    &[
        open("/healthz"),
        open("/readyz"),
        open("/openapi.json"),
        needs(S::Ops, GET, "/metrics"),
        needs(S::AuditRead, GET, "/v1/audit"),
        needs(S::Ops, POST, "/v1/backups"),
        needs(S::Ops, GET, "/v1/backups"),
        needs(S::Ops, GET, "/v1/backups/{id}"),
        needs(S::DeletionRequest, GET, "/v1/receipts/{id}"),
        needs(S::LogWitness, GET, "/v1/log/checkpoint"),
        needs(S::LogWitness, POST, "/v1/log/checkpoint"),
        needs(S::LogWitness, GET, "/v1/log/proof/{id}"),
        needs(S::LogWitness, GET, "/v1/log/consistency"),
        needs(S::SubjectsWrite, PUT, "/v1/subjects/{user}"),
        needs(S::SubjectsRead, GET, "/v1/subjects/{user}"),
        needs(S::ExportRead, GET, "/v1/subjects/{user}/export"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/saves"),
        needs(S::SavesWrite, PUT, "/v1/subjects/{user}/saves/{game}/{slot}"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/saves/{game}/{slot}"),
        needs(S::SavesRead, Method::HEAD, "/v1/subjects/{user}/saves/{game}/{slot}"),
        needs(S::SavesWrite, DELETE, "/v1/subjects/{user}/saves/{game}/{slot}"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/saves/{game}/{slot}/versions"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/saves/{game}"),
        needs(S::SavesWrite, PUT, "/v1/subjects/{user}/saves/{game}/{slot}/retention"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/saves/{game}/{slot}/retention"),
        needs(S::SavesWrite, DELETE, "/v1/subjects/{user}/saves/{game}/{slot}/retention"),
        needs(S::SavesWrite, PUT, "/v1/subjects/{user}/saves/{game}/{slot}/share"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/saves/{game}/{slot}/share"),
        needs(S::SavesWrite, DELETE, "/v1/subjects/{user}/saves/{game}/{slot}/share"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/follow/{owner}/{game}/{slot}"),
        needs(S::SavesWrite, PUT, "/v1/subjects/{user}/settings/follow-play"),
        needs(S::SavesRead, GET, "/v1/subjects/{user}/settings/follow-play"),
        needs(S::SavesWrite, DELETE, "/v1/subjects/{user}/settings/follow-play"),
        needs(S::ChatRead, GET, "/v1/subjects/{user}/chats"),
        needs(S::ChatWrite, PUT, "/v1/subjects/{user}/chats/{peer}"),
        needs(S::ChatWrite, DELETE, "/v1/subjects/{user}/chats/{peer}"),
        needs(S::ChatWrite, POST, "/v1/subjects/{user}/chats/{peer}/messages"),
        needs(S::ChatRead, GET, "/v1/subjects/{user}/chats/{peer}/messages"),
        needs(S::ChatWrite, POST, "/v1/subjects/{user}/chats/{peer}/messages:batch"),
        needs(S::ChatWrite, DELETE, "/v1/subjects/{user}/chats/{peer}/messages/{id}"),
        needs(S::ChatRead, GET, "/v1/subjects/{user}/blocks"),
        needs(S::ChatWrite, PUT, "/v1/subjects/{user}/blocks/{peer}"),
        needs(S::ChatWrite, DELETE, "/v1/subjects/{user}/blocks/{peer}"),
        needs(S::CredentialsRead, GET, "/v1/subjects/{user}/credentials/steam"),
        needs(S::CredentialsWrite, PUT, "/v1/subjects/{user}/credentials/steam/{account}"),
        needs(S::CredentialsRead, GET, "/v1/subjects/{user}/credentials/steam/{account}"),
        needs(S::CredentialsWrite, DELETE, "/v1/subjects/{user}/credentials/steam/{account}"),
        needs(S::CredentialsUse, POST, "/v1/subjects/{user}/credentials/steam/{account}/guard-code"),
        needs(S::CredentialsUse, POST, "/v1/subjects/{user}/credentials/steam/{account}/confirmation-key"),
        needs(S::CredentialsRelease, POST, "/v1/subjects/{user}/credentials/steam/{account}/release"),
        needs(S::SubjectsWrite, POST, "/v1/subjects/{user}/requests"),
        needs(S::ExportRead, GET, "/v1/subjects/{user}/requests"),
        needs(S::SubjectsWrite, PUT, "/v1/subjects/{user}/requests/{id}/answer"),
        needs(S::AuditRead, GET, "/v1/requests"),
        needs(S::ConsentsRead, GET, "/v1/subjects/{user}/consents"),
        needs(S::ConsentsWrite, PUT, "/v1/subjects/{user}/consents/{purpose}"),
        needs(S::ConsentsWrite, DELETE, "/v1/subjects/{user}/consents/{purpose}"),
        needs(S::DeletionRequest, POST, "/v1/subjects/{user}/deletion"),
        needs(S::DeletionRequest, GET, "/v1/subjects/{user}/deletion"),
        needs(S::DeletionRequest, DELETE, "/v1/subjects/{user}/deletion"),
        needs(S::DeletionOverride, GET, "/v1/subjects/{user}/deletion/approval"),
        needs(S::DeletionOverride, POST, "/v1/subjects/{user}/deletion/approval"),
        needs(S::HoldsWrite, GET, "/v1/subjects/{user}/holds"),
        needs(S::HoldsWrite, PUT, "/v1/subjects/{user}/holds/{id}"),
        needs(S::HoldsWrite, DELETE, "/v1/subjects/{user}/holds/{id}"),
        needs(S::RecordsRead, GET, "/v1/subjects/{user}/records"),
        needs(S::RecordsRead, GET, "/v1/subjects/{user}/records/{purpose}"),
        needs(S::RecordsWrite, PUT, "/v1/subjects/{user}/records/{purpose}/{id}"),
        needs(S::RecordsRead, GET, "/v1/subjects/{user}/records/{purpose}/{id}"),
        needs(S::RecordsWrite, DELETE, "/v1/subjects/{user}/records/{purpose}/{id}"),
    ]
};

/// Lets a request pass to its handler only with a token of the route's scope.
pub(crate) async fn authorise(
    State(app): State<App>,
    matched: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    // HEAD reads what GET reads.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Some(route) = ROUTES.iter().find(|route| route.method == *method && route.path == matched.as_str())
    else {
        return refuse_unlisted(matched.as_str());
    };
    let Some(scope) = route.scope else { return next.run(request).await };
    let grant = match grant(&app, &request) {
        Ok(grant) => grant,
        Err(problem) => return problem.into_response(),
    };
    let allowed = grant.allows(scope);
    if !allowed {
        tracing::warn!(token = grant.name, route = route.path, needed = %scope, "refused: scope missing");
    }
    request.extensions_mut().insert(grant.clone());
    // From here on there will be a record, or nothing is done.
    match audit::enter(&app, request, route, scope, grant).await {
        Ok(request) if allowed => next.run(request).await,
        Ok(_) => Problem::forbidden(scope).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// 405 with the methods the table has for this path. Judged here and not by the router, so that a handler which the
/// table does not know is out of reach.
fn refuse_unlisted(path: &str) -> Response {
    let methods: Vec<&str> =
        ROUTES.iter().filter(|route| route.path == path).map(|route| route.method.as_str()).collect();
    let problem = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED);
    match HeaderValue::from_str(&methods.join(", ")) {
        Ok(allowed) => problem.with(header::ALLOW, allowed).into_response(),
        Err(_) => problem.into_response(),
    }
}

fn grant(app: &App, request: &Request) -> Result<Grant, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthorized("send one `Authorization: Bearer <token>` header"));
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Problem::unauthorized("the Authorization header must read `Bearer <token>`"))?;
    match app.tokens.check(token) {
        Ok(Some(grant)) => Ok(grant),
        Ok(None) => Err(Problem::unauthorized(
            "the token is unknown, revoked or expired; ask the operator for another",
        )),
        Err(error) => {
            tracing::error!(%error, "tokens cannot be read; nobody is let in");
            Err(Problem::unavailable("the service cannot read its tokens; its log has the cause"))
        }
    }
}
