"""An OpenID Connect issuer on 127.0.0.1 for tests: metadata, a JWKS and tokens, signed by openssl.

    with Issuer() as issuer:
        token = issuer.token(aud="app", sub="job-7")

A token is made from its parts, so that a test can leave out or falsify any of them."""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64_json(value):
    return b64(json.dumps(value).encode())


class SigningKey:
    """A key pair of openssl: "RS256" or "ES256"."""

    def __init__(self, directory, key_id, algorithm):
        self.key_id, self.algorithm = key_id, algorithm
        self.path = pathlib.Path(directory) / f"{key_id}.pem"
        kind = (["genrsa", "-out", self.path, "2048"] if algorithm == "RS256" else
                ["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", self.path])
        subprocess.run(["openssl", *kind], check=True, capture_output=True)

    def public_pem(self):
        return subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout"], check=True,
                              capture_output=True).stdout

    def jwk(self):
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        if self.algorithm == "ES256":
            point = der[-64:]
            return {"kty": "EC", "crv": "P-256", "kid": self.key_id, "use": "sig", "alg": "ES256",
                    "x": b64(point[:32]), "y": b64(point[32:])}
        text = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"], check=True,
                              capture_output=True, text=True).stdout
        modulus = bytes.fromhex(text.strip().split("=")[1])
        return {"kty": "RSA", "kid": self.key_id, "use": "sig", "alg": "RS256", "n": b64(modulus),
                "e": b64(b"\x01\x00\x01")}

    def sign(self, text):
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=text,
                             check=True, capture_output=True).stdout
        if self.algorithm == "RS256":
            return der
        # SEQUENCE { INTEGER r, INTEGER s }, each with up to one leading zero.
        r_size = der[3]
        r = der[4:4 + r_size]
        s = der[6 + r_size:]
        return b"".join(part.lstrip(b"\0").rjust(32, b"\0") for part in (r, s))


class Issuer:
    def __init__(self):
        self._directory = tempfile.mkdtemp(prefix="cairn-issuer-")
        self.keys = {"rsa": SigningKey(self._directory, "rsa", "RS256"),
                     "ec": SigningKey(self._directory, "ec", "ES256")}
        self.published = dict(self.keys)
        self.requests = []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.requests.append(self.path)
                replies = {
                    "/.well-known/openid-configuration":
                        {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"},
                    "/keys": {"keys": [key.jwk() for key in issuer.published.values()]}}
                body = json.dumps(replies.get(self.path, {})).encode()
                self.send_response(200 if self.path in replies else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._directory, ignore_errors=True)

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": self.url, "aud": "app", "sub": "job-7", "iat": now, "nbf": now,
                  "exp": now + 600}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key="rsa", header=None, sign=None, **changes):
        """`header`: changes of the header; `sign`: makes the signature of the signed text."""
        signer = self.keys[key]
        head = {"typ": "JWT", "alg": signer.algorithm, "kid": signer.key_id}
        head.update(header or {})
        head = {name: value for name, value in head.items() if value is not None}
        text = f"{b64_json(head)}.{b64_json(self.claims(**changes))}".encode()
        return text.decode() + "." + b64((sign or signer.sign)(text))

    def confused_token(self):
        """HS256 with the public key's text as the secret."""
        secret = self.keys["rsa"].public_pem()
        return self.token(header={"alg": "HS256"},
                          sign=lambda text: hmac.new(secret, text, hashlib.sha256).digest())
