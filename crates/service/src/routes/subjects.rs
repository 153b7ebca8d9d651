//! People.

use std::collections::BTreeMap;

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{Quota, Quotas, SubjectFacts, SubjectInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    extract::{Json, Names, Params},
    problem::Problem,
    state::App,
    times,
};

/// What is kept about a person beside their content.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubjectBody {
    /// Where the person's content belongs.
    #[schema(example = "cn-east")]
    region: Option<String>,
    /// The year of birth. Who is, or may be, under 14 needs a guardian's consent; what was stored without one is forgotten.
    #[schema(example = 1990, minimum = 1900)]
    birth_year: Option<u16>,
    /// What shows a guardian's consent; recorded as the consent `guardian`.
    guardian_consent: Option<String>,
    /// How much the person may store; in place of what was set before. Where it says nothing, the vault's own limits stand.
    quota: Option<QuotaBody>,
}

/// Limits by class, and over all of them.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<LimitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saves: Option<LimitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<LimitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<LimitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<LimitBody>,
}

/// Most of one thing; without limit where absent.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitBody {
    /// As stored: sealed, compressed, padded.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Save versions, messages, accounts, records.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
}

impl From<QuotaBody> for Quotas {
    fn from(body: QuotaBody) -> Self {
        let of = |limit: Option<LimitBody>| {
            limit.map(|LimitBody { bytes, items }| Quota { bytes, items }).unwrap_or_default()
        };
        let QuotaBody { total, saves, chat, credentials, records } = body;
        Self {
            total: of(total),
            saves: of(saves),
            chat: of(chat),
            credentials: of(credentials),
            records: of(records),
        }
    }
}

impl From<Quotas> for QuotaBody {
    fn from(quotas: Quotas) -> Self {
        let of = |quota: Quota| {
            let Quota { bytes, items } = quota;
            (quota != Quota::default()).then_some(LimitBody { bytes, items })
        };
        Self {
            total: of(quotas.total),
            saves: of(quotas.saves),
            chat: of(quotas.chat),
            credentials: of(quotas.credentials),
            records: of(quotas.records),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Reopen {
    /// Create the person anew although an erasure under this id is remembered.
    #[serde(default)]
    reopen: bool,
}

/// A person, without content.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectView {
    user: String,
    #[schema(example = "active")]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_year: Option<u16>,
    /// RFC 3339, UTC.
    created: String,
    /// What is stored, per class.
    usage: BTreeMap<&'static str, UsageView>,
    /// The limits that stand, the person's own and the vault's; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaBody>,
    /// Whether the person lets others follow their play at all.
    follow_play: bool,
}

/// Usage of one class of content.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageView {
    items: u64,
    /// As stored: sealed, compressed, padded.
    bytes: u64,
}

impl From<SubjectInfo> for SubjectView {
    fn from(info: SubjectInfo) -> Self {
        let usage =
            info.usage.into_iter().map(|u| (u.class, UsageView { items: u.items, bytes: u.bytes })).collect();
        Self {
            user: info.user,
            state: info.state,
            region: info.region,
            birth_year: info.birth_year,
            created: times::text(info.created),
            usage,
            quota: (!info.quotas.is_none()).then(|| info.quotas.into()),
            follow_play: info.follow_play,
        }
    }
}

/// Creates a person or updates the facts about them; no other route creates one.
#[utoipa::path(put, path = "/v1/subjects/{user}", tag = "subjects", params(Reopen), request_body = Option<SubjectBody>,
    responses((status = 201, description = "created", body = SubjectView),
              (status = 200, description = "updated", body = SubjectView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names(user): Names<String>,
    Params(Reopen { reopen }): Params<Reopen>,
    Json(body): Json<SubjectBody, 65_536>,
) -> Result<(StatusCode, Answer<SubjectView>), Problem> {
    let SubjectBody { region, birth_year, guardian_consent, quota } = body;
    let facts = SubjectFacts { region, birth_year, guardian_consent };
    let quotas = quota.map(Quotas::from);
    let (info, created) = app
        .run(move |vault| {
            let (info, created) = vault.put_subject(&user, &facts, reopen)?;
            let Some(quotas) = quotas else { return Ok((info, created)) };
            let subject = vault.subject(&user)?;
            subject.set_quotas(&quotas)?;
            Ok((subject.info()?, created))
        })
        .await?;
    Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, Answer(info.into())))
}

/// State, region, usage; no content.
#[utoipa::path(get, path = "/v1/subjects/{user}", tag = "subjects", responses((status = 200, body = SubjectView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<SubjectView>, Problem> {
    let info = app.with_subject(user, |subject| subject.info()).await?;
    Ok(Answer(info.into()))
}
