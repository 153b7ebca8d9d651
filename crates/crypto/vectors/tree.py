#!/usr/bin/env python3
"""Known answers for the key side, written from docs/formats.md alone (Python standard library only).

    python3 crates/crypto/vectors/tree.py > crates/crypto/vectors/tree.json

shares no code with the crate; the crate's tests compare every value and, where python3 is found, run this file again.
"""
import hashlib
import hmac
import json

# Inputs: fixed bytes that name what they are for.


def fixed(name, length=32):
    return hashlib.shake_256(b"oubliette vectors: " + name.encode()).digest(length)


# Section 1: primitives.


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(ikm, salt, info):
    """RFC 5869 with SHA-256, 32 bytes out; no salt is 32 zero bytes."""
    return mac(mac(salt or bytes(32), ikm), info, b"\x01")


def tree_child(seed, bit):
    return mac(seed, b"oubliette/v1/tree/child", bytes([int(bit)]))


def tree_seed(root, path):
    for bit in path:
        root = tree_child(root, bit)
    return root


def object_key(root, path):
    return mac(tree_seed(root, path), b"oubliette/v1/tree/leaf")


# Section 2: paths as strings of 0 and 1.


def gamma(n):
    digits = bin(n)[2:]
    return "0" * (len(digits) - 1) + digits


def leaf_path(class_, compartment, branch, seq):
    return f"{class_:08b}" + gamma(compartment) + str(branch) + gamma(seq)


def through(base, n):
    """The fewest subtrees that hold the codes of 1 to n and no other code."""
    pieces = []
    first = 1
    while first <= n:
        k = first.bit_length() - 1
        size = first & -first  # the largest aligned run that starts here ...
        while size > (1 << k) or first + size - 1 > n:  # ... within its block and the range
            size //= 2
        pieces.append(base + gamma(first)[: 2 * k + 1 - (size.bit_length() - 1)])
        first += size
    return pieces


# Section 3: covers. A node is ("cut",), ("seed", bytes), ("inner", left, right) or ("page", id, key, bits).


def build(root, cuts, path=""):
    """The unpaged cover: what is left of the tree when `cuts` (paths, below `path`) are taken out."""
    if path in cuts:
        return ("cut",)
    if not cuts:
        return ("seed", tree_seed(root, path))
    here = len(path)
    sides = [build(root, {c for c in cuts if c[here] == bit}, path + bit) for bit in "01"]
    return ("cut",) if sides[0] == sides[1] == ("cut",) else ("inner", *sides)


def minimal(cuts):
    """Without what lies below another cut."""
    cuts = set(cuts)
    return {c for c in cuts if not any(c[:i] in cuts for i in range(len(c)))}


def seeds_of(node, path=""):
    if node[0] == "seed":
        return [[path, node[1].hex()]]
    if node[0] == "inner":
        return seeds_of(node[1], path + "0") + seeds_of(node[2], path + "1")
    return []


def partition(node, path, pages):
    """Size of `node` inline; adds [path, bits] to `pages` for each page below it."""
    if node[0] == "cut":
        return 2
    if node[0] == "seed":
        return 258
    size = [partition(node[1], path + "0", pages), partition(node[2], path + "1", pages)]
    if 2 + sum(size) > 7744:
        larger = 0 if size[0] >= size[1] else 1
        for side in (larger, 1 - larger):
            still = 2 + sum(size) > 7744
            if size[side] > 370 and (still or (side != larger and size[side] > 1936)):
                pages.append([path + str(side), size[side]])
                size[side] = 370
    return 2 + sum(size)


def encode(node):
    tags, payload = [], b""

    def walk(node):
        nonlocal payload
        tags.append({"cut": "00", "seed": "01", "inner": "10", "page": "11"}[node[0]])
        if node[0] == "seed":
            payload += node[1]
        elif node[0] == "inner":
            walk(node[1])
            walk(node[2])
        elif node[0] == "page":
            payload += node[1] + node[2] + node[3].to_bytes(2, "big")

    walk(node)
    bits = "".join(tags)
    bits += "0" * (-len(bits) % 8)
    packed = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return len(tags).to_bytes(2, "big") + packed + payload


def cover_vector(name, root, cuts):
    node = build(root, minimal(cuts))
    pages = []
    bits = partition(node, "", pages)
    if bits > 4992:
        pages.append(["", bits])
    return {
        "name": name,
        "cuts": cuts,
        "seeds": seeds_of(node),
        "pages": sorted(pages),
        "fragment": None if pages else encode(node).hex(),
    }


# Section 4: pages, with AES-256-GCM (FIPS 197, SP 800-38D) spelled out, nonce zero.


def xtime(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def gf_mul(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = xtime(a), b >> 1
    return product


def sbox():
    table = []
    for value in range(256):
        inverse = next((i for i in range(256) if gf_mul(value, i) == 1), 0)
        rotated = [inverse << i | inverse >> 8 - i for i in range(5)]
        table.append((rotated[0] ^ rotated[1] ^ rotated[2] ^ rotated[3] ^ rotated[4] ^ 0x63) & 0xFF)
    return table


SBOX = sbox()


def expand_key(key):
    words = [list(key[i : i + 4]) for i in range(0, 32, 4)]
    rcon = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = xtime(rcon)
        elif i % 8 == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word)])
    return [sum(words[i : i + 4], []) for i in range(0, 60, 4)]


def aes(rounds, block):
    state = [a ^ b for a, b in zip(block, rounds[0])]
    for number, round_key in enumerate(rounds[1:], 1):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < 14:
            columns = [state[i : i + 4] for i in range(0, 16, 4)]
            state = [
                gf_mul(c[r], 2) ^ gf_mul(c[(r + 1) % 4], 3) ^ c[(r + 2) % 4] ^ c[(r + 3) % 4]
                for c in columns
                for r in range(4)
            ]
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def ghash_mul(x, y):
    product = 0
    for i in range(127, -1, -1):
        product ^= y if x >> i & 1 else 0
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def seal(key, aad, text):
    """AES-256-GCM under the nonce zero: ciphertext and tag."""
    rounds = expand_key(key)
    stream = b"".join(aes(rounds, (i + 2).to_bytes(16, "big")) for i in range(len(text) // 16 + 1))
    cipher = bytes(a ^ b for a, b in zip(text, stream))
    pad = lambda data: data + bytes(-len(data) % 16)
    lengths = (len(aad) * 8).to_bytes(8, "big") + (len(text) * 8).to_bytes(8, "big")
    hashed, h = 0, int.from_bytes(aes(rounds, bytes(16)), "big")
    blocks = pad(aad) + pad(cipher) + lengths
    for i in range(0, len(blocks), 16):
        hashed = ghash_mul(hashed ^ int.from_bytes(blocks[i : i + 16], "big"), h)
    mask = int.from_bytes(aes(rounds, (1).to_bytes(16, "big")), "big")
    return cipher + (hashed ^ mask).to_bytes(16, "big")


def page_vector(kind):
    key, page_id, vault, body = fixed("page key"), fixed("page id", 12), fixed("vault", 16), fixed("body", 976)
    header = b"OP" + bytes([1, kind]) + page_id + vault
    return {
        "kind": kind,
        "id": page_id.hex(),
        "vault": vault.hex(),
        "key": key.hex(),
        "body": body.hex(),
        "page": (header + seal(key, header, body)).hex(),
    }


# Sections 1, 5 and 7: what is derived outside of the trees.


def derivations():
    vault, salt = fixed("vault", 16), fixed("root salt")
    shares = [fixed("share 0"), fixed("share 1")]
    root = hkdf(b"".join(shares), vault, b"oubliette/v1/root/secret" + bytes([len(shares)]))
    tag_key, anchor_key = fixed("K_tag"), fixed("K_anchor")
    pointer = fixed("pointer", 120)
    digest_key = hkdf(anchor_key, b"", b"oubliette/v1/anchor/digest")
    row_key, value = fixed("row key", 30), fixed("row value", 100)
    slot_header = b"OUBANCH2" + (7).to_bytes(8, "big") + bytes(8)
    slot_salt, digests = fixed("slot salt"), fixed("digests", 100)
    slot_key = hkdf(anchor_key, slot_salt, b"oubliette/v1/anchor/slot" + slot_header)
    row_header = bytes([2]) + (7).to_bytes(8, "big")
    anchor_row_key = hkdf(anchor_key, slot_salt, b"oubliette/v1/anchor/row" + row_header)
    redo_rows = bytes([5]) + b"key 1" + b"\x01\x00\x05" + b"value" + bytes([5]) + b"key 2" + b"\x00"
    redo_body = bytes([1, 26]) + fixed("digest") + (3).to_bytes(8, "big") + (99).to_bytes(8, "big") + b"\x00\x02" + redo_rows
    redo_header = b"OUBREDO1" + (7).to_bytes(8, "big") + (48 + len(redo_body)).to_bytes(4, "big") + bytes(4) + fixed("chain", 16)
    redo_key = hkdf(anchor_key, slot_salt, b"oubliette/v1/anchor/redo" + redo_header)
    return {
        "vault": vault.hex(),
        "shares": [share.hex() for share in shares],
        "root key of both shares": root.hex(),
        "root key of the first share": hkdf(shares[0], vault, b"oubliette/v1/root/secret\x01").hex(),
        "root salt": salt.hex(),
        "generation": 258,
        "root page key": hkdf(root, salt, b"oubliette/v1/root/page" + (258).to_bytes(8, "big")).hex(),
        "pointer": pointer.hex(),
        "pointer mac": mac(hkdf(root, b"", b"oubliette/v1/root/pointer"), pointer).hex(),
        "tag key": tag_key.hex(),
        "user id": "player one",
        "person tag": mac(tag_key, b"oubliette/v1/tag/person", b"player one")[:16].hex(),
        "handle": fixed("handle", 16).hex(),
        "handle tag": mac(tag_key, b"oubliette/v1/tag/handle", fixed("handle", 16))[:16].hex(),
        "anchor key": anchor_key.hex(),
        "anchor digest key": digest_key.hex(),
        "row key": row_key.hex(),
        "row value": value.hex(),
        "row digest": mac(digest_key, len(row_key).to_bytes(2, "big"), row_key, value).hex(),
        "anchor body": digests.hex(),
        "anchor slot header": slot_header.hex(),
        "anchor slot": (slot_salt + seal(slot_key, slot_header, digests)).hex(),
        "anchor row header": row_header.hex(),
        "anchor row": (slot_salt + seal(anchor_row_key, row_header, digests)).hex(),
        "anchor redo body": redo_body.hex(),
        "anchor redo header": redo_header.hex(),
        "anchor redo": (slot_salt + seal(redo_key, redo_header, redo_body)).hex(),
    }


def leaves(root):
    numbers = [1, 2, 3, 4, 5, 7, 8, 1000, 65535, 65536, 2**31, 2**32 - 1]
    seqs = numbers + [2**32, 2**53 + 1, 2**63, 2**64 - 1]
    named = [(c, 1, b, 1) for c in range(1, 6) for b in (0, 1)]
    named += [(1, n, 1, 1) for n in numbers] + [(2, 1, 1, n) for n in seqs]
    named += [(5, 2**32 - 1, b, 2**64 - 1) for b in (0, 1)]
    paths = [leaf_path(*name) for name in named]
    return [
        {"class": n[0], "compartment": n[1], "branch": n[2], "seq": str(n[3]), "path": p, "key": object_key(root, p).hex()}
        for n, p in zip(named, paths)
    ]


def ranges():
    counts = list(range(1, 34)) + [99, 100, 1000, 2**32 - 2, 2**32 - 1]
    items = [{"class": 2, "compartment": 3, "n": str(n), "paths": through(leaf_path(2, 3, 1, 1)[:-1], n)} for n in counts + [2**64 - 2, 2**64 - 1]]
    return items + [{"class": 1, "compartment": None, "n": str(n), "paths": through("00000001", n)} for n in counts]


def covers(root):
    item = lambda seq: leaf_path(2, 1, 1, seq)
    items = lambda n: through("00000010" + gamma(1) + "1", n)
    scattered = [int.from_bytes(fixed(f"seq {i}", 4), "big") % 900 + 1 for i in range(150)]
    return [
        cover_vector("nothing", root, []),
        cover_vector("everything", root, [""]),
        cover_vector("a class", root, ["00000010"]),
        cover_vector("a conversation", root, ["00000010" + gamma(5)]),
        cover_vector("the first message", root, [item(1)]),
        cover_vector("a meta", root, [leaf_path(3, 1, 0, 1)]),
        cover_vector("messages one by one, up to 7", root, [item(n) for n in range(1, 8)]),
        cover_vector("messages through 7", root, items(7)),
        cover_vector("messages through 100, and some within", root, items(100) + [item(50), item(7)]),
        cover_vector("compartments through 9", root, through("00000001", 9)),
        cover_vector("every other message", root, [item(n) for n in range(2, 200, 2)]),
        cover_vector("scattered messages", root, [item(n) for n in scattered]),
    ]


def fragments(root):
    page = lambda name, bits: ("page", fixed(name + " id", 12), fixed(name + " key"), bits)
    seed = ("seed", tree_seed(root, "0"))
    shapes = {
        "one page": ("inner", page("left", 7600), seed),
        "two pages": ("inner", page("left", 7000), page("right", 2000)),
        "pages and cuts": ("inner", ("inner", ("cut",), seed), ("inner", page("left", 7744), ("cut",))),
    }
    return [{"name": name, "fragment": encode(node).hex()} for name, node in shapes.items()]


def main():
    root = fixed("root seed")
    vectors = {
        "derivations": derivations(),
        "pages": [page_vector(kind) for kind in range(1, 8)],
        "root seed": root.hex(),
        "leaves": leaves(root),
        "ranges": ranges(),
        "covers": covers(root),
        "fragments": fragments(root),
    }
    print(json.dumps(vectors, indent=1, ensure_ascii=True))


if __name__ == "__main__":
    main()
