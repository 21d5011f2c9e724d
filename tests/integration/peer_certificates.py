"""An authority and certificates of nodes, made with the openssl command."""
import os
import shutil
import subprocess
import tempfile


class PeerCertificates:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="cairn-peers-")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-days", "2", "-subj", "/CN=test-ca", "-keyout", self._path("ca.key"),
                      "-out", self.ca)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def ca(self):
        return self._path("ca.pem")

    def flags(self, name, address="127.0.0.1"):
        """Of `cairn serve`, for a node of that name."""
        if not os.path.exists(self._path(name + ".pem")):
            self._make(name, address)
        return ["--peer-ca", self.ca, "--peer-cert", self._path(name + ".pem"),
                "--peer-key", self._path(name + ".key")]

    def _make(self, name, address):
        request, extensions = self._path(name + ".csr"), self._path(name + ".ext")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/CN=" + name, "-keyout", self._path(name + ".key"), "-out", request)
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName=IP:{address},DNS:localhost\n"
                       "extendedKeyUsage=serverAuth,clientAuth\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._path("ca.key"),
                      "-CAcreateserial", "-days", "2", "-extfile", extensions,
                      "-out", self._path(name + ".pem"))

    def _path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError("openssl: " + done.stderr)
