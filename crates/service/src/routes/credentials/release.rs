//! The one way in which a stored secret leaves: sealed by HPKE to a key registered with the caller's token.

use axum::{Extension, Json as Answer, extract::State};
use data_encoding::BASE64URL_NOPAD;
use oubliette_store::{Recipient, ReleaseRequest, Released};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    audit::Facts,
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
    tokens::Grant,
};

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseBody {
    /// Which fields.
    #[schema(min_items = 1, example = json!(["refresh_token"]))]
    fields: Vec<String>,
    /// What for: a use, never a person. The person sees it, and it stays in the audit log. Letters, digits, `_`, `-`, `.`, `:`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "cloud_sign_in")]
    purpose: String,
    /// Name or id of a release key of the caller's token.
    #[schema(max_length = 64)]
    recipient: String,
    /// The request's own random name, never used again; a random one, if absent. Letters, digits, `_`, `-`, `.`, `:`.
    #[schema(min_length = 16, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$")]
    request: Option<String>,
}

/// A sealed answer. It opens by HPKE (RFC 9180), mode base, with `info` and `aad` made of these members as
/// docs/formats.md, "Released answers", says; inside is JSON, `{"account", "fields": {name: value}}`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReleaseView {
    /// The answer's random name, in hexadecimal.
    release: String,
    /// The vault that answers, in hexadecimal.
    vault: String,
    request: String,
    purpose: String,
    recipient: RecipientView,
    /// Which fields are inside.
    fields: Vec<String>,
    /// RFC 3339.
    created: String,
    /// Always DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, by their numbers in RFC 9180.
    #[schema(example = "0020-0001-0002")]
    suite: &'static str,
    /// The encapsulated key, base64url.
    enc: String,
    /// Base64url.
    ciphertext: String,
}

/// A registered release key.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecipientView {
    name: String,
    /// Its id, in hexadecimal.
    key: String,
}

/// Fields of an account, sealed to a public key that is registered with the caller's token (`oubliette token create --release-key`).
/// Each request is answered once.
#[utoipa::path(post, path = "/v1/subjects/{user}/credentials/steam/{account}/release", tag = "credentials",
    request_body = ReleaseBody, responses((status = 200, body = ReleaseView)))]
pub(crate) async fn release(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
    Extension(grant): Extension<Grant>,
    Extension(facts): Extension<Facts>,
    Json(body): Json<ReleaseBody, 8_192>,
) -> Result<Answer<ReleaseView>, Problem> {
    let registered = grant.release_key(&body.recipient).ok_or_else(|| {
        let reason = "the token has no release key of this name or id; `oubliette token create --release-key` registers one";
        Problem::invalid("recipient", reason)
    })?;
    let asked = ReleaseRequest {
        fields: body.fields,
        purpose: body.purpose,
        request: body.request,
        recipient: Recipient { name: registered.name().to_owned(), key: registered.id().to_owned() },
        key: *registered.key(),
    };
    if let Some(purpose) = asked.purpose_for_logs() {
        facts.note(purpose.to_owned());
    }
    let released =
        app.with_subject(user, move |subject| subject.credentials().release(&account, &asked)).await?;
    note(&grant, &released);
    Ok(Answer(released.into()))
}

/// Who got what, before the answer leaves. Neither the person nor the account is named, nor what it was for: the account keeps that, and the
/// audit log, where no name leads to the person any more once they are erased.
fn note(grant: &Grant, released: &Released) {
    let Released { release, recipient, fields, .. } = released;
    let (name, key, fields) = (&recipient.name, &recipient.key, fields.join(" "));
    tracing::info!(token = grant.name, release, recipient = name, key, fields, "released");
}

impl From<Released> for ReleaseView {
    fn from(released: Released) -> Self {
        let Recipient { name, key } = released.recipient;
        Self {
            release: released.release,
            vault: released.vault,
            request: released.request,
            purpose: released.purpose,
            recipient: RecipientView { name, key },
            fields: released.fields,
            created: times::text(released.time),
            suite: "0020-0001-0002",
            enc: BASE64URL_NOPAD.encode(&released.enc),
            ciphertext: BASE64URL_NOPAD.encode(&released.ciphertext),
        }
    }
}
