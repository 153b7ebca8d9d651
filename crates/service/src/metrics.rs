//! `GET /metrics`: what the service did since its start and how the vault is, in the OpenMetrics text format that Prometheus reads.
//!
//! Labels are methods and route templates of the table of routes, never what a client sent: a path names a person, and a made-up method would
//! grow the table.

use std::time::Duration;

use axum::{
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use oubliette_store::{Status, Vault};
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{access::ROUTES, problem::Problem, state::App};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    method: &'static str,
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: &'static str,
    status: u16,
}

/// Counted by the outermost layer.
pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<Answer, Counter>,
    seconds: Family<Operation, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("oubliette");
        let answers = Family::<Answer, Counter>::default();
        registry.register("answers", "Answers by method, route template and status", answers.clone());
        // From a millisecond to a minute.
        let seconds = Family::<Operation, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.001, 4.0, 9))
        });
        registry.register(
            "answer_seconds",
            "Time until the head of an answer was ready; its audit record is durable by then",
            seconds.clone(),
        );
        Self { registry, answers, seconds }
    }
}

impl Metrics {
    pub(crate) fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        // HEAD reads what GET reads.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let listed = ROUTES.iter().find(|listed| listed.path == route && listed.method == *method);
        let (method, route) = listed.map_or(("", ""), |listed| (listed.method.as_str(), listed.path));
        self.answers.get_or_create(&Answer { method, route, status: status.as_u16() }).inc();
        self.seconds.get_or_create(&Operation { method, route }).observe(took.as_secs_f64());
    }
}

/// What the service did since its start and how the vault is, for Prometheus. Names nobody.
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn get(State(app): State<App>) -> Result<Response, Problem> {
    // A vault that cannot say how it is is not ready, and says so.
    let (status, ready) =
        app.run_now(|vault: &Vault| Ok((vault.status().ok(), vault.not_ready().is_empty()))).await?;
    let ready = ready && status.is_some();
    let mut text = String::new();
    encode_registry(&mut text, &of_vault(status, ready))
        .and_then(|()| encode_registry(&mut text, &app.metrics.registry))
        .and_then(|()| encode_eof(&mut text))
        .map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn of_vault(status: Option<Status>, ready: bool) -> Registry {
    let mut registry = Registry::with_prefix("oubliette");
    let mut gauge = |name: &str, help: &str, value: i64| {
        registry.register(name, help, ConstGauge::new(value));
    };
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    gauge("ready", "1 while the vault can take reads and writes", i64::from(ready));
    let Some(status) = status else { return registry };
    gauge("subjects", "People in the vault", whole(status.subjects));
    gauge("rows", "Rows", whole(status.rows));
    gauge("row_bytes", "Bytes of keys and values of rows", whole(status.row_bytes));
    gauge("rows_disk_bytes", "Bytes that rows occupy on disk", whole(status.rows_disk));
    gauge("blobs_disk_bytes", "Bytes that blobs occupy on disk", whole(status.blob_disk));
    gauge("sweep_queue", "Erased people whose rows may still be there", whole(status.sweep_queue));
    let (copied, all) = status.compaction.unwrap_or_default();
    gauge("compaction_rows_copied", "Rows copied by the compaction under way; 0 without one", whole(copied));
    gauge("compaction_rows", "Rows that it has to copy; 0 without one", whole(all));
    gauge(
        "clock_ahead_seconds",
        "Wall clock against the time by which things are forgotten",
        status.clock_ahead,
    );
    gauge("problems", "Findings that an operator should look at", whole(status.problems.len() as u64));
    registry.register("commits", "Commits of the key plane", ConstCounter::new(status.generation));
    for (class, forgotten) in status.forgotten {
        let labels = registry.sub_registry_with_label(("class".into(), class.into()));
        labels.register("forgotten", "Values forgotten since the start", ConstCounter::new(forgotten));
    }
    registry
}
