//! A person's deletion.

use serde::{Deserialize, Serialize};
use ureq::http::{Method, header};

use crate::{
    error::ClientError,
    http::{Client, json, path},
};

/// What is asked for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewDeletion {
    /// Why: a word of `a-z`, `0-9`, `_`, `-` and `.`.
    pub reason: String,
    /// Days for which it can be taken back; the vault's own, if absent. Fewer need `deletion:override` and a second person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooling_off: Option<u32>,
    /// Also over legal holds; needs the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub override_holds: bool,
}

/// A deletion as far as it is known.
#[derive(Clone, Serialize, Deserialize)]
pub struct DeletionJob {
    /// Which; stands in the receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// `requested`, `cooling_off`, `held`, `blocked`, `erased`, `swept`, `final`.
    pub state: String,
    /// The word that was given for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<String>,
    /// When it can no longer be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Until then.
    pub seconds_left: u64,
    /// A legal hold stands in the way.
    #[serde(default)]
    pub held: bool,
    /// When the last one ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<String>,
    /// When reads and writes were stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Until when the law wants the content kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// When the keys went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
    /// First root generation that cannot open the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_after: Option<u64>,
    /// Until when late requests are answered 410.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence_until: Option<String>,
    /// What was signed about it so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<ReceiptRef>,
    /// What it overrides, or is to override.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overriding: Option<DeletionOverride>,
    /// Told once, by the request that made it: keep it with the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// Neither the reason nor the salt.
impl std::fmt::Debug for DeletionJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { job, state, .. } = self;
        f.debug_struct("DeletionJob").field("job", job).field("state", state).finish_non_exhaustive()
    }
}

/// What is overridden once a second person says yes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeletionOverride {
    /// The cooling-off period.
    pub cooling_off: bool,
    /// Legal holds.
    pub holds: bool,
    /// When the deletion is due once approved.
    pub due: String,
    /// When it was asked for.
    pub asked: String,
    /// From when on nobody may approve it any more.
    pub expires: String,
    /// What the second person approves.
    pub digest: String,
    /// Whether they did.
    pub approved: bool,
}

/// Deleting people.
impl Client {
    /// Asks for a person's deletion. Asked again, the same one is answered, without the salt.
    pub fn request_deletion(&self, user: &str, new: &NewDeletion) -> Result<DeletionJob, ClientError> {
        self.send_json(&path(&["subjects", user, "deletion"]), new)
    }

    /// How far it has come.
    pub fn deletion(&self, user: &str) -> Result<DeletionJob, ClientError> {
        self.call(Method::GET, &path(&["subjects", user, "deletion"]))
    }

    /// Takes it back, until it is due; answers which one.
    pub fn cancel_deletion(&self, user: &str) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            job: String,
        }
        self.call(Method::DELETE, &path(&["subjects", user, "deletion"])).map(|answer: Answer| answer.job)
    }

    /// What waits for a second person.
    pub fn deletion_to_approve(&self, user: &str) -> Result<DeletionJob, ClientError> {
        self.call(Method::GET, &path(&["subjects", user, "deletion", "approval"]))
    }

    /// The second person's yes to exactly this.
    pub fn approve_deletion(&self, user: &str, job: &str, digest: &str) -> Result<DeletionJob, ClientError> {
        #[derive(Serialize)]
        struct Approval<'a> {
            job: &'a str,
            digest: &'a str,
        }
        self.send_json(&path(&["subjects", user, "deletion", "approval"]), &Approval { job, digest })
    }

    fn send_json<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Answer(error.to_string()))?;
        let request = self.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        json(self.send(request, body.as_slice())?)
    }
}

/// A receipt of a deletion, which `Client::receipt` gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiptRef {
    /// `blocked`, `erased`, `final`.
    pub state: String,
    /// Its number.
    pub id: String,
}
