//! The OpenAPI document: what the handlers' annotations say, plus what holds for all routes: names in paths, security
//! from the access table, problem documents.

use axum::http::Method;
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, ObjectBuilder, PathItem, Ref, RefOr, Required, ResponseBuilder,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::Type,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    access::{ROUTES, Route},
    idempotency, metrics,
    problem::ProblemDocument,
    routes::{
        audit, backups, blocks, chats, consents, credentials, deletion, docs, export, health, holds,
        messages, receipts, records, requests, saves, settings, subjects,
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Oubliette",
        description = "An encrypted vault for saves, chats and credentials that can truly forget. Every refusal is an \
            RFC 9457 problem document with a stable `code`. A write with a random `Idempotency-Key` that was carried out \
            before is answered as it was then, for a day at least, and has no second effect."
    ),
    components(schemas(ProblemDocument)),
    paths(
        health::live,
        health::ready,
        docs::openapi_json,
        metrics::get,
        audit::list,
        backups::begin,
        backups::list,
        backups::get,
        receipts::get,
        receipts::checkpoint,
        receipts::take,
        receipts::proof,
        receipts::consistency,
        subjects::put,
        subjects::get,
        saves::list,
        saves::put,
        saves::get,
        saves::delete,
        saves::versions,
        saves::prefetch::get,
        saves::keep::put,
        saves::keep::get,
        saves::keep::delete,
        saves::share::put,
        saves::share::get,
        saves::share::delete,
        saves::share::follow,
        settings::put_follow_play,
        settings::get_follow_play,
        settings::delete_follow_play,
        export::export,
        chats::list,
        chats::set,
        chats::forget,
        messages::append,
        messages::read,
        messages::append_batch,
        messages::forget,
        blocks::list,
        blocks::block,
        blocks::unblock,
        credentials::list,
        credentials::put,
        credentials::get,
        credentials::delete,
        credentials::guard_code,
        credentials::confirmation_key,
        credentials::release,
        consents::history,
        consents::give,
        consents::withdraw,
        deletion::request,
        deletion::get,
        deletion::cancel,
        deletion::waiting,
        deletion::approve,
        holds::list,
        holds::place,
        holds::lift,
        records::list,
        records::list_of,
        records::put,
        records::get,
        records::delete,
        requests::add,
        requests::list,
        requests::answer,
        requests::open,
    )
)]
struct Document;

/// The whole document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A token made by `oubliette token create`; each operation names the scope it needs.",
        ))
        .build();
    if let Some(components) = document.components.as_mut() {
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
    for route in ROUTES {
        let item = document.paths.paths.get_mut(route.path);
        if let Some(operation) = item.and_then(|item| operation(item, &route.method)) {
            complete(operation, route);
        }
    }
    document
}

pub(crate) fn operation<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::HEAD => item.head.as_mut(),
        Method::PUT => item.put.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        _ => None,
    }
}

/// Adds what every operation has.
fn complete(operation: &mut Operation, route: &Route) {
    operation.operation_id = Some(operation_id(route));
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = names.map(|name| RefOr::T(path_parameter(name))).collect();
    parameters.extend(operation.parameters.take().unwrap_or_default());
    let keyed = idempotency::taken_by(&route.method, route.path);
    if keyed {
        parameters.push(RefOr::T(idempotency_key()));
    }
    if !parameters.is_empty() {
        operation.parameters = Some(parameters);
    }
    let mut refusals = vec![("503", "busy or not able to work")];
    match route.scope {
        None => operation.security = Some(Vec::new()),
        Some(scope) => {
            operation.security = Some(vec![SecurityRequirement::new("token", [scope.as_str()])]);
            refusals.extend([
                ("400", "invalid request; `field` names what is at fault"),
                ("401", "no usable token"),
                ("403", "the token lacks the scope, or the person, peer or a missing consent forbids it"),
                ("404", "no such person or item"),
                ("410", "erased"),
                ("423", "blocked: an erasure has begun"),
                ("500", "damaged data or a failure of the service"),
                ("507", "the person's quota or the disk is full"),
            ]);
            if route.method == Method::DELETE {
                refusals.push(("413", "too many deletions of this person wait already"));
            }
            if operation.request_body.is_some() {
                refusals.extend([("408", "the body stopped arriving"), ("413", "too large")]);
                refusals.push(("415", "wrong media type"));
            }
            if route.path.starts_with("/v1/backups") {
                refusals.extend([("409", "a backup is running"), ("502", "the place for backups failed")]);
            }
            if route.path.contains("/deletion") && route.method != Method::GET {
                refusals.push(("409", "due already, held by law, or something else waits for approval"));
            }
            if route.path.ends_with("/release") {
                refusals.push(("409", "a request of this name was answered before"));
            }
            if keyed {
                refusals.extend([
                    ("408", "the body stopped arriving"),
                    (
                        "409",
                        "held by law, or a request with this Idempotency-Key is under way or lost its answer",
                    ),
                    ("422", "the Idempotency-Key was used for another request"),
                ]);
            }
            if route.path.ends_with("/{slot}") && route.method != Method::DELETE {
                refusals.extend([("412", "another version stands; see `current`")]);
                match route.method {
                    Method::PUT => refusals.push(("428", "this service requires a precondition")),
                    _ => refusals.push(("416", "the range lies outside the content")),
                }
            }
        }
    }
    for (status, description) in refusals {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", content)
            .build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}

/// `get_v1_subjects_user_saves_game_slot`: unique, and stable as long as the route is.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(route.method.as_str().to_ascii_lowercase())
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("_")
}

fn idempotency_key() -> utoipa::openapi::path::Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[ -~]+$"))
        .build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("names the request, so that it takes effect once however often it is sent"))
        .schema(Some(schema))
        .build()
}

fn path_parameter(name: &str) -> utoipa::openapi::path::Parameter {
    let schema =
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(256)).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("1 to 256 bytes of UTF-8, percent-encoded"))
        .schema(Some(schema))
        .build()
}
