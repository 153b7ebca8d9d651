#!/usr/bin/env python3
"""Writes object.json: sealed objects of docs/formats.md, section 8, from the text of that page and of
c2sp.org/chunked-encryption alone, sharing no code with the crate. Needs PyPI `cryptography`.

    python3 object.py > object.json
"""

import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 16 * 1024


def hkdf_expand(prk, info, length):
    okm, block, number = b"", b"", 1
    while len(okm) < length:
        block = hmac.new(prk, block + info + bytes([number]), hashlib.sha512).digest()
        okm, number = okm + block, number + 1
    return okm[:length]


def context(kind, vault, handle, class_, branch, compartment, seq, policy, codec):
    return b"OUB1" + struct.pack(
        ">B16s16sBBIQBB", kind, vault, handle, class_, branch, compartment, seq, policy, codec
    )


def seal(key, salt, ctx, plain):
    info = b"c2sp.org/chunked-encryption@v1+" + b"AEAD_AES_256_GCM" + b"\0" + salt + ctx
    okm = hkdf_expand(key, info, 32 + 12 + 32)
    aead, base, commitment = AESGCM(okm[:32]), int.from_bytes(okm[32:44], "big"), okm[44:]
    out = salt + commitment
    for number in range(len(plain) // CHUNK + 1):
        nonce = (base ^ number).to_bytes(12, "big")
        out += aead.encrypt(nonce, plain[number * CHUNK : (number + 1) * CHUNK], None)
    return out


def stream(seed, length):
    """The plaintext and all secrets, so that the file need not hold them: SHA-256(seed || counter:4)..."""
    blocks = (hashlib.sha256(seed.encode() + struct.pack(">I", i)).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def either_key(author, peer):
    """HKDF-SHA256 (RFC 5869) without a salt; one block is enough."""
    prk = hmac.new(bytes(32), author + peer, hashlib.sha256).digest()
    return hmac.new(prk, b"oubliette/v1/chat/either" + b"\1", hashlib.sha256).digest()


def vector(name, length, whole, leaves=None, **fields):
    key, salt = stream(name + " key", 32), stream(name + " salt", 24)
    if leaves:
        key = either_key(*leaves)
    vault, handle = stream(name + " vault", 16), stream(name + " handle", 16)
    plain = stream(name + " plain", length)
    ctx = context(vault=vault, handle=handle, **fields)
    sealed = seal(key, salt, ctx, plain)
    assert len(ctx) == 53
    return {
        "name": name,
        "key": key.hex(),
        **({"leaves": [leaf.hex() for leaf in leaves]} if leaves else {}),
        "salt": salt.hex(),
        "vault": vault.hex(),
        "handle": handle.hex(),
        **fields,
        "context": ctx.hex(),
        "plain_len": length,
        "plain_seed": name + " plain",
        "sealed_len": len(sealed),
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
        **({"sealed": sealed.hex()} if whole else {}),
    }


chat = dict(kind=1, class_=2, branch=1, compartment=3, seq=41, policy=1, codec=0)
body = dict(kind=3, class_=1, branch=1, compartment=70000, seq=1 << 40, policy=0, codec=1)
inner = dict(kind=4, class_=2, branch=1, compartment=3, seq=42, policy=2, codec=0)
leaves = (stream("author leaf", 32), stream("peer leaf", 32))
print(
    json.dumps(
        {
            "about": "made by object.py; plaintext = SHA-256(plain_seed || counter:4)...",
            "vectors": [
                vector("small", 64, True, **chat),
                vector("inner", 64, True, leaves, **inner),
                vector("three chunks", 2 * CHUNK + 100, False, **body),
                vector("empty last chunk", CHUNK, False, **body),
            ],
        },
        indent=1,
    )
)
