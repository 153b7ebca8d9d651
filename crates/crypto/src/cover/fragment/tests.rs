use proptest::prelude::*;

use super::*;
use crate::cover::{Cover, CoverForm, cut};
use crate::{Branch, Class, CryptoError, Leaf, PageKey, Path};

fn seed(byte: u8) -> Node {
    Node::Seed(TreeSeed::from_slice(&[byte; 32]).unwrap())
}

fn pair(left: Node, right: Node) -> Node {
    Node::Inner(Box::new([left, right]))
}

fn page(bits: u16) -> Node {
    let page = PageRef { id: [1; 12], key: PageKey::from_slice(&[2; 32]).unwrap() };
    Node::Page { page, bits }
}

/// `node` with `levels` inner nodes above it.
fn buried(node: Node, levels: usize) -> Node {
    (0..levels).fold(node, |node, _| pair(node, seed(1)))
}

fn in_page(node: &Node) -> PageBody {
    let mut body = PageBody::zeroed();
    let bytes = encode(node);
    body.expose_mut()[..bytes.len()].copy_from_slice(&bytes);
    body
}

fn inline_error(node: &Node) -> FragmentError {
    decode_inline(&encode(node)).err().unwrap()
}

#[test]
fn a_fragment_is_spelled_as_documented() {
    let bytes = encode(&pair(pair(Node::Cut, seed(7)), seed(9)));
    // inner inner cut seed | seed
    let expected = [&[0, 5, 0b10_10_00_01, 0b01_00_00_00][..], &[7; 32], &[9; 32]].concat();
    assert_eq!(*bytes, expected);
    assert_eq!(*encode(&decode_inline(&expected).unwrap()), expected);
    assert_eq!(*encode(&page(1000)), [&[0, 1, 0b11_00_00_00][..], &[1; 12], &[2; 32], &[3, 232]].concat());
}

#[test]
fn whole_and_empty_trees_have_fragments() {
    assert!(matches!(decode_inline(&[0, 1, 0]), Ok(Node::Cut)));
    assert!(matches!(decode_inline(&encode(&seed(3))), Ok(Node::Seed(_))));
}

#[test]
fn only_the_canonical_shape_is_read() {
    assert_eq!(inline_error(&pair(Node::Cut, Node::Cut)), FragmentError::NotCanonical);
    assert_eq!(inline_error(&pair(seed(1), seed(2))), FragmentError::NotCanonical);
    // A page for what would fit inline, and the reverse.
    assert_eq!(inline_error(&pair(page(4000), seed(2))), FragmentError::NotCanonical);
    assert!(decode_inline(&encode(&pair(page(7600), seed(2)))).is_ok());
    assert_eq!(inline_error(&pair(page(7600), page(1000))), FragmentError::NotCanonical);
    assert!(decode_inline(&encode(&pair(page(7600), page(2000)))).is_ok());
}

#[test]
fn sizes_have_limits() {
    for bits in [0, 370, 7745, u16::MAX] {
        assert_eq!(inline_error(&pair(page(bits), seed(2))), FragmentError::Size { got: bits.into() });
    }
    let large = buried(Node::Cut, 20);
    let bits = 2 + 20 * 260;
    assert_eq!(inline_error(&large), FragmentError::Size { got: bits });
    let body = in_page(&large);
    assert!(decode_page(&body, bits as u16, 0).is_ok());
    assert_eq!(decode_page(&body, bits as u16 + 1, 0).err(), Some(FragmentError::Size { got: bits }));
    // A root that would fit the state page does not stand in a page of its own.
    let mut root = encode_root_page(&PageRef::generate().unwrap(), 4993);
    assert!(decode_root_page(&root).is_ok());
    root[44..].copy_from_slice(&4992u16.to_be_bytes());
    assert_eq!(decode_root_page(&root).err(), Some(FragmentError::Size { got: 4992 }));
}

#[test]
fn a_page_holds_an_inner_node_and_zeros() {
    assert_eq!(decode_page(&in_page(&seed(1)), 258, 0).err(), Some(FragmentError::NotCanonical));
    assert_eq!(decode_page(&in_page(&page(1000)), 370, 0).err(), Some(FragmentError::NotCanonical));
    let mut body = in_page(&pair(Node::Cut, seed(1)));
    assert!(decode_page(&body, 262, 0).is_ok());
    body.expose_mut()[PAGE_BODY - 1] = 1;
    assert_eq!(decode_page(&body, 262, 0).err(), Some(FragmentError::Padding));
}

#[test]
fn nothing_lies_deeper_than_a_leaf() {
    let body = in_page(&buried(Node::Cut, 3));
    assert!(decode_page(&body, 782, 196).is_ok());
    assert_eq!(decode_page(&body, 782, 197).err(), Some(FragmentError::TooDeep));
    // Claims 65,535 inner nodes one below the other.
    let deep = [vec![0xff, 0xff], vec![0b10_10_10_10; 16384]].concat();
    assert_eq!(decode_inline(&deep).err(), Some(FragmentError::TooDeep));
}

#[test]
fn an_inner_node_at_a_leaf_is_an_error_to_the_reader() {
    let leaf = Leaf { class: Class::Chat, compartment: 1, branch: Branch::Meta, seq: 1 };
    let path = Path::leaf(&leaf).unwrap();
    let mut below = seed(1);
    let deeper = path.push(true).unwrap();
    cut::cut::<CryptoError>(&mut below, &deeper, 0, &mut |_| unreachable!(), &mut vec![]).unwrap();
    let cover = Cover::decode(CoverForm::Inline, &encode(&below)).unwrap();
    let found = cover.derive::<CryptoError>(&leaf, &mut |_| unreachable!());
    assert!(matches!(found, Err(CryptoError::Fragment(FragmentError::TooDeep))));
}

#[test]
fn counts_padding_and_length_are_exact() {
    let good = encode(&pair(Node::Cut, seed(7))).to_vec();
    for length in 0..good.len() {
        assert!(decode_inline(&good[..length]).is_err(), "{length}");
    }
    assert_eq!(decode_inline(&[&good[..], &[0]].concat()).err(), Some(FragmentError::Trailing));
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        decode_inline(&bytes).err().unwrap()
    };
    assert_eq!(changed(1, 2), FragmentError::NodeCount);
    assert_eq!(changed(1, 4), FragmentError::NodeCount);
    assert_eq!(changed(2, 0b10_00_01_01), FragmentError::Padding);
}

proptest! {
    /// Random tags in front of random payloads reach every branch of the reader.
    #[test]
    fn no_bytes_make_the_reader_panic(
        nodes in 0u16..40,
        mut bytes in prop::collection::vec(any::<u8>(), 0..900),
        depth in 0usize..250,
    ) {
        if let Some(count) = bytes.first_chunk_mut() {
            *count = nodes.to_be_bytes();
        }
        if let Ok(node) = decode_inline(&bytes) {
            prop_assert_eq!(encode(&node).to_vec(), bytes.clone());
        }
        let _ = decode_root_page(&bytes);
        let mut body = PageBody::zeroed();
        body.expose_mut()[..bytes.len()].copy_from_slice(&bytes);
        let _ = decode_page(&body, nodes, depth);
    }

    #[test]
    fn what_is_read_is_what_was_written(shape in prop::collection::vec(any::<bool>(), 0..14)) {
        let node = shape.iter().fold(Node::Cut, |node, left| {
            if *left { pair(node, seed(5)) } else { pair(seed(6), node) }
        });
        let bytes = encode(&node);
        prop_assert_eq!(encode(&decode_inline(&bytes).unwrap()), bytes);
    }
}
