//! The state page: who a person is, what restricts them, and the not-yet-forgotten part of their tree.

use oubliette_crypto::cover::{Cover, CoverForm};
use oubliette_crypto::{Handle, PageBody, PageId, PageKind, PageRef, Pseudonym, TreeSeed};

use super::Restrictions;
use crate::chain::{read_chain, write_chain};
use crate::codec::{BodyWriter, Malformed, Reader};
use crate::error::{KeyringError, malformed};
use crate::pages::{Open, Pages, Staged};
use crate::user::{MAX_USER_ID, UserId};

const VERSION: u8 = 1;

/// A decoded state page.
pub(crate) struct State {
    pub(crate) identity: Identity,
    pub(crate) restrictions: Restrictions,
    pub(crate) cover: Cover,
    /// The restrictions as they are stored, to notice a change.
    stored: Restrictions,
    chain: Option<PageRef>,
    chain_length: usize,
    chain_pages: Vec<PageId>,
}

/// What never changes about a person.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) handle: Handle,
    pub(crate) pseudonym: Pseudonym,
    /// Seconds since the Unix epoch.
    pub(crate) created: i64,
    pub(crate) user: UserId,
}

impl State {
    /// A new person with a whole tree; `handle` is fresh and random.
    pub(crate) fn fresh(user: UserId, handle: Handle, created: i64) -> Result<Self, KeyringError> {
        let identity = Identity { handle, pseudonym: Pseudonym::random()?, created, user };
        Ok(Self {
            identity,
            restrictions: Restrictions::default(),
            cover: Cover::fresh(TreeSeed::generate()?),
            stored: Restrictions::default(),
            chain: None,
            chain_length: 0,
            chain_pages: Vec::new(),
        })
    }

    pub(crate) fn read(pages: &Pages, page: &PageRef) -> Result<Self, KeyringError> {
        Self::read_by(&mut |kind, page| pages.read_stored(kind, page), page)
    }

    pub(crate) fn read_by(open: &mut Open<'_>, page: &PageRef) -> Result<Self, KeyringError> {
        let body = open(PageKind::State, page)?;
        let mut state = Self::decode(&body).map_err(malformed("state"))?;
        let (bytes, ids) = read_chain(open, state.chain.as_ref(), state.chain_length)?;
        state.restrictions = Restrictions::decode(&bytes).map_err(malformed("state"))?;
        state.stored = state.restrictions.clone();
        state.chain_pages = ids;
        Ok(state)
    }

    /// The state page alone, when what hangs below it is lost.
    pub(crate) fn read_identity(open: &mut Open<'_>, page: &PageRef) -> Result<Identity, KeyringError> {
        let body = open(PageKind::State, page)?;
        Ok(Self::decode(&body).map_err(malformed("state"))?.identity)
    }

    /// Writes the state under fresh keys: the state page always, pages of cover and restrictions where they changed.
    pub(crate) fn write(&mut self, pages: &Pages, staged: &mut Staged) -> Result<PageRef, KeyringError> {
        if self.restrictions != self.stored {
            staged.dead.append(&mut self.chain_pages);
            let before = staged.pages.len();
            let bytes = self.restrictions.encode().map_err(malformed("state"))?;
            self.chain = write_chain(pages, staged, &bytes)?;
            self.chain_length = bytes.len();
            self.chain_pages = staged.pages.iter().skip(before).map(|(id, _)| *id).collect();
            self.stored = self.restrictions.clone();
        }
        let mut dead = Vec::new();
        let packed = self.cover.pack::<KeyringError>(
            &mut |page| load_cover(pages, page),
            &mut |body| {
                let mut copy = PageBody::zeroed();
                copy.expose_mut().copy_from_slice(body.expose());
                staged.write(&pages.vault, PageKind::Cover, copy)
            },
            &mut dead,
        )?;
        staged.dead.extend(dead);
        let body = self.encode(packed.form(), packed.expose()).map_err(malformed("state"))?;
        staged.write(&pages.vault, PageKind::State, body)
    }

    /// Takes out of the cover in memory what waits to be cut: nothing of it is read any more, and its keys are in no memory. The stored cover keeps
    /// it, and whoever changes the person reads that one again.
    pub(crate) fn hide(&mut self, pages: &Pages) -> Result<(), KeyringError> {
        let waiting: Vec<_> = self.restrictions.waiting.iter().map(|(path, _)| *path).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        self.cover.cut(&waiting, &mut |page| load_cover(pages, page), &mut Vec::new())?;
        Ok(())
    }

    /// Names of all pages behind the state page.
    pub(crate) fn page_ids(&self, open: &mut Open<'_>) -> Result<Vec<PageId>, KeyringError> {
        let mut ids = self.chain_pages.clone();
        self.cover.page_ids::<KeyringError>(&mut |page| open(PageKind::Cover, page), &mut ids)?;
        Ok(ids)
    }

    pub(super) fn encode(&self, form: CoverForm, cover: &[u8]) -> Result<PageBody, Malformed> {
        let short = |n: usize| u16::try_from(n).map(u16::to_be_bytes).map_err(|_| Malformed);
        let user = self.identity.user.as_bytes();
        let chain_length = u32::try_from(self.chain_length).map_err(|_| Malformed)?;
        let mut page = BodyWriter::new();
        page.put(&[VERSION])?
            .put(self.identity.handle.as_bytes())?
            .put(self.identity.pseudonym.as_bytes())?
            .put(&self.identity.created.to_be_bytes())?
            .put(&short(user.len())?)?
            .put(user)?
            .skip(MAX_USER_ID.checked_sub(user.len()).ok_or(Malformed)?)?
            .page_ref(self.chain.as_ref())?
            .put(&chain_length.to_be_bytes())?
            .put(&[form as u8])?
            .put(&short(cover.len())?)?
            .put(cover)?;
        Ok(page.finish())
    }

    /// The state without its restrictions, which stand in a chain.
    pub(super) fn decode(body: &PageBody) -> Result<Self, Malformed> {
        let mut fields = Reader::new(body.expose());
        if fields.u8()? != VERSION {
            return Err(Malformed);
        }
        let (handle, pseudonym) = (Handle(fields.array()?), Pseudonym(fields.array()?));
        let created = fields.i64()?;
        let length = usize::from(fields.u16()?);
        let user = std::str::from_utf8(fields.take(length)?).map_err(|_| Malformed)?;
        let user = UserId::new(user).map_err(|_| Malformed)?;
        fields.zeros(MAX_USER_ID.checked_sub(length).ok_or(Malformed)?)?;
        let (chain, chain_length) = (fields.page_ref()?, fields.u32()? as usize);
        let form = CoverForm::try_from(fields.u8()?).map_err(|_| Malformed)?;
        let length = fields.u16()?;
        let cover = Cover::decode(form, fields.take(length.into())?).map_err(|_| Malformed)?;
        fields.rest_is_zero()?;
        Ok(Self {
            identity: Identity { handle, pseudonym, created, user },
            restrictions: Restrictions::default(),
            cover,
            stored: Restrictions::default(),
            chain,
            chain_length,
            chain_pages: Vec::new(),
        })
    }
}

/// A cover page's plaintext. The cache keeps one copy and evicts it when the page dies; this one dies with the call.
pub(crate) fn load_cover(pages: &Pages, page: &PageRef) -> Result<PageBody, KeyringError> {
    let cached = pages.read(PageKind::Cover, page)?;
    let mut body = PageBody::zeroed();
    body.expose_mut().copy_from_slice(cached.expose());
    Ok(body)
}
