#!/usr/bin/env python3
"""Writes the files beside it as SteamDesktopAuthenticator and Steam write theirs. Needs PyPI `cryptography`.

No such Steam account exists; every secret is a hash of a sentence. The pass-phrase is in `passphrase.txt`.
"""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HERE = Path(__file__).parent
PASSPHRASE = "correct horse ü 电池"


def made(name, length=20):
    return hashlib.shake_256(b"oubliette fixtures: " + name.encode()).digest(length)


def text(name, length=20):
    return base64.b64encode(made(name, length)).decode()


def mafile(account, steam_id):
    return {
        "shared_secret": text(account + " shared"),
        "serial_number": "1234567890123456789",
        "revocation_code": "R12345",
        "uri": f"otpauth://totp/Steam:{account}?secret=GEZDGNBV&issuer=Steam",
        "server_time": 1700000000,
        "account_name": account,
        "token_gid": "fe1239034828",
        "identity_secret": text(account + " identity"),
        "secret_1": text(account + " one"),
        "status": 1,
        "device_id": "android:00000000-0000-4000-8000-00000000de30",
        "fully_enrolled": True,
        "Session": {
            "SteamID": steam_id,
            "AccessToken": None,
            "RefreshToken": "eyAi." + made(account + " refresh").hex() + ".c2ln",
            "SessionID": "0123456789abcdef",
        },
    }


def seal(plain, salt, iv, passphrase=PASSPHRASE):
    key = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), salt, 50_000, 32)
    pad = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize())


def main():
    plain = json.dumps(mafile("plain_demo", 76561197960287929))
    (HERE / "plain/76561197960287929.maFile").write_text(plain)

    entries = []
    for account, steam_id in [("sealed_demo", 76561197960287930), ("second_demo", 76561197960287931)]:
        salt, iv = made(account + " salt", 8), made(account + " iv", 16)
        name = f"{steam_id}.maFile"
        (HERE / "sealed" / name).write_bytes(seal(json.dumps(mafile(account, steam_id)).encode(), salt, iv))
        entries.append(
            {
                "encryption_iv": base64.b64encode(iv).decode(),
                "encryption_salt": base64.b64encode(salt).decode(),
                "filename": name,
                "steamid": steam_id,
            }
        )
    manifest = {"encrypted": True, "first_run": False, "entries": entries, "periodic_checking": False}
    # With the byte order mark that .NET writes.
    (HERE / "sealed/manifest.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(manifest).encode())
    (HERE / "passphrase.txt").write_text(PASSPHRASE + "\n")

    (HERE / "loginusers.vdf").write_text(
        '"users"\n{\n'
        + "".join(
            f'\t"{steam_id}"\n\t{{\n\t\t"AccountName"\t\t"{account}"\n\t\t"PersonaName"\t\t"\\"{account}\\" {{"\n'
            f'\t\t"RememberPassword"\t\t"1"\n\t\t"MostRecent"\t\t"0"\n\t\t"Timestamp"\t\t"1700000000"\n\t}}\n'
            for account, steam_id in [("sealed_demo", 76561197960287930), ("third_demo", 76561197960287932)]
        )
        + "}\n"
    )
    (HERE / "config.vdf").write_text(
        """"InstallConfigStore"
{
\t"Software"
\t{
\t\t"Valve"
\t\t{
\t\t\t"steam"
\t\t\t{
\t\t\t\t"Accounts"
\t\t\t\t{
\t\t\t\t\t"sealed_demo"
\t\t\t\t\t{
\t\t\t\t\t\t"SteamID"\t\t"76561197960287930"
\t\t\t\t\t}
\t\t\t\t}
\t\t\t\t"ConnectCache"
\t\t\t\t{
\t\t\t\t\t"c0ffee121"\t\t"01000000d08c9ddf0115d1118c7a00c04fc297eb"
\t\t\t\t}
\t\t\t}
\t\t}
\t}
\t"Authentication"
\t{
\t\t"RememberedMachineID"
\t\t{
\t\t\t"sealed_demo"\t\t"eyAi.machine.c2ln"
\t\t}
\t}
}
"""
    )
    # For the seeds of the fuzz target (crates/cli/src/fuzzing.rs), under a pass-phrase of its own.
    sample = seal(b'{"account_name":"ann","shared_secret":"hunter2"}', bytes(8), bytes(16), "pass-phrase")
    print(sample.decode())


if __name__ == "__main__":
    main()
