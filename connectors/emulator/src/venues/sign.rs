//! The keyed hashes by which clients sign and venues verify. From the venues' documentation, without
//! a line of the connectors' own signing.

use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};

use super::words::hex;

/// Hex HMAC-SHA384 of a text.
pub(crate) fn sha384_hex(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha384>::new_from_slice(secret.as_bytes())
        .expect("Invariant: HMAC takes keys of any length");
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// Hex HMAC-SHA256 of parts, as if joined.
pub(crate) fn sha256_hex(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("Invariant: HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_hold() {
        // RFC 4231, test case 2.
        let (key, text) = ("Jefe", "what do ya want for nothing?");
        assert_eq!(
            sha256_hex(key, &[&text.as_bytes()[..5], &text.as_bytes()[5..]]),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            sha384_hex(key, text),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649"
        );
    }
}
