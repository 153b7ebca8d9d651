use super::*;
use crate::object::{open_small, seal_small};
use crate::secret::ObjectKey;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

pub(crate) fn context() -> ObjectContext {
    ObjectContext {
        kind: Kind::Small,
        vault: VaultId([0x11; 16]),
        handle: Handle([0x22; 16]),
        class: Class::Chat,
        branch: Branch::Items,
        compartment: 0x0102_0304,
        seq: 0x0506_0708_090a_0b0c,
        policy: Policy::Author,
    }
}

/// One context per field, each differing from `context()` in that field alone.
fn swapped() -> Vec<(&'static str, ObjectContext)> {
    let base = context();
    vec![
        ("kind inner", ObjectContext { kind: Kind::Inner, ..base }),
        ("kind head", ObjectContext { kind: Kind::Head, ..base }),
        ("kind body", ObjectContext { kind: Kind::Body(Codec::Plain), ..base }),
        ("kind and codec", ObjectContext { kind: Kind::Body(Codec::Zstd), ..base }),
        ("vault", ObjectContext { vault: VaultId([0x12; 16]), ..base }),
        ("handle", ObjectContext { handle: Handle([0x23; 16]), ..base }),
        ("class", ObjectContext { class: Class::Saves, ..base }),
        ("branch", ObjectContext { branch: Branch::Meta, ..base }),
        ("compartment", ObjectContext { compartment: 1, ..base }),
        ("seq", ObjectContext { seq: 1, ..base }),
        ("policy", ObjectContext { policy: Policy::None, ..base }),
        ("policy either", ObjectContext { policy: Policy::Either, ..base }),
        ("policy survivor", ObjectContext { policy: Policy::Survivor, ..base }),
    ]
}

#[test]
fn the_layout_of_formats_md() {
    let expected = "4f554231\
                    01\
                    11111111111111111111111111111111\
                    22222222222222222222222222222222\
                    02\
                    01\
                    01020304\
                    05060708090a0b0c\
                    01\
                    00";
    assert_eq!(HEXLOWER.encode(&context().encode()), expected);
    let body = ObjectContext { kind: Kind::Body(Codec::Zstd), ..context() }.encode();
    assert_eq!((body[4], body[52]), (3, 1));
}

/// A field swapped changes the commitment, so the object is refused before any chunk is touched.
#[test]
fn every_field_is_in_the_commitment() {
    let key = ObjectKey::generate().unwrap();
    let sealed = seal_small(&key, &context(), b"a message").unwrap();
    let header = sealed.first_chunk().unwrap();
    assert!(crate::object::Reader::new(&key, &context(), header).is_ok());
    for (field, other) in swapped() {
        let refused = crate::object::Reader::new(&key, &other, header).err();
        assert!(matches!(refused, Some(CryptoError::Unopenable)), "{field} is not in the commitment");
        assert!(matches!(open_small(&key, &other, &sealed), Err(CryptoError::Unopenable)), "{field}");
    }
    let plain = ObjectContext { kind: Kind::Body(Codec::Plain), ..context() };
    let zstd = ObjectContext { kind: Kind::Body(Codec::Zstd), ..context() };
    let sealed = seal_small(&key, &plain, b"").unwrap();
    assert!(matches!(open_small(&key, &zstd, &sealed), Err(CryptoError::Unopenable)), "codec");
}

#[test]
fn a_codec_byte_is_known_or_refused() {
    for byte in 0..=u8::MAX {
        match Codec::try_from(byte) {
            Ok(codec) => assert_eq!(codec as u8, byte),
            Err(error) => assert!(byte > 1 && matches!(error, CryptoError::OutOfRange { .. })),
        }
    }
}

fn any_context() -> impl Strategy<Value = ObjectContext> {
    let kind = prop_oneof![
        Just(Kind::Small),
        Just(Kind::Head),
        Just(Kind::Inner),
        Just(Kind::Body(Codec::Plain)),
        Just(Kind::Body(Codec::Zstd))
    ];
    let class = prop::sample::select(Class::ALL.to_vec());
    let branch = prop_oneof![Just(Branch::Meta), Just(Branch::Items)];
    let policy = prop::sample::select(vec![Policy::None, Policy::Author, Policy::Either, Policy::Survivor]);
    // few values each, so that equal contexts turn up too
    (kind, 0u8..2, 0u8..2, class, branch, 1u32..3, 1u64..3, policy).prop_map(
        |(kind, vault, handle, class, branch, compartment, seq, policy)| ObjectContext {
            kind,
            vault: VaultId([vault; 16]),
            handle: Handle([handle; 16]),
            class,
            branch,
            compartment,
            seq,
            policy,
        },
    )
}

proptest! {
    #[test]
    fn the_encoding_is_injective(a in any_context(), b in any_context()) {
        prop_assert_eq!(a == b, a.encode() == b.encode());
    }
}
