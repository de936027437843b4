#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signs requests with somebody else's implementation of RFC 9421, and verifies with it what `device` signs.

    signatures.py http://127.0.0.1:8080 path/to/device
"""

import base64
import hashlib
import http.server
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

COVERED = ("@method", "@authority", "@path", "@query", "content-digest", "mesh-key")
server, device_program = sys.argv[1:3]
failures = 0


def spki(public_key):
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return public_key.public_bytes(encoding, form)


def device_id(public_key):
    """The first 122 bits of the key's SHA-256, as a UUID of version 8."""
    bits = int.from_bytes(hashlib.sha256(spki(public_key)).digest()[:16], "big") >> 6
    high, middle, low = bits >> 74, bits >> 62 & 0xFFF, bits & (1 << 62) - 1
    return str(uuid.UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))


class OneKey(HTTPSignatureKeyResolver):
    def __init__(self, private=None, public=None):
        self.private, self.public = private, public

    def resolve_private_key(self, key_id):
        return self.private

    def resolve_public_key(self, key_id):
        return self.public


class Device:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = device_id(self.key.public_key())

    def request(self, method, path, body=b"", **change):
        url = change.get("url", server + path)
        headers = {
            "Accept": "application/json",
            "Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:",
            "Mesh-Key": f":{base64.b64encode(spki(change.get('shown', self.key).public_key())).decode()}:",
        }
        if body:
            headers["Content-Type"] = "application/json"
        prepared = requests.Request(method, url, data=body, headers=headers).prepare()
        signer = HTTPMessageSigner(
            signature_algorithm=algorithms.ECDSA_P256_SHA256,
            key_resolver=OneKey(private=change.get("signing", self.key)),
        )
        signer.sign(
            prepared,
            key_id=self.id,
            created=datetime.now(timezone.utc) + timedelta(seconds=change.get("age", 0)),
            nonce=secrets.token_hex(16),
            tag="swift-mesh",
            label="mesh",
            include_alg=True,
            use_existing_digest=True,
            covered_component_ids=change.get("covered", COVERED),
        )
        return prepared


def send(prepared, **change):
    """The server's status and cause."""
    for name, value in change.items():
        setattr(prepared, name, value)
    with requests.Session() as session:
        answer = session.send(prepared, timeout=10)
    content = answer.json() if answer.content else None
    return answer.status_code, content.get("cause") if isinstance(content, dict) else None


def expect(what, found, wanted):
    global failures
    right = found == wanted
    failures += not right
    print(f"{'ok  ' if right else 'FAIL'} {what}: {found}" + ("" if right else f", not {wanted}"))


def check_theirs():
    device, other = Device(), Device()
    body = json.dumps({"id": device.id, "port": 9000}).encode()
    register = lambda **change: device.request("POST", "/register", body, **change)
    expect("their signature of a registration", send(register()), (201, None))
    expect("of a heartbeat", send(device.request("POST", f"/devices/{device.id}/heartbeat")), (200, None))
    expect("of a query", send(device.request("GET", "/devices?limit=5&name=a%20b")), (200, None))

    once = register()
    send(once)
    expect("a replayed one", send(once), (403, "signature-replayed"))
    expect("an old one", send(register(age=-31)), (403, "signature-expired"))
    expect("one of the future", send(register(age=32)), (403, "signature-from-the-future"))
    for left_out in COVERED:
        rest = tuple(name for name in COVERED if name != left_out)
        expect(f"one without {left_out}", send(register(covered=rest)), (400, "signature-malformed"))
    more = COVERED + ("accept",)
    expect("one that covers more", send(register(covered=more)), (400, "signature-malformed"))
    expect("another key's signature", send(register(signing=other.key)), (403, "signature-wrong"))
    expect("another key shown", send(register(shown=other.key)), (403, "signature-of-other-key"))
    expect("another body", send(register(), body=body.replace(b"9000", b"9001")), (403, "signature-of-other-body"))
    expect("another id", send(device.request("POST", f"/devices/{other.id}/heartbeat")), (403, "other-key"))
    elsewhere = device.request("POST", f"/devices/{device.id}/heartbeat")
    elsewhere.url = server + f"/devices/{device.id}"
    elsewhere.method = "DELETE"
    expect("another method and path", send(elsewhere), (403, "signature-wrong"))
    cut = register()
    cut.headers["Signature"] = cut.headers["Signature"][:-20] + ":"
    expect("one that is cut", send(cut), (400, "signature-malformed"))
    half = register()
    del half.headers["Signature"]
    expect("an input without one", send(half), (400, "signature-malformed"))
    expect("leaving", send(device.request("DELETE", f"/devices/{device.id}")), (204, None))


def check_ours():
    """Plays the server for `device`, and verifies what it sends."""
    seen, enough = [], threading.Event()

    class Capture(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://{self.headers['Host']}{self.path}"
            seen.append((requests.Request(self.command, url, headers=dict(self.headers), data=body).prepare(), body))
            enough.set()
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_DELETE = do_POST

        def log_message(self, *words):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Capture)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        command = [device_program, "--signaling", f"http://127.0.0.1:{listener.server_port}", "--no-prompt"]
        command += ["--listen", "127.0.0.1:0", "--state-dir", directory]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        enough.wait(20)
        process.terminate()
        process.wait(10)
    listener.shutdown()
    expect("requests of device", bool(seen), True)
    for prepared, body in seen:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        expect("the digest of ours", prepared.headers["Content-Digest"], f"sha-256=:{digest}:")
        key = serialization.load_der_public_key(base64.b64decode(prepared.headers["Mesh-Key"].strip(":")))
        verifier = HTTPMessageVerifier(
            signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=OneKey(public=key)
        )
        results = verifier.verify(prepared, body=body, max_age=timedelta(seconds=60))
        expect("our signature", [result.parameters["keyid"] for result in results], [device_id(key)])


check_theirs()
check_ours()
print("All as it should be." if failures == 0 else f"{failures} are not as they should be.")
sys.exit(failures != 0)
