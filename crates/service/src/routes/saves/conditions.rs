//! Preconditions by entity tag (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderName, header};
use oubliette_store::{Condition, SaveInfo, Saves, VaultError};

use crate::problem::Problem;

/// What a write demands of the version that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Anything goes.
    Nothing,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match: *`
    Present,
    /// One of these tags.
    OneOf(Vec<Tag>),
}

/// An entity tag as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    weak: bool,
    /// Without its quotes.
    opaque: String,
}

impl Wanted {
    /// The precondition of a write.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let none_match = tags(headers, &header::IF_NONE_MATCH)?;
        let matches = tags(headers, &header::IF_MATCH)?;
        match (none_match, matches) {
            (Some(_), Some(_)) => {
                Err(Problem::invalid("If-Match", "send If-Match or If-None-Match, not both"))
            }
            (Some(Tags::Any), None) => Ok(Self::Absent),
            (Some(Tags::These(_)), None) => {
                Err(Problem::invalid("If-None-Match", "a write takes only `If-None-Match: *`"))
            }
            (None, Some(Tags::Any)) => Ok(Self::Present),
            (None, Some(Tags::These(tags))) => Ok(Self::OneOf(tags)),
            (None, None) => Ok(Self::Nothing),
        }
    }

    /// The version that one tag alone names.
    pub(super) fn single(&self) -> Option<u64> {
        match self {
            Self::OneOf(tags) => match tags.as_slice() {
                [tag] => tag.version().map(|(version, _)| version),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether one of the tags names this version.
    pub(super) fn allows(&self, info: &SaveInfo) -> bool {
        matches!(self, Self::OneOf(tags) if tags.iter().any(|tag| tag.names(info)))
    }

    /// Refuses early what the vault would refuse as things stand; the vault judges again at the commit.
    pub(super) fn foresee(&self, saves: &Saves, game: &str, slot: &str) -> Result<(), VaultError> {
        let current = match saves.info(game, slot, None) {
            Ok(info) => Some(info),
            Err(VaultError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let holds = match (self, &current) {
            (Self::Nothing, _) | (Self::Absent, None) | (Self::Present, Some(_)) => true,
            (Self::OneOf(tags), Some(info)) => tags.iter().any(|tag| tag.names(info)),
            (Self::Absent, Some(_)) | (Self::Present | Self::OneOf(_), None) => false,
        };
        if holds { Ok(()) } else { Err(VaultError::VersionConflict { current: current.map(Box::new) }) }
    }

    /// The same in the vault's terms, which judges it again at the commit. Only what the vault cannot say (several
    /// tags, `*`) is looked up here first; a writer who comes in between is then answered 412.
    pub(super) fn condition(self, saves: &Saves, game: &str, slot: &str) -> Result<Condition, VaultError> {
        let tags = match self {
            Self::Nothing => return Ok(Condition::None),
            Self::Absent => return Ok(Condition::Absent),
            Self::Present => Vec::new(),
            Self::OneOf(tags) => {
                if let [tag] = tags.as_slice()
                    && let Some((version, salt)) = tag.version()
                {
                    return Ok(Condition::Version(version, salt));
                }
                tags
            }
        };
        let current = match saves.info(game, slot, None) {
            Ok(info) => info,
            Err(VaultError::NotFound { .. }) => return Err(VaultError::VersionConflict { current: None }),
            Err(error) => return Err(error),
        };
        if tags.is_empty() || tags.iter().any(|tag| tag.names(&current)) {
            Ok(Condition::Version(current.version, Some(current.tag)))
        } else {
            Err(VaultError::VersionConflict { current: Some(Box::new(current)) })
        }
    }
}

/// What a read's preconditions say.
pub(super) enum Judged {
    Send,
    /// 304
    NotModified,
}

/// Judges `If-Match` and `If-None-Match` of a read, in the order of RFC 9110, section 13.2.2.
pub(super) fn judge(headers: &HeaderMap, info: &SaveInfo) -> Result<Judged, Problem> {
    if let Some(Tags::These(tags)) = tags(headers, &header::IF_MATCH)?
        && !tags.iter().any(|tag| tag.names(info))
    {
        return Err(Problem::version_conflict(Some(info), None));
    }
    let unchanged = match tags(headers, &header::IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::These(tags)) => tags.iter().any(|tag| tag.is(info)),
    };
    Ok(if unchanged { Judged::NotModified } else { Judged::Send })
}

/// Whether `If-Range` lets a range be sent: absent, or a strong tag of this very version. A date never matches.
pub(super) fn range_allowed(headers: &HeaderMap, info: &SaveInfo) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) => value.as_bytes() == info.etag().as_bytes(),
    }
}

enum Tags {
    Any,
    These(Vec<Tag>),
}

impl Tag {
    /// Whether this is the version's full tag (weak comparison).
    fn is(&self, info: &SaveInfo) -> bool {
        self.opaque == format!("{}-{}", info.version, info.tag)
    }

    /// Whether it names the version, by full tag or by number alone (strong comparison).
    fn names(&self, info: &SaveInfo) -> bool {
        !self.weak && (self.is(info) || self.opaque == info.version.to_string())
    }

    /// The version it names, if it can name one at all.
    fn version(&self) -> Option<(u64, Option<String>)> {
        if self.weak {
            return None;
        }
        let (number, salt) = match self.opaque.split_once('-') {
            Some((number, salt)) => (number, Some(salt.to_owned())),
            None => (self.opaque.as_str(), None),
        };
        let version = number.parse().ok().filter(|version: &u64| version.to_string() == number)?;
        Some((version, salt))
    }
}

/// All tags of a header, which may stand several times.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let bad = || Problem::invalid(name.as_str(), "not a list of entity tags in double quotes, nor `*`");
    let mut found = Vec::new();
    let mut any = false;
    let mut present = false;
    for value in headers.get_all(name) {
        present = true;
        let mut rest = value.to_str().map_err(|_| bad())?.trim();
        if rest == "*" {
            any = true;
            continue;
        }
        while !rest.is_empty() {
            let (weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let (opaque, after) =
                quoted.strip_prefix('"').and_then(|text| text.split_once('"')).ok_or_else(bad)?;
            found.push(Tag { weak, opaque: opaque.to_owned() });
            rest = after.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',').ok_or_else(bad)?.trim_start();
            }
        }
    }
    match (present, any, found.is_empty()) {
        (false, ..) => Ok(None),
        (true, true, true) => Ok(Some(Tags::Any)),
        (true, false, false) => Ok(Some(Tags::These(found))),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }
    fn info() -> SaveInfo {
        SaveInfo {
            game: "g".into(),
            slot: "s".into(),
            version: 3,
            tag: "9f1c".into(),
            size: 0,
            created: 0,
            content_type: None,
            meta: None,
            new_slot: false,
        }
    }

    #[test]
    fn lists_weak_tags_and_stars() {
        let wanted = Wanted::of(&headers(header::IF_MATCH, r#""3", W/"4" ,"5-aa,b""#)).unwrap();
        let Wanted::OneOf(tags) = wanted else { panic!("{wanted:?}") };
        assert_eq!(tags.len(), 3);
        assert_eq!(tags[0].version(), Some((3, None)));
        assert_eq!(tags[1].version(), None, "a weak tag never matches strongly");
        assert_eq!(tags[2].opaque, "5-aa,b");
        assert_eq!(Wanted::of(&headers(header::IF_MATCH, "*")).unwrap(), Wanted::Present);
        assert_eq!(Wanted::of(&headers(header::IF_NONE_MATCH, "*")).unwrap(), Wanted::Absent);
        assert_eq!(Wanted::of(&HeaderMap::new()).unwrap(), Wanted::Nothing);
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for bad in ["3", "\"3", "\"3\" \"4\"", "", "\"3\";\"4\"", "*, \"3\""] {
            assert!(Wanted::of(&headers(header::IF_MATCH, bad)).is_err(), "{bad}");
        }
        assert!(Wanted::of(&headers(header::IF_NONE_MATCH, "\"3\"")).is_err());
    }

    #[test]
    fn a_version_number_is_written_one_way() {
        for (opaque, version) in [("3", Some(3)), ("03", None), ("+3", None), ("x", None), ("", None)] {
            let tag = Tag { weak: false, opaque: opaque.into() };
            assert_eq!(tag.version().map(|v| v.0), version, "{opaque}");
        }
    }

    #[test]
    fn reads_are_judged_in_order() {
        let judged = |name, value| judge(&headers(name, value), &info());
        assert!(matches!(judged(header::IF_NONE_MATCH, "\"3-9f1c\""), Ok(Judged::NotModified)));
        assert!(matches!(judged(header::IF_NONE_MATCH, "W/\"3-9f1c\""), Ok(Judged::NotModified)));
        assert!(matches!(judged(header::IF_NONE_MATCH, "*"), Ok(Judged::NotModified)));
        // The number alone could name other bytes after a restore.
        assert!(matches!(judged(header::IF_NONE_MATCH, "\"3\""), Ok(Judged::Send)));
        assert!(matches!(judged(header::IF_MATCH, "\"3\""), Ok(Judged::Send)));
        assert!(judged(header::IF_MATCH, "\"2\"").is_err());
        assert!(judged(header::IF_MATCH, "W/\"3-9f1c\"").is_err());
        assert!(range_allowed(&headers(header::IF_RANGE, "\"3-9f1c\""), &info()));
        assert!(!range_allowed(&headers(header::IF_RANGE, "W/\"3-9f1c\""), &info()));
        assert!(!range_allowed(&headers(header::IF_RANGE, "Tue, 15 Nov 1994 12:45:26 GMT"), &info()));
    }
}
