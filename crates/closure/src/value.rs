//! Rows, blobs and the objects in them (docs/formats.md, sections 6 and 8).

use oubliette_crypto::object::{HEADER_LEN, Reader, SEALED_CHUNK_LEN};
use oubliette_crypto::{Branch, Class, Codec, Handle, Kind, ObjectContext, ObjectKey, Policy, VaultId};

use crate::Key;
use crate::fields::Fields;
use crate::path::{self, Bits};

const FRAME: usize = 131_072;

/// The place that a row key names. The context of whatever is sealed there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose value it is.
    pub handle: [u8; 16],
    class: u8,
    branch: u8,
    compartment: u32,
    seq: u64,
}

impl Place {
    /// Reads a row's key; `None` for the vault's own rows.
    pub fn read(row_key: &[u8]) -> Option<Self> {
        let mut fields = Fields(row_key);
        let handle = fields.array()?;
        let (class, branch) = (fields.u8()?, fields.u8()?);
        let (compartment, seq) = (fields.u32()?, fields.u64()?);
        (handle != [0; 16] && fields.0.is_empty()).then_some(Self { handle, class, branch, compartment, seq })
    }

    /// Where its leaf lies in the person's tree.
    pub fn path(&self) -> Bits {
        path::leaf(self.class, self.compartment, self.branch, self.seq)
    }

    fn contexts(&self, vault: VaultId, kinds: &[Kind]) -> Vec<ObjectContext> {
        let (Ok(class), Ok(branch)) = (Class::try_from(self.class), Branch::try_from(self.branch)) else {
            return Vec::new();
        };
        let Self { handle, compartment, seq, .. } = *self;
        let handle = Handle(handle);
        let context =
            |kind, policy| ObjectContext { kind, vault, handle, class, branch, compartment, seq, policy };
        let policies: &[Policy] = match class {
            Class::Chat => &[Policy::Author, Policy::Either, Policy::Survivor, Policy::None],
            _ => &[Policy::None, Policy::Author],
        };
        kinds.iter().flat_map(|kind| policies.iter().map(|policy| context(*kind, *policy))).collect()
    }
}

/// One sealed object and what it may have been sealed for.
pub struct Sealed<'e> {
    bytes: &'e [u8],
    contexts: Vec<ObjectContext>,
    /// A body's head, by number.
    pub head: Option<usize>,
    /// The plaintext, what it was sealed for and the key, once they are known.
    pub open: Option<(Vec<u8>, ObjectContext, Key)>,
}

impl<'e> Sealed<'e> {
    fn new(bytes: &'e [u8], contexts: Vec<ObjectContext>) -> Self {
        Self { bytes, contexts, head: None, open: None }
    }

    /// The body of the value at this place.
    pub fn body(bytes: &'e [u8], place: &Place, vault: VaultId, head: Option<usize>) -> Self {
        let kinds = [Kind::Body(Codec::Plain), Kind::Body(Codec::Zstd)];
        Self { head, ..Self::new(bytes, place.contexts(vault, &kinds)) }
    }

    /// Tries a key, which costs one commitment for each context; answers how many were computed.
    pub fn attempt(&mut self, key: &Key) -> u64 {
        let Ok(object_key) = ObjectKey::from_slice(key) else { return 0 };
        for (tried, context) in (1..).zip(&self.contexts) {
            if let Some(plain) = open(&object_key, context, self.bytes) {
                self.open = Some((plain, *context, *key));
                return tried;
            }
        }
        self.contexts.len() as u64
    }
}

/// As much as opens, if the commitment is right.
pub fn open(key: &ObjectKey, context: &ObjectContext, bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, sealed) = bytes.split_first_chunk::<HEADER_LEN>()?;
    Reader::new(key, context, header).ok().map(|reader| chunks(&reader, sealed))
}

/// The object that stands as content in an author's value of policy *either*, and what it was sealed for. `head` is the head's plaintext, of a
/// small value the plaintext itself; `body` that of the body.
pub fn inner<'p>(
    head: &'p [u8],
    body: Option<&'p [u8]>,
    context: &ObjectContext,
) -> Option<(&'p [u8], ObjectContext)> {
    let mut fields = Fields(head);
    fields.take(2)?;
    let length = usize::try_from(fields.u64()?).ok()?;
    fields.take(16)?;
    let bytes = match body {
        Some(body) => body.get(..length)?,
        None => {
            let facts = fields.u16()?.into();
            fields.take(facts)?;
            fields.take(length)?
        }
    };
    (context.policy == Policy::Either).then_some((bytes, ObjectContext { kind: Kind::Inner, ..*context }))
}

/// As many chunks as open: an upload that broke off has a beginning, too.
fn chunks(reader: &Reader, sealed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    for (index, chunk) in (0..).zip(sealed.chunks(SEALED_CHUNK_LEN)) {
        let opened = reader.open_chunk(index, false, chunk, &mut plain);
        if opened.or_else(|_| reader.open_chunk(index, true, chunk, &mut plain)).is_err() {
            break;
        }
    }
    plain
}

/// What a row's value holds: the object in the row itself, and the name of its blob.
pub fn read_row<'e>(
    place: &Place,
    value: &'e [u8],
    vault: VaultId,
) -> Option<(Sealed<'e>, Option<&'e [u8]>)> {
    let mut fields = Fields(value);
    fields.u8()?;
    // The upper half says which part of a message it is.
    if fields.u8()? & 0x0f == 0 {
        return Some((Sealed::new(fields.0, place.contexts(vault, &[Kind::Small])), None));
    }
    let length = fields.u16()?.into();
    let reference = fields.take(length)?;
    Some((Sealed::new(fields.0, place.contexts(vault, &[Kind::Head])), Some(reference)))
}

/// The content of a body in zstd frames, with the help of its head.
pub fn unpack(head: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(head);
    fields.take(2)?;
    let content = usize::try_from(fields.u64()?).ok()?;
    fields.u64()?;
    let length = usize::try_from(fields.u64()?).ok()?;
    fields.take(24)?;
    let facts = fields.u16()?;
    let facts_in_body = if facts & 0x8000 == 0 { 0 } else { usize::from(facts & 0x7fff) };
    let frames = content.div_ceil(FRAME);
    let table = length.checked_sub(facts_in_body)?.checked_sub(frames.checked_mul(4)?)?;
    let mut table = Fields(body.get(table..)?);
    let mut stored = Fields(body);
    let mut plain = Vec::new();
    for _ in 0..frames {
        let entry = table.u32()?;
        let frame = stored.take((entry & 0x7fff_ffff) as usize)?;
        if entry >> 31 == 1 {
            plain.extend_from_slice(frame);
        } else {
            plain.extend(zstd::bulk::decompress(frame, FRAME).ok()?);
        }
    }
    Some(plain)
}
