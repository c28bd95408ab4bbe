"""A time-stamp authority for tests: RFC 3161 over RFC 5652, which lies when it is told to.

It writes DER by itself, with the attributes that RFC 3161 demands, so that OpenSSL takes what it
stamps as well.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client import TimeStampRequest
from rfc3161_client._rust import parse_timestamp_request

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
"""The authority's time."""

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_POLICY = "1.2.3.4.1"

_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31
_GENERALIZED_TIME, _UTC_TIME, _FIRST = 0x18, 0x17, 0xA0
_LONG = 0x80
_YEAR = timedelta(days=365)


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < _LONG:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG | len(length)]) + length + content


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(each) for each in dotted.split("."))
    content = bytearray([first * 40 + second])
    for each in rest:
        digits = [each & 0x7F]
        while each := each >> 7:
            digits.insert(0, each & 0x7F | _LONG)
        content += bytes(digits)
    return _der(_OID, bytes(content))


def _algorithm(dotted: str) -> bytes:
    return _der(_SEQUENCE, _oid(dotted))


def _attribute(dotted: str, value: bytes) -> bytes:
    return _der(_SEQUENCE, _oid(dotted), _der(_SET, value))


@dataclass(frozen=True)
class Certified:
    """A key with its certificate."""

    private: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Return the certificate as people pin it."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """Return the certificate as a stamp carries it."""
        return self.certificate.public_bytes(Encoding.DER)


def _certified(
    name: str,
    issuer: Certified | None,
    *,
    ca: bool,
    usage: x509.ObjectIdentifier | None = None,
    until: datetime = NOW + 10 * _YEAR,
) -> Certified:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 2 * _YEAR)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    certificate = builder.sign(issuer.private if issuer else private, SHA256())
    return Certified(private, certificate)


def authority(name: str = "Test root") -> Certified:
    """Return a root that issues certificates."""
    return _certified(name, None, ca=True)


def intermediate(root: Certified) -> Certified:
    """Return a certificate that issues others and is issued by ``root``."""
    return _certified("Test intermediate", root, ca=True)


def stamper(
    issuer: Certified,
    *,
    until: datetime = NOW + 5 * _YEAR,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
    name: str = "Test stamper",
) -> Certified:
    """Return who may stamp, issued by ``issuer``."""
    return _certified(name, issuer, ca=False, usage=usage, until=until)


@dataclass(frozen=True)
class Tsa:
    """An authority that stamps.

    Attributes:
        signer: Whose key signs.
        chain: The further certificates that a stamp carries.
        time: The time that it says.
        digest: What it stamps instead of what was asked; None to be honest.
        nonce: What it answers instead of the request's nonce; None to be honest.
        status: What it says about the request: 0 is granted, 2 refused.
        tampered: Whether the signature is that of another content.
    """

    signer: Certified
    chain: tuple[Certified, ...] = ()
    time: datetime = NOW
    digest: bytes | None = None
    nonce: int | None = None
    status: int = 0
    tampered: bool = False
    serial: int = field(default=7)

    def lying(self, **lies: object) -> "Tsa":
        """Return the same authority with a lie."""
        return replace(self, **lies)  # type: ignore[arg-type]

    def answer(self, request: bytes) -> bytes:
        """Return the response to a request, DER."""
        if self.status:
            return _der(_SEQUENCE, _der(_SEQUENCE, _integer(self.status)))
        asked: TimeStampRequest = parse_timestamp_request(request)
        info = self._info(asked)
        return _der(_SEQUENCE, _der(_SEQUENCE, _integer(0)), self._token(info))

    def _info(self, asked: TimeStampRequest) -> bytes:
        digest = self.digest or asked.message_imprint.message
        nonce = self.nonce or asked.nonce
        return _der(
            _SEQUENCE,
            _integer(1),
            _oid(_POLICY),
            _der(_SEQUENCE, _algorithm(_SHA256), _der(_OCTETS, digest)),
            _integer(self.serial),
            _der(_GENERALIZED_TIME, f"{self.time:%Y%m%d%H%M%SZ}".encode()),
            _integer(nonce) if nonce is not None else b"",
        )

    def _token(self, info: bytes) -> bytes:
        certificate = self.signer.certificate
        signed = info[:-1] + b"?" if self.tampered else info
        # In DER the members of a set stand in the order of their bytes.
        attributes = sorted(
            [
                _attribute(_CONTENT_TYPE, _oid(_TST_INFO)),
                _attribute(_SIGNING_TIME, _der(_UTC_TIME, f"{self.time:%y%m%d%H%M%SZ}".encode())),
                _attribute(_MESSAGE_DIGEST, _der(_OCTETS, hashlib.sha256(signed).digest())),
                _attribute(
                    _SIGNING_CERTIFICATE,
                    # SigningCertificateV2 of one ESSCertIDv2, whose default hash is SHA-256.
                    _der(
                        _SEQUENCE,
                        _der(
                            _SEQUENCE,
                            _der(
                                _SEQUENCE,
                                _der(_OCTETS, hashlib.sha256(self.signer.der).digest()),
                            ),
                        ),
                    ),
                ),
            ]
        )
        to_sign = _der(_SET, *attributes)
        signer_info = _der(
            _SEQUENCE,
            _integer(1),
            _der(_SEQUENCE, certificate.issuer.public_bytes(), _integer(certificate.serial_number)),
            _algorithm(_SHA256),
            bytes([_FIRST]) + to_sign[1:],
            _algorithm(_ECDSA_SHA256),
            _der(_OCTETS, self.signer.private.sign(to_sign, ec.ECDSA(SHA256()))),
        )
        signed_data = _der(
            _SEQUENCE,
            _integer(3),
            _der(_SET, _algorithm(_SHA256)),
            _der(_SEQUENCE, _oid(_TST_INFO), _der(_FIRST, _der(_OCTETS, info))),
            _der(_FIRST, *sorted(each.der for each in (self.signer, *self.chain))),
            _der(_SET, signer_info),
        )
        return _der(_SEQUENCE, _oid(_SIGNED_DATA), _der(_FIRST, signed_data))
