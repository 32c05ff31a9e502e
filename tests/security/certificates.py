"""Certificates for the tests: an authority, servers with and without a flaw, clients."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

__all__ = ["Certificates", "Pair"]

PASSWORD = "key-password-of-the-tests"


class Pair:
    """A certificate with what leads to its authority, and its key, as PEM files."""

    def __init__(self, folder: Path, name: str, leaf: trustme.LeafCert) -> None:
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.both, self.locked = folder / f"{name}.both.pem", folder / f"{name}.locked.key"
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        self.cert.write_bytes(chain)
        # Kafka reads keys in this form only.
        self.key.write_bytes(_pem(key, serialization.NoEncryption()))
        self.both.write_bytes(self.key.read_bytes() + chain)
        self.locked.write_bytes(_pem(key, serialization.BestAvailableEncryption(PASSWORD.encode())))


class Certificates:
    """Everything that a server or a client may show.

    Parameters
    ----------
    folder : path
        Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        authority, stranger = trustme.CA(), trustme.CA()
        self.ca, self.other_ca = folder / "ca.pem", folder / "other-ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        stranger.cert_pem.write_to_path(self.other_ca)
        now = datetime.now(UTC)
        here = ("127.0.0.1", "localhost")
        self.server = Pair(folder, "server", authority.issue_cert(*here))
        self.named = Pair(folder, "named", authority.issue_cert("localhost"))
        self.elsewhere = Pair(folder, "elsewhere", authority.issue_cert("kafka.example"))
        self.expired = Pair(
            folder,
            "expired",
            authority.issue_cert(
                *here, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
            ),
        )
        self.client = Pair(folder, "client", authority.issue_cert("worker@streamgauge.example"))
        self.stranger = Pair(folder, "stranger", stranger.issue_cert("worker@streamgauge.example"))


def _pem(key, encryption):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
