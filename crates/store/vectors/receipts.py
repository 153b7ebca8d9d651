#!/usr/bin/env python3
"""Known answers for receipts and log, written from docs/formats.md (sections 4, 11 and 13), RFC 8032, RFC 6962 and the C2SP documents
signed-note, tlog-checkpoint, tlog-proof and tlog-cosignature alone (Python standard library only).

    python3 crates/store/vectors/receipts.py > crates/store/vectors/receipts.json

shares no code with the crate; the crate's tests compare every value and, where python3 is found, run this file again.
"""
import base64
import hashlib
import hmac
import json


def fixed(name, length=32):
    return hashlib.shake_256(b"oubliette vectors: " + name.encode()).digest(length)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def be(number, length):
    return number.to_bytes(length, "big")


def b64(data):
    return base64.b64encode(data).decode()


# RFC 8032, section 5.1: Ed25519.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BY = 4 * pow(5, P - 2, P) % P


def root_of(y, sign):
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x & 1 != sign else x


BX = root_of(BY, 0)
BASE = (BX, BY, 1, BX * BY % P)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def packed(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def halves(seed):
    digest = hashlib.sha512(seed).digest()
    a = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return a, digest[32:]


def public(seed):
    return packed(times(halves(seed)[0], BASE))


def sign(seed, message):
    a, prefix = halves(seed)
    key = packed(times(a, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    point = packed(times(r, BASE))
    h = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little") % L
    return point + ((r + h * a) % L).to_bytes(32, "little")


# RFC 8032, section 7.1, test 1.
assert sign(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), b""
).hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")

# C2SP: signed notes, cosignatures.


def key_id(name, kind, key):
    return sha(name.encode(), b"\n", bytes([kind]), key)[:4]


def vkey(name, kind, seed):
    key = public(seed)
    return f"{name}+{key_id(name, kind, key).hex()}+{b64(bytes([kind]) + key)}"


def line(name, kind, seed, signature):
    return f"\u2014 {name} {b64(key_id(name, kind, public(seed)) + signature)}\n"


def note(text, name, seed):
    return text + "\n" + line(name, 1, seed, sign(seed, text.encode()))


def cosigned(signed, text, name, seed, time):
    message = f"cosignature/v1\ntime {time}\n{text}"
    return signed + line(name, 4, seed, be(time, 8) + sign(seed, message.encode()))


# RFC 6962, section 2.1.


def mth(leaves):
    if len(leaves) < 2:
        return sha(b"\0", leaves[0]) if leaves else sha()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", mth(leaves[:k]), mth(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m < k:
        return path(m, leaves[:k]) + [mth(leaves[k:])]
    return path(m - k, leaves[k:]) + [mth(leaves[:k])]


def subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m <= k:
        return subproof(m, leaves[:k], whole) + [mth(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [mth(leaves[:k])]


def peaks(leaves):
    found, at, size = [], 0, len(leaves)
    for bit in range(size.bit_length() - 1, -1, -1):
        if size >> bit & 1:
            found.append(mth(leaves[at : at + (1 << bit)]))
            at += 1 << bit
    return found


def lines(hashes):
    return "".join(b64(each) + "\n" for each in hashes)


# Section 11: the ledger's records.


def record(number):
    fields = b"OUBROOT1" + be(10 * number + 1, 8) + be(10 * number + 2, 8)
    fields += fixed(f"root {number}") + fixed(f"root {number + 1}")
    fields += be(1_700_000_000 + number, 8) + be(number + 1, 4) + bytes([number % 2]) + bytes(11)
    return fields + sha(fields)[:16]


VAULT, JOB, HANDLE, SALT = fixed("vault", 16), fixed("job", 16), fixed("handle", 16), fixed("salt")
ANCHOR, WITNESS = fixed("anchor"), fixed("witness")
prk = hmac.new(bytes(32), ANCHOR, hashlib.sha256).digest()
SEED = hmac.new(prk, b"oubliette/v1/receipt/sign\x01", hashlib.sha256).digest()
NAME = "oubliette/" + VAULT.hex()
ROOTS = [record(n) for n in range(5)]


def checkpoint(size):
    return f"{NAME}\n{size}\n{b64(mth(ROOTS[:size]))}\n"


def inclusion(index, size):
    signed = note(checkpoint(size), NAME, SEED)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{lines(path(index, ROOTS[:size]))}\n{signed}"


# Section 13: receipts.

BINDING = sha(b"oubliette/v1/receipt/binding", SALT, be(5, 8), "änn".encode() + b"!", JOB)


def receipt_id(state):
    return sha(b"oubliette/v1/receipt/id", JOB, bytes([state]))[:16]


def text(document):
    return "oubliette.receipt/v1\n" + json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def erased():
    root = ROOTS[3]
    return {
        "receipt": receipt_id(2).hex(),
        "state": "erased",
        "vault": VAULT.hex(),
        "issued": "2023-11-14T22:15:00.5Z",
        "subject": {"binding": BINDING.hex(), "job": JOB.hex()},
        "request": {
            "requested": "2023-11-14T22:13:20Z",
            "reason": "account_closed",
            "policy": "the whole person, every class of content: keys are destroyed, rows and blobs removed afterwards",
            "region": "eu",
            "holds": "none stood when the keys were destroyed",
            "cooling_off": "not waited for: an operator asked for it at once",
            "asked_by": "an operator with the vault in hand",
        },
        "blocked": "2023-11-14T22:13:21Z",
        "erased": "2023-11-14T22:13:23Z",
        "keys": {
            "generation_before": 31,
            "generation_after": 32,
            "root_before": fixed("root 3").hex(),
            "root_after": fixed("root 4").hex(),
            "entries_removed": 4,
            "cell_class": "E1",
            "cells": 1,
            "mirrors": 2,
            "leases_drained": 7,
        },
        "log": {"entry": b64(root), "proof": inclusion(3, 4).splitlines()},
        "sanitization": {
            "guideline": "NIST SP 800-88",
            "method": "Purge",
            "technique": "Cryptographic Erase: the root secret above all of the person's keys was replaced and overwritten",
            "media_type": "root cells of 32 bytes of key, each masked by 16 KiB of randomness",
            "media_source": f"vault {VAULT.hex()}, 1 root cell(s)",
            "tool": "oubliette",
            "tool_version": "0.1.0",
            "verification": "every overwritten cell was synced and read back, and the new key pages were durable, before anything was acknowledged",
            "validation": "E1: a file that was seen to be overwritten in place; the device below it may still keep old blocks for a while",
            "performed_by": "the vault's own key writer, as asked by the request above",
            "performed": "2023-11-14T22:13:23Z",
        },
    }


def stored(signed, state, generation):
    data = signed.encode()
    head = b"OUBR" + bytes([1, state, 0, 0]) + be(len(data), 4) + HANDLE + receipt_id(state) + JOB + be(generation, 8)
    whole = head + sha(head)[:4] + data
    return whole + sha(whole)[:16]


signed = note(text(erased()), NAME, SEED)
newest = note(checkpoint(5), NAME, SEED)
print(
    json.dumps(
        {
            "anchor": ANCHOR.hex(),
            "vault": VAULT.hex(),
            "job": JOB.hex(),
            "handle": HANDLE.hex(),
            "salt": SALT.hex(),
            "user": "änn!",
            "witness": WITNESS.hex(),
            "roots": [root.hex() for root in ROOTS],
            "key": vkey(NAME, 1, SEED),
            "witness_key": vkey("witness.example/1", 4, WITNESS),
            "witness_private": f"PRIVATE+witness+witness.example/1+{b64(WITNESS)}\n",
            "binding": BINDING.hex(),
            "receipt": signed,
            "stored": stored(signed, 2, 32).hex(),
            "state": f"oubliette.log/v1\ngeneration 42\n{lines(peaks(ROOTS))}\n{newest}",
            "inclusion": inclusion(1, 5),
            "consistency": f"old 3\n{lines(subproof(3, ROOTS, True))}\n{newest}",
            "cosigned": cosigned(newest, checkpoint(5), "witness.example/1", WITNESS, 1_700_000_100),
        },
        indent=1,
        ensure_ascii=False,
    )
)
