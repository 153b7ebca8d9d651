//! Paths, keys and covers against the independent script.

use super::support::{Disk, Dump};
use crate::cover::Cover;
use crate::cover::fragment::{decode_inline, encode};
use crate::vectors::{array, hex, list, number, text, tree};
use crate::{
    Branch, Class, CoverForm, CryptoError, Leaf, Path, TreeSeed, compartments_through, items_through,
};
use serde_json::Value;

fn path(value: &Value) -> Path {
    text(value).bytes().fold(Path::top(), |path, bit| path.push(bit == b'1').unwrap())
}

fn class(value: &Value) -> Class {
    Class::try_from(number(value) as u8).unwrap()
}

fn fresh(vectors: &Value) -> Cover {
    Cover::fresh(TreeSeed::from_slice(&hex(&vectors["root seed"])).unwrap())
}

#[test]
fn leaves() {
    let vectors = tree();
    let cover = fresh(&vectors);
    for v in list(&vectors["leaves"]) {
        let leaf = Leaf {
            class: class(&v["class"]),
            compartment: number(&v["compartment"]) as u32,
            branch: Branch::try_from(number(&v["branch"]) as u8).unwrap(),
            seq: number(&v["seq"]),
        };
        assert_eq!(Path::leaf(&leaf).unwrap(), path(&v["path"]), "{leaf:?}");
        let key = cover.derive::<CryptoError>(&leaf, &mut |_| unreachable!()).unwrap().unwrap();
        assert_eq!(key.expose(), &array(&v["key"]), "{leaf:?}");
    }
}

#[test]
fn ranges() {
    for v in list(&tree()["ranges"]) {
        let (class, n) = (class(&v["class"]), number(&v["n"]));
        let pieces = match v["compartment"].as_u64() {
            Some(compartment) => items_through(class, compartment as u32, n),
            None => compartments_through(class, n as u32),
        };
        let expected: Vec<Path> = list(&v["paths"]).iter().map(path).collect();
        assert_eq!(pieces.unwrap(), expected, "{class:?} 1..={n}");
    }
}

#[test]
fn covers() {
    let vectors = tree();
    for v in list(&vectors["covers"]) {
        let disk = Disk::default();
        let (mut cover, mut dead) = (fresh(&vectors), Vec::new());
        let cuts: Vec<Path> = list(&v["cuts"]).iter().map(path).collect();
        disk.cut(&mut cover, &cuts, &mut dead);
        let packed = disk.pack(&mut cover, dead);
        let Dump { seeds, pages, .. } = disk.dump(&cover);
        let expected: Vec<_> =
            list(&v["seeds"]).iter().map(|pair| (path(&pair[0]), array(&pair[1]))).collect();
        assert_eq!(seeds.into_iter().collect::<Vec<_>>(), expected, "{}", v["name"]);
        let expected: Vec<_> =
            list(&v["pages"]).iter().map(|pair| (path(&pair[0]), number(&pair[1]) as u16)).collect();
        let found: Vec<_> = pages.into_iter().map(|(at, (bits, _))| (at, bits)).collect();
        assert_eq!(found, expected, "{}", v["name"]);
        let root_has_a_page = found.iter().any(|(at, _)| *at == Path::top());
        assert_eq!(packed.form() == CoverForm::Page, root_has_a_page, "{}", v["name"]);
        if found.is_empty() {
            assert_eq!(packed.expose(), hex(&v["fragment"]), "{}", v["name"]);
        }
    }
}

#[test]
fn fragments_with_pages() {
    for v in list(&tree()["fragments"]) {
        let bytes = hex(&v["fragment"]);
        assert_eq!(encode(&decode_inline(&bytes).unwrap()).to_vec(), bytes, "{}", v["name"]);
    }
}
