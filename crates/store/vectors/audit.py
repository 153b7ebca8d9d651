#!/usr/bin/env python3
"""An audit file with two records, from docs/formats.md, section 12, alone: `audit.py > audit.hex`."""
import hashlib
import struct


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def text(words):
    words = words.encode()
    return bytes([len(words)]) + words


VAULT = bytes([1]) * 16
chain = sha(b"oubliette/v1/audit/start", VAULT)
head = b"OUBAUDT1" + VAULT + struct.pack(">QQQ", 1, 1, 0) + chain
head = head.ljust(480, b"\0")
file = head + sha(head)
for seq in (1, 2):
    body = struct.pack(">BBQQQ", 1, 1, seq, seq, 1_700_000_000_000_000 + seq)
    body += bytes([9]) * 16 + bytes([8]) * 16 + bytes([5]) * 8
    body += struct.pack(">QIHB4s", 0x30, 1, 403, 1, bytes([1, 2, 3, 4]))
    body += text("eu-1") + text("POST /v1/subjects/{user}/chats/{peer}/messages")
    body += text("chat:write") + text("blocked_by_recipient") + text("x")
    length = 8 + len(body) + 32
    record = b"OUBA" + struct.pack(">HH", length, length ^ 0xFFFF) + body
    chain = sha(b"oubliette/v1/audit/chain", chain, record)
    file += record + chain
digits = file.hex()
print("\n".join(digits[n : n + 96] for n in range(0, len(digits), 96)))
