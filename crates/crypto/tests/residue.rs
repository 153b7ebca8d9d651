//! Looks through this process's own memory for what should have been wiped. One test, alone in its process, so that no other
//! thread holds what is searched for.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of a test")]

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;

use hmac::{Hmac, KeyInit, Mac};
use oubliette_crypto::escrow::{
    ShareContext, open_escrowed_root, open_share, seal_escrowed_root, seal_share, split,
};
use oubliette_crypto::hpke::{ReleaseContext, SealedRelease, open_release, seal_release};
use oubliette_crypto::kdf::{
    anchor_digest_key, derive_root_key, derive_root_page_key, handle_tag, person_tag, root_pointer_mac,
    row_digest, verify_root_pointer,
};
use oubliette_crypto::tree::tree_child;
use oubliette_crypto::{
    AnchorKey, Branch, CellShare, Class, Cover, CryptoError, EscrowKey, EscrowSeed, Handle, Leaf, PageHeader,
    PageKind, PageRef, Path, ReleaseKey, RootKey, TagKey, TreeSeed, VaultId, open_page, seal_fresh_page,
    wiped,
};
use oubliette_locked::{Protection, protection};
use zeroize::Zeroize;

const VAULT: VaultId = VaultId([1; 16]);
const LEAF: Leaf = Leaf { class: Class::Chat, compartment: 3, branch: Branch::Items, seq: 77 };
const LONGEST: Leaf = Leaf { compartment: u32::MAX, seq: u64::MAX, ..LEAF };

/// 32 secret bytes, kept so that the search does not find the question.
struct Wanted([u8; 32]);

impl Wanted {
    fn new(secret: &[u8; 32]) -> Self {
        let mut masked = [0; 32];
        masked.iter_mut().zip(secret).for_each(|(to, from)| *to = !from);
        Self(masked)
    }

    /// Number of places in writable memory where one half of the secret stands (a cipher's first two round keys are the
    /// halves of its key).
    fn copies(&self) -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0; 1 << 20];
        let mut copies = 0;
        for line in read_to_string("/proc/self/maps").unwrap().lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
            for at in (from..to).step_by(chunk.len()).filter(|_| rest.starts_with("rw")) {
                // Otherwise the search would find its own earlier reading.
                chunk.as_mut_slice().zeroize();
                let length = chunk.len().min((to - at) as usize);
                if memory.read_exact_at(&mut chunk[..length], at).is_ok() {
                    copies += chunk[..length].windows(16).filter(|place| self.half_is(place)).count();
                }
            }
        }
        chunk.zeroize();
        copies
    }

    fn half_is(&self, place: &[u8]) -> bool {
        self.0.chunks(16).any(|half| place.iter().zip(half).all(|(found, masked)| *found == !masked))
    }
}

/// The secret is found while it stands in ordinary memory, which shows that the search works; while `holder` lives, only where the
/// kernel has no secret memory; and not afterwards.
fn dies_with<T>(what: &str, wanted: &Wanted, holder: T) {
    let mut plain = Box::new([0; 32]);
    plain.iter_mut().zip(&wanted.0).for_each(|(to, masked)| *to = !masked);
    assert!(wanted.copies() > 0, "{what}: the search finds nothing");
    plain.zeroize();
    assert_eq!(wanted.copies() == 0, protection() == Protection::Secret, "{what}: copies while it is in use");
    drop(holder);
    assert_eq!(wanted.copies(), 0, "{what}: copies stay behind");
}

#[test]
fn nothing_dropped_stays_in_memory() {
    tags();
    roots();
    pages();
    object_keys();
    releases();
    escrow();
    cuts(&LEAF, 1);
    cuts(&LONGEST, 11);
}

/// HMAC pads its key on the stack.
fn tags() {
    let key = TagKey::generate().unwrap();
    let wanted = Wanted::new(key.expose());
    let tags = [person_tag(&key, b"ann"), handle_tag(&key, &Handle([3; 16]))];
    dies_with("tag key", &wanted, (key, tags));

    let key = AnchorKey::generate().unwrap();
    let digests = anchor_digest_key(&key);
    let wanted = [key.expose(), digests.expose()].map(Wanted::new);
    let digest = row_digest(&digests, b"a row", b"its value").unwrap();
    dies_with("anchor digest key", &wanted[1], (digests, digest));
    dies_with("anchor key", &wanted[0], key);
}

fn roots() {
    let share = CellShare::generate().unwrap();
    let root = derive_root_key(&[&share], &VAULT).unwrap();
    let page = derive_root_page_key(&root, &[2; 32], 9);
    let mac = root_pointer_mac(&root, b"a pointer");
    assert!(verify_root_pointer(&root, b"a pointer", &mac));
    let [of_share, of_root, of_page] = [share.expose(), root.expose(), page.expose()].map(Wanted::new);
    dies_with("root page key", &of_page, page);
    dies_with("root", &of_root, root);
    dies_with("share", &of_share, share);
}

fn pages() {
    let inner = TreeSeed::generate().unwrap();
    let of_body = Wanted::new(inner.expose());
    let mut body = oubliette_crypto::PageBody::zeroed();
    body.expose_mut()[100..132].copy_from_slice(inner.expose());
    let (page, raw) = seal_fresh_page(PageKind::State, &VAULT, body.expose()).unwrap();
    drop((inner, body));
    assert_eq!(of_body.copies(), 0, "plaintext of a sealed page");

    let place = PageHeader { kind: PageKind::State, id: page.id, vault: VAULT };
    let opened = open_page(&page.key, &place, &raw).unwrap();
    dies_with("plaintext of an opened page", &of_body, opened);

    let mut encoded = [0; PageRef::LEN];
    page.encode_into(&mut encoded);
    let again = PageRef::decode(&encoded).unwrap();
    encoded.zeroize();
    let of_key = Wanted::new(page.key.expose());
    dies_with("page key", &of_key, (page, again));
}

fn object_keys() {
    let cover = Cover::fresh(TreeSeed::generate().unwrap());
    let key = cover.derive::<CryptoError>(&LEAF, &mut |_| unreachable!()).unwrap().unwrap();
    let wanted = Wanted::new(key.expose());
    dies_with("object key", &wanted, key);
}

/// Neither end of a released answer leaves the exchange's result or what is derived from it.
fn releases() {
    let key = ReleaseKey::generate().unwrap();
    let of_key = Wanted::new(key.expose());
    let context = ReleaseContext { vault: &VAULT, release: &[2; 16], request: "r", purpose: "p" };
    let sealed = seal_release(&key.public(), &context, b"a secret").unwrap();
    let opened = open_release(&key, &context, &sealed).unwrap();
    for (what, wanted) in wiped(|| exchanged(&key, &sealed)) {
        assert_eq!(wanted.copies(), 0, "{what}");
    }
    dies_with("release key", &of_key, (key, opened));
}

/// What a root in escrow is made of, on the vault's side and on the holder's.
fn escrow() {
    let (once, root) = (EscrowKey::generate().unwrap(), RootKey::generate().unwrap());
    let [of_once, of_root] = [once.expose(), root.expose()].map(Wanted::new);
    let sealed_root = seal_escrowed_root(&once, b"header", &root, &[5; 152]).unwrap();
    let shares = split(&once, 2, 3).unwrap();
    let of_share = Wanted::new(shares[1].value.expose());
    let key = EscrowSeed::generate().unwrap();
    let of_key = Wanted::new(key.expose());
    let context =
        ShareContext { vault: &VAULT, generation: 1, window: 2, threshold: 2, shares: 3, number: 2 };
    let sealed = seal_share(&key.public(), &context, &shares[1].value).unwrap();
    let opened = open_share(&key, &context, &sealed).unwrap();
    dies_with("escrow share", &of_share, (shares, opened));
    dies_with("holder's key of a window", &of_key, key);
    let again = open_escrowed_root(&once, b"header", &sealed_root).unwrap();
    dies_with("escrow key", &of_once, once);
    dies_with("root in escrow", &of_root, (root, again));
}

/// The secrets of an answer by RFC 9180, as its recipient works them out.
fn exchanged(key: &ReleaseKey, sealed: &SealedRelease) -> [(&'static str, Wanted); 4] {
    let mac = |key: &[u8], parts: &[&[u8]]| -> [u8; 32] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    };
    let extract =
        |suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]| mac(salt, &[b"HPKE-v1", suite, label, ikm]);
    let expand = |suite: &[u8], prk: &[u8], label: &[u8], info: &[u8]| {
        mac(prk, &[&[0, 32], b"HPKE-v1", suite, label, info, &[1]])
    };
    let (kem, suite) = (b"KEM\0\x20".as_slice(), b"HPKE\0\x20\0\x01\0\x02".as_slice());
    let public = key.public();
    let info = [b"oubliette/v1/release".as_slice(), VAULT.as_bytes(), &public.id().0].concat();
    let dh = x25519_dalek::x25519(*key.expose(), sealed.enc);
    let kem_context = [sealed.enc, *public.as_bytes()].concat();
    let shared = expand(kem, &extract(kem, &[], b"eae_prk", &dh), b"shared_secret", &kem_context);
    let hashes = [extract(suite, &[], b"psk_id_hash", &[]), extract(suite, &[], b"info_hash", &info)];
    let schedule = [&[0], hashes.concat().as_slice()].concat();
    let secret = extract(suite, &shared, b"secret", &[]);
    let once = expand(suite, &secret, b"key", &schedule);
    let ours = [("exchange", dh), ("shared secret", shared), ("its secret", secret), ("answer's key", once)];
    ours.map(|(what, secret)| (what, Wanted::new(&secret)))
}

/// After a cut the seeds above it are not to be found (every `step`-th is searched for), though the cover lives on.
fn cuts(leaf: &Leaf, step: usize) {
    let seed = TreeSeed::generate().unwrap();
    let path = Path::leaf(leaf).unwrap();
    let mut wanted = vec![Wanted::new(seed.expose())];
    let mut above = tree_child(&seed, path.bit(0).unwrap());
    for bit in path.bits().skip(1) {
        wanted.push(Wanted::new(above.expose()));
        above = tree_child(&above, bit);
    }
    wanted.push(Wanted::new(above.expose()));
    drop(above);

    let mut cover = Cover::fresh(seed);
    assert_eq!(wanted[0].copies() == 0, protection() == Protection::Secret);
    cover.cut::<CryptoError>(&[path], &mut |_| unreachable!(), &mut Vec::new()).unwrap();
    let packed = cover.pack::<CryptoError>(
        &mut |_| unreachable!(),
        &mut |body| Ok(seal_fresh_page(PageKind::Cover, &VAULT, body.expose())?.0),
        &mut Vec::new(),
    );
    for (depth, wanted) in wanted.iter().enumerate().step_by(step) {
        assert_eq!(wanted.copies(), 0, "the seed at depth {depth}");
    }
    drop((cover, packed));
}
