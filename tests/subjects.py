"""Subjects of certificates, by what Java calls them in RFC 2253 form."""

from cryptography.x509 import Name, NameAttribute, RelativeDistinguishedName
from cryptography.x509.oid import NameOID, ObjectIdentifier


def _name(*parts: tuple[ObjectIdentifier, str]) -> Name:
    return Name([NameAttribute(*part) for part in parts])


CN, ORG, UNIT, C = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COUNTRY_NAME,
)
SUBJECTS = {
    r"CN=client,OU=dev,O=Acme\, Inc.,C=US": _name(
        (C, "US"), (ORG, "Acme, Inc."), (UNIT, "dev"), (CN, "client")
    ),
    r"CN=\ a \"b\" \= \<c\>\; \#d\+e\\f\ \ ": _name((CN, ' a "b" = <c>; #d+e\\f  ')),
    "CN=Юля,STREET=straße,ST=Wien,L=Wien": _name(
        (NameOID.LOCALITY_NAME, "Wien"),
        (NameOID.STATE_OR_PROVINCE_NAME, "Wien"),
        (NameOID.STREET_ADDRESS, "straße"),
        (CN, "Юля"),
    ),
    "UID=u,DC=example,DC=com": _name(
        (NameOID.DOMAIN_COMPONENT, "com"),
        (NameOID.DOMAIN_COMPONENT, "example"),
        (NameOID.USER_ID, "u"),
    ),
    "1.2.840.113549.1.9.1=#1603614062,2.5.4.5=#13023132,CN=x": _name(
        (CN, "x"), (NameOID.SERIAL_NUMBER, "12"), (NameOID.EMAIL_ADDRESS, "a@b")
    ),
    "CN=a+OU=b,O=c": Name(
        [
            RelativeDistinguishedName([NameAttribute(ORG, "c")]),
            RelativeDistinguishedName([NameAttribute(CN, "a"), NameAttribute(UNIT, "b")]),
        ]
    ),
}
