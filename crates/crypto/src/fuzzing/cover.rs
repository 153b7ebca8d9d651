//! Any bytes as a cover and as the pages behind it: nothing panics, and what is read is written back byte for byte.
//!
//! Input: `form:1 ‖ length:2 ‖ cover[length] ‖ plaintexts of pages, 976 bytes each, the last padded with 0`.

use crate::{
    Branch, Class, Cover, CoverForm, CryptoError, Leaf, PAGE_BODY, PageBody, PageRef, Path, TreeSeed,
    items_through,
};

pub(super) fn run(input: &[u8]) {
    let Some(([form, length @ ..], rest)) = input.split_first_chunk::<3>() else { return };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (bytes, pages) = rest.split_at(length);
    let form = if form & 1 == 0 { CoverForm::Inline } else { CoverForm::Page };
    let Ok(mut cover) = Cover::decode(form, bytes) else { return };

    // What was read is canonical: packing it opens and writes no page.
    let mut dead = Vec::new();
    let packed =
        cover.pack::<CryptoError>(&mut |_| unreachable!(), &mut |_| unreachable!(), &mut dead).unwrap();
    assert_eq!((packed.form(), packed.expose(), dead.len()), (form, bytes, 0));

    // A page's name picks its plaintext. Here, unlike under true encryption, pages can name each other in circles; depth ends
    // each way down, but not their number.
    let mut opened = 0;
    let load = &mut |page: &PageRef| {
        opened += 1;
        let plain = pages.chunks(PAGE_BODY).nth(usize::from(page.id[0])).filter(|_| opened < 1000);
        let plain = plain.ok_or(CryptoError::Unopenable)?;
        let mut body = PageBody::zeroed();
        body.expose_mut()[..plain.len()].copy_from_slice(plain);
        Ok::<_, CryptoError>(body)
    };
    let leaf = Leaf { class: Class::Chat, compartment: 1, branch: Branch::Items, seq: 5 };
    let path = Path::leaf(&leaf).unwrap();
    let gone = match (cover.derive(&leaf, load), cover.is_cut(&path, load)) {
        (Ok(key), Ok(cut)) => {
            assert_eq!(key.is_none(), cut);
            cut
        }
        _ => return,
    };
    let _ = cover.highest_cut(&Path::class(Class::Chat), load);
    let _ = cover.highest_cut(&Path::branch(Class::Chat, 1, Branch::Items).unwrap(), load);
    if let Ok(changed) = cover.cut(&[path], load, &mut dead) {
        assert_eq!(changed, !gone);
        assert!(cover.derive(&leaf, load).unwrap().is_none());
        let _ = cover.cut(&items_through(Class::Chat, 1, 100).unwrap(), load, &mut dead);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let leaf = |seq| Leaf { class: Class::Chat, compartment: 1, branch: Branch::Items, seq };
    let cut = |paths: Vec<Path>| seed(&paths);
    vec![
        cut(vec![]),
        cut(vec![Path::leaf(&leaf(5)).unwrap()]),
        cut(vec![Path::leaf(&leaf(9)).unwrap()]),
        cut(items_through(Class::Chat, 1, 4).unwrap()),
        cut(vec![Path::class(Class::Chat)]),
        cut((1..=6).map(|n| Path::leaf(&leaf(n * 2)).unwrap()).collect()),
    ]
}

/// A cover with these cuts, in the input's form. Pages are numbered in the order of their writing.
fn seed(paths: &[Path]) -> Vec<u8> {
    let mut cover = Cover::fresh(TreeSeed::generate().unwrap());
    let mut dead = Vec::new();
    let none = &mut |_: &PageRef| Err(CryptoError::Unopenable);
    cover.cut(paths, none, &mut dead).unwrap();
    let mut pages = Vec::new();
    let write = &mut |body: &PageBody| {
        let mut page = PageRef::generate()?;
        page.id[0] = (pages.len() / PAGE_BODY) as u8;
        pages.extend_from_slice(body.expose());
        Ok::<_, CryptoError>(page)
    };
    let packed = cover.pack(none, write, &mut dead).unwrap();
    let length = (packed.expose().len() as u16).to_be_bytes();
    [&[packed.form() as u8], length.as_slice(), packed.expose(), &pages].concat()
}
