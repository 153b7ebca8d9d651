#!/usr/bin/env python3
"""Writes escrow.json: shares and roots in escrow, from the text of docs/formats.md, section 15, and of RFC 9180 alone, sharing no
code with the crate. X-Wing itself is not written out here: its results are those of the draft's own test vectors, in xwing.json
(draft-connolly-cfrg-xwing-kem, `spec/test-vectors.json`). Needs PyPI `cryptography` (AES-GCM).

    python3 escrow.py > escrow.json
"""

import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HPKE = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")
HERE = pathlib.Path(__file__).parent


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(salt, label, ikm):
    return mac(salt or bytes(32), b"HPKE-v1", HPKE, label, ikm)


def expand(prk, label, info, length):
    assert length <= 32
    return mac(prk, length.to_bytes(2, "big"), b"HPKE-v1", HPKE, label, info, b"\x01")[:length]


def seal(shared, info, aad, plain):
    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    return AESGCM(key).encrypt(nonce, plain, aad)


def multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11B
        b >>= 1
    return product


def fixed(name, length=32):
    return hashlib.shake_256(b"oubliette vectors: " + name.encode()).digest(length)


def shares(key, coefficients, count):
    """The polynomials' values at 1..count; coefficients from the lowest power upwards."""
    made = []
    for number in range(1, count + 1):
        value = list(key)
        power = 1
        for coefficient in coefficients:
            power = multiply(power, number)
            value = [v ^ multiply(c, power) for v, c in zip(value, coefficient)]
        made.append(bytes(value))
    return made


def share(vector, number):
    name = f"escrow {number}"
    vault, value = fixed(name + " vault", 16), fixed(name + " share")
    public = bytes.fromhex(vector["pk"])
    key_id = hashlib.sha256(b"oubliette/v1/escrow/key" + public).digest()[:16]
    generation, window, threshold, count = 1000 + number, 7 * number, 2, 3
    info = b"oubliette/v1/escrow/share" + vault + key_id
    aad = generation.to_bytes(8, "big") + window.to_bytes(4, "big") + bytes([threshold, count, number])
    return {
        "seed": vector["seed"],
        "eseed": vector["eseed"],
        "public": vector["pk"],
        "enc": vector["ct"],
        "key_id": key_id.hex(),
        "vault": vault.hex(),
        "generation": generation,
        "window": window,
        "threshold": threshold,
        "shares": count,
        "number": number,
        "share": value.hex(),
        "ciphertext": seal(bytes.fromhex(vector["ss"]), info, aad, value).hex(),
    }


def root():
    key, secret, pointer, header = (fixed("escrow " + n, l) for n, l in [("key", 32), ("M", 32), ("pointer", 152), ("header", 99)])
    once = mac(mac(bytes(32), key), b"oubliette/v1/escrow/root", b"\x01")
    sealed = AESGCM(once).encrypt(bytes(12), secret + pointer, header)
    return {"key": key.hex(), "root": secret.hex(), "pointer": pointer.hex(), "header": header.hex(), "sealed": sealed.hex()}


def sharing(threshold, count):
    name = f"escrow {threshold} of {count}"
    key = fixed(name)
    made = shares(key, [fixed(f"{name} coefficient {n}") for n in range(1, threshold)], count)
    return {"threshold": threshold, "key": key.hex(), "shares": [value.hex() for value in made]}


XWING = json.loads((HERE / "xwing.json").read_text())
print(
    json.dumps(
        {
            "shares": [share(vector, number) for number, vector in enumerate(XWING, 1)],
            "root": root(),
            "sharings": [sharing(*of) for of in [(1, 1), (1, 2), (2, 3), (3, 5), (5, 5), (4, 255)]],
        },
        indent=1,
    )
)
