#!/usr/bin/env python3
"""Writes release.json: released answers of docs/formats.md, "Released answers", from the text of that page and of RFC 9180
alone, sharing no code with the crate. Needs PyPI `cryptography` (X25519 and AES-GCM; HPKE's key schedule is written out here).

    python3 release.py > release.json
"""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM = b"KEM" + (0x20).to_bytes(2, "big")
HPKE = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(suite, salt, label, ikm):
    return mac(salt or bytes(32), b"HPKE-v1", suite, label, ikm)


def expand(suite, prk, label, info, length):
    assert length <= 32
    return mac(prk, length.to_bytes(2, "big"), b"HPKE-v1", suite, label, info, b"\x01")[:length]


def derive_key_pair(ikm):
    prk = extract(KEM, b"", b"dkp_prk", ikm)
    secret = X25519PrivateKey.from_private_bytes(expand(KEM, prk, b"sk", b"", 32))
    return secret, secret.public_key().public_bytes_raw()


def key_schedule(shared, info):
    context = b"\0" + extract(HPKE, b"", b"psk_id_hash", b"") + extract(HPKE, b"", b"info_hash", info)
    secret = extract(HPKE, shared, b"secret", b"")
    return expand(HPKE, secret, b"key", context, 32), expand(HPKE, secret, b"base_nonce", context, 12)


def seal(seed, recipient, info, aad, plain):
    ephemeral, enc = derive_key_pair(seed)
    dh = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    shared = expand(KEM, extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)
    key, nonce = key_schedule(shared, info)
    return enc, AESGCM(key).encrypt(nonce, plain, aad)


# RFC 9180, A.1 has AES-128; this is the published vector of the same mode for AES-256-GCM (base mode, first message).
assert seal(
    bytes.fromhex("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9"),
    bytes.fromhex("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"),
    b"Ode on a Grecian Urn",
    b"Count-0",
    b"Beauty is truth, truth beauty",
)[1].hex() == (
    "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"
)


def fixed(name, length=32):
    return hashlib.shake_256(b"oubliette vectors: " + name.encode()).digest(length)


def text(value):
    return bytes([len(value)]) + value.encode()


def vector(name, request, purpose, plain):
    seed, private = fixed(name + " seed"), fixed(name + " private")
    vault, release = fixed(name + " vault", 16), fixed(name + " release", 16)
    recipient = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"oubliette/v1/release/key" + recipient).digest()[:16]
    info = b"oubliette/v1/release" + vault + key_id
    enc, sealed = seal(seed, recipient, info, release + text(request) + text(purpose), plain)
    return {
        "name": name,
        "seed": seed.hex(),
        "private": private.hex(),
        "public": recipient.hex(),
        "key_id": key_id.hex(),
        "vault": vault.hex(),
        "release": release.hex(),
        "request": request,
        "purpose": purpose,
        "plain": plain.hex(),
        "enc": enc.hex(),
        "ciphertext": sealed.hex(),
    }


print(
    json.dumps(
        [
            vector("one", "7f1c9d", "cloud_sign_in", b'{"account":"a","fields":{"password":"p"}}'),
            vector("longest texts", "r" * 64, "p" * 64, bytes(256)),
            vector("empty", "", "", b""),
        ],
        indent=1,
    )
)
