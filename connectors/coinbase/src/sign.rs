//! Tokens of a key: one short-lived JWT for each request and each subscription.
//!
//! Source: the venue's documentation of its key kinds. ECDSA P-256 keys come as PEM, in SEC1 or PKCS8,
//! often with their line ends spelt as `\n`; Ed25519 keys as base64 of the seed, with or without the
//! public half behind it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;

/// How long a token is good. Unit: seconds.
const GOOD_S: u64 = 120;

/// Why a key cannot be used. Says nothing of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor base64 of 32 or 64 bytes.
    #[error(
        "the secret is neither a PEM private key of P-256 nor base64 of an Ed25519 key (32 or 64 bytes)"
    )]
    Unreadable,
    /// The public half does not belong to the seed.
    #[error("the two halves of the Ed25519 key do not belong together")]
    HalvesDiffer,
    /// An empty name, or one with control characters.
    #[error("the key's name is empty or holds characters that no key has")]
    Name,
}

/// A key of the venue.
#[derive(Clone)]
pub struct Key {
    name: String,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl core::fmt::Debug for Key {
    /// Not the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Key {
    /// A key from its name (`organizations/…/apiKeys/…` or a bare UUID) and its secret as the venue
    /// hands it out.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn new(name: &str, secret: &str) -> Result<Self, KeyError> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(|letter| letter.is_control() || letter == '"') {
            return Err(KeyError::Name);
        }
        let secret = secret.trim().replace("\\n", "\n");
        let secret = if secret.contains("-----BEGIN") {
            let key = p256::SecretKey::from_sec1_pem(&secret)
                .ok()
                .or_else(|| p256::pkcs8::DecodePrivateKey::from_pkcs8_pem(&secret).ok());
            Secret::P256(Box::new(key.ok_or(KeyError::Unreadable)?.into()))
        } else {
            let bytes = STANDARD.decode(&secret).map_err(|_| KeyError::Unreadable)?;
            let seed = bytes.first_chunk::<32>().ok_or(KeyError::Unreadable)?;
            let key = ed25519_dalek::SigningKey::from_bytes(seed);
            match bytes.get(32..) {
                Some([]) => {}
                Some(public) if public.len() == 32 => {
                    if public != key.verifying_key().as_bytes() {
                        return Err(KeyError::HalvesDiffer);
                    }
                }
                _ => return Err(KeyError::Unreadable),
            }
            Secret::Ed25519(Box::new(key))
        };
        Ok(Self { name: name.to_owned(), secret })
    }

    /// A token for a subscription, or for one request: `request` is method, host and path, as in
    /// `GET api.coinbase.com/api/v3/brokerage/accounts`, never the query. `nonce` must not repeat.
    #[must_use]
    pub fn token(&self, now_s: u64, nonce: u128, request: Option<&str>) -> String {
        let algorithm = match self.secret {
            Secret::P256(_) => "ES256",
            Secret::Ed25519(_) => "EdDSA",
        };
        let name = &self.name;
        let head = format!(
            "{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\",\"kid\":\"{name}\",\"nonce\":\"{nonce:032x}\"}}"
        );
        let until_s = now_s + GOOD_S;
        let uri = request.map_or_else(String::new, |uri| format!(",\"uri\":\"{uri}\""));
        let claims = format!(
            "{{\"sub\":\"{name}\",\"iss\":\"cdp\",\"nbf\":{now_s},\"exp\":{until_s}{uri}}}"
        );
        let mut token = URL_SAFE_NO_PAD.encode(head);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::signature::Signer::sign(key.as_ref(), token.as_bytes());
                signature.to_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(token.as_bytes()).to_vec(),
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// The header that makes a request ours; `request` and `nonce` as in [`Key::token`].
    #[must_use]
    pub fn header(&self, now_s: u64, nonce: u128, request: &str) -> (String, String) {
        let token = self.token(now_s, nonce, Some(request));
        ("authorization".to_owned(), format!("Bearer {token}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vector: seed 00..1f.
    #[test]
    fn an_ed25519_token_equals_the_published_one() {
        let seed: Vec<u8> = (0..32).collect();
        let name = "11111111-2222-3333-4444-555555555555";
        let key = Key::new(name, &STANDARD.encode(&seed)).expect("a seed");
        let nonce = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
        let uri = "GET api.coinbase.com/api/v3/brokerage/accounts";
        let token = key.token(1_767_225_600, nonce, Some(uri));
        let signature = token.rsplit('.').next();
        assert_eq!(
            signature,
            Some(
                "GSws3DloQ_8bmslThFdnuKnsbMoEVK8_ai3tLyac-HXwhFRkEf7mzBwiw04g52tnLz43CI1OMaiG-9JnkGsOBQ"
            )
        );
        assert!(!format!("{key:?}").contains("AAEC"), "no secret in debug output");
    }

    #[test]
    fn a_p256_token_verifies_with_the_public_key_and_both_pem_kinds_read() {
        use p256::ecdsa::signature::Verifier as _;
        use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
        let secret = p256::SecretKey::from_slice(&[7; 32]).expect("a scalar");
        let sec1 = secret.to_sec1_pem(LineEnding::LF).expect("PEM").to_string();
        let pkcs8 = secret.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string();
        let public = p256::ecdsa::VerifyingKey::from(&p256::ecdsa::SigningKey::from(&secret));
        for text in [&sec1, &pkcs8, &sec1.replace('\n', "\\n")] {
            let key = Key::new("organizations/o/apiKeys/k", text).expect("a key");
            let token = key.token(1_767_225_600, 1, None);
            let (signed, signature) = token.rsplit_once('.').expect("three parts");
            let bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64");
            let signature = p256::ecdsa::Signature::from_slice(&bytes).expect("r and s");
            assert!(public.verify(signed.as_bytes(), &signature).is_ok());
            let claims = signed.split('.').nth(1).expect("claims");
            let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).expect("base64"));
            assert!(!claims.expect("text").contains("uri"), "a subscription names no request");
        }
    }

    #[test]
    fn a_key_that_cannot_be_one_is_refused() {
        let good = STANDARD.encode([7; 32]);
        let rows: &[(&str, &str, KeyError)] = &[
            ("", &good, KeyError::Name),
            ("a\nb", &good, KeyError::Name),
            ("k", "", KeyError::Unreadable),
            ("k", "????", KeyError::Unreadable),
            ("k", &STANDARD.encode([7; 31]), KeyError::Unreadable),
            ("k", &STANDARD.encode([7; 63]), KeyError::Unreadable),
            ("k", &STANDARD.encode([7; 64]), KeyError::HalvesDiffer),
            (
                "k",
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
                KeyError::Unreadable,
            ),
        ];
        for (name, secret, expected) in rows {
            assert_eq!(Key::new(name, secret).err(), Some(*expected), "{name} {secret}");
        }
    }
}
