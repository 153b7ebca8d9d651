//! Legal holds.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::{Method, StatusCode, header};

use crate::{
    error::ClientError,
    http::{Client, json, path},
};

/// A hold to be placed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewHold {
    /// Why, at most 1024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends by itself; never, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub id: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was placed.
    pub since: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Only in the answer to placing it: whether it is new; from the status.
    #[serde(skip)]
    pub new: bool,
}

/// Legal holds.
impl Client {
    /// Places a hold, or changes the one of this name.
    pub fn place_hold(&self, user: &str, id: &str, hold: &NewHold) -> Result<Hold, ClientError> {
        let body = serde_json::to_vec(hold).map_err(|error| ClientError::Answer(error.to_string()))?;
        let request = self.request(Method::PUT, &path(&["subjects", user, "holds", id]));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let response = self.send(request, body.as_slice())?;
        let new = response.status() == StatusCode::CREATED;
        json(response).map(|hold: Hold| Hold { new, ..hold })
    }

    /// Lifts a hold.
    pub fn lift_hold(&self, user: &str, id: &str) -> Result<(), ClientError> {
        self.call::<Value>(Method::DELETE, &path(&["subjects", user, "holds", id])).map(drop)
    }

    /// The holds that stand.
    pub fn holds(&self, user: &str) -> Result<Vec<Hold>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            holds: Vec<Hold>,
        }
        self.call(Method::GET, &path(&["subjects", user, "holds"])).map(|answer: Answer| answer.holds)
    }
}
