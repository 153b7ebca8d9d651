//! Frozen objects, made by `vectors/object.py` from the written format alone. They must open for as long as version 1 does.

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::small::seal_with_salt;
use super::*;
use crate::context::{Codec, Kind, Policy};
use crate::kdf::derive_either_key;
use crate::{Branch, Class, Handle, ObjectContext, ObjectKey, VaultId};

fn hex<const N: usize>(vector: &Value, field: &str) -> [u8; N] {
    HEXLOWER.decode(vector[field].as_str().unwrap().as_bytes()).unwrap().try_into().unwrap()
}

fn number(vector: &Value, field: &str) -> u64 {
    vector[field].as_u64().unwrap()
}

fn context(vector: &Value) -> ObjectContext {
    let codec = Codec::try_from(number(vector, "codec") as u8).unwrap();
    ObjectContext {
        kind: match number(vector, "kind") {
            1 => Kind::Small,
            2 => Kind::Head,
            3 => Kind::Body(codec),
            _ => Kind::Inner,
        },
        vault: VaultId(hex(vector, "vault")),
        handle: Handle(hex(vector, "handle")),
        class: Class::try_from(number(vector, "class_") as u8).unwrap(),
        branch: Branch::try_from(number(vector, "branch") as u8).unwrap(),
        compartment: number(vector, "compartment") as u32,
        seq: number(vector, "seq"),
        policy: match number(vector, "policy") {
            0 => Policy::None,
            1 => Policy::Author,
            _ => Policy::Either,
        },
    }
}

fn plaintext(seed: &str, length: usize) -> Vec<u8> {
    let blocks = (0u32..).flat_map(|count| Sha256::digest([seed.as_bytes(), &count.to_be_bytes()].concat()));
    blocks.take(length).collect()
}

#[test]
fn frozen_objects_seal_to_the_same_bytes_and_open() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/object.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let key = ObjectKey::from_slice(&hex::<32>(vector, "key")).unwrap();
        if let Some(leaves) = vector["leaves"].as_array() {
            let leaf = |n: usize| {
                let leaf = HEXLOWER.decode(leaves[n].as_str().unwrap().as_bytes()).unwrap();
                ObjectKey::from_slice(&leaf).unwrap()
            };
            assert_eq!(derive_either_key(&leaf(0), &leaf(1)).expose(), key.expose(), "{name}");
            assert_ne!(derive_either_key(&leaf(1), &leaf(0)).expose(), key.expose(), "{name}");
        }
        let context = context(vector);
        assert_eq!(context.encode(), hex(vector, "context"), "{name}");
        let plain = plaintext(vector["plain_seed"].as_str().unwrap(), number(vector, "plain_len") as usize);

        let sealed = seal_with_salt(key.expose(), &context.encode(), hex(vector, "salt"), &plain).unwrap();
        assert_eq!(sealed.len() as u64, number(vector, "sealed_len"), "{name}");
        assert_eq!(Sha256::digest(&sealed).as_slice(), hex::<32>(vector, "sealed_sha256"), "{name}");
        if let Some(bytes) = vector["sealed"].as_str() {
            assert_eq!(HEXLOWER.decode(bytes.as_bytes()).unwrap(), sealed, "{name}");
        }
        assert_eq!(*open_small(&key, &context, &sealed).unwrap(), plain, "{name}");
    }
}
