//! Keys of the emulated accounts. They follow from the seed, the venue and the account's name, so
//! that tests and clients can know them, and open nothing but an emulator.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::AccountConfig;

/// What opens an account.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Coinbase: one key of each kind.
    Coinbase {
        /// Name (`kid`) of the P-256 key.
        es256_name: String,
        /// The P-256 key as PEM (SEC1).
        es256_pem: String,
        /// Name of the Ed25519 key.
        ed25519_name: String,
        /// The Ed25519 key: seed and public key in base64.
        ed25519_base64: String,
    },
    /// Gemini.
    Gemini {
        /// The key.
        key: String,
        /// Its secret.
        secret: String,
    },
    /// Bitstamp.
    Bitstamp {
        /// The key.
        key: String,
        /// Its secret.
        secret: String,
        /// Number of the account.
        user_id: u64,
    },
    /// A wallet.
    Solana {
        /// Its address: the public key.
        address: [u8; 32],
        /// Seed and public key.
        keypair: [u8; 64],
    },
}

impl std::fmt::Debug for Credentials {
    /// Without any secret, so that none gets into a log by habit.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Coinbase { es256_name, .. } => write!(f, "Coinbase({es256_name})"),
            Self::Gemini { key, .. } => write!(f, "Gemini({key})"),
            Self::Bitstamp { key, .. } => write!(f, "Bitstamp({key})"),
            Self::Solana { address, .. } => {
                write!(f, "Solana({})", bs58::encode(address).into_string())
            }
        }
    }
}

/// An account and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKeys {
    /// Its venue.
    pub venue: String,
    /// Its name.
    pub account: String,
    /// What opens it.
    pub credentials: Credentials,
}

/// The keys of accounts; those at a venue without accounts are left out.
#[must_use]
pub fn make(seed: u64, accounts: &[AccountConfig]) -> Vec<AccountKeys> {
    let one = |account: &AccountConfig| {
        let from = Source { seed, venue: &account.venue, account: &account.name };
        let credentials = match account.venue.as_str() {
            "coinbase" => from.coinbase(),
            "gemini" => Credentials::Gemini {
                key: format!("account-{}", from.word("key", 20)),
                secret: from.word("secret", 28),
            },
            "bitstamp" => Credentials::Bitstamp {
                key: from.word("key", 32),
                secret: from.word("secret", 32),
                user_id: 1_000_000 + from.number("user") % 9_000_000,
            },
            "solana" => {
                let key = SigningKey::from_bytes(&from.bytes("wallet", 0));
                Credentials::Solana {
                    address: key.verifying_key().to_bytes(),
                    keypair: key.to_keypair_bytes(),
                }
            }
            _ => return None,
        };
        let (venue, account) = (account.venue.clone(), account.name.clone());
        Some(AccountKeys { venue, account, credentials })
    };
    accounts.iter().filter_map(one).collect()
}

/// Where an account's chance comes from.
struct Source<'a> {
    seed: u64,
    venue: &'a str,
    account: &'a str,
}

impl Source<'_> {
    fn bytes(&self, what: &str, turn: u64) -> [u8; 32] {
        let Self { seed, venue, account } = self;
        Sha256::digest(format!("emulated key/{seed}/{venue}/{account}/{what}/{turn}")).into()
    }

    fn number(&self, what: &str) -> u64 {
        self.bytes(what, 0).iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// Letters and digits, up to 32.
    fn word(&self, what: &str, length: usize) -> String {
        const LETTERS: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let bytes = self.bytes(what, 0);
        bytes.iter().take(length).map(|byte| char::from(LETTERS[usize::from(*byte) % 62])).collect()
    }

    fn uuid(&self, what: &str) -> String {
        let mut bytes = self.bytes(what, 0);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let number = u128::from_be_bytes(bytes[..16].try_into().unwrap_or_default());
        let hex = format!("{number:032x}");
        let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
        format!("{a}-{b}-{c}-{}-{}", &hex[16..20], &hex[20..])
    }

    fn coinbase(&self) -> Credentials {
        let organization = self.uuid("organization");
        let name = |what: &str| format!("organizations/{organization}/apiKeys/{}", self.uuid(what));
        // Nearly every 256-bit number is a P-256 key; the turns are for the one in 2^32 that is not.
        let secret = (0..64).find_map(|turn| {
            SecretKey::from_slice(&self.bytes("es256", turn)).ok().map(|secret| sec1_pem(&secret))
        });
        let secret = secret.expect("Invariant: 64 numbers in a row that are no key do not occur");
        let key = SigningKey::from_bytes(&self.bytes("ed25519", 0));
        Credentials::Coinbase {
            es256_name: name("es256 name"),
            es256_pem: secret,
            ed25519_name: name("ed25519 name"),
            ed25519_base64: STANDARD.encode(key.to_keypair_bytes()),
        }
    }
}

/// A P-256 key as PEM in the form of SEC1 (RFC 5915), with the name of its curve: without it, which
/// the standard allows, OpenSSL and the clients above it refuse the key.
fn sec1_pem(secret: &SecretKey) -> String {
    // SEQUENCE of 119 bytes: version 1, OCTET STRING of 32 bytes,
    const HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
    // [0] prime256v1, [1] BIT STRING of the uncompressed point.
    const CURVE: [u8; 12] =
        [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const POINT: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];
    let point = secret.public_key().to_encoded_point(false);
    let der = [&HEAD[..], &secret.to_bytes(), &CURVE, &POINT, point.as_bytes()].concat();
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN EC PRIVATE KEY-----\n");
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + "\n-----END EC PRIVATE KEY-----\n"
}

/// The keys as JSON, by venue.
#[must_use]
pub fn json(keys: &[AccountKeys]) -> Value {
    let mut venues = serde_json::Map::new();
    for AccountKeys { venue, account, credentials } in keys {
        let value = match credentials {
            Credentials::Coinbase { es256_name, es256_pem, ed25519_name, ed25519_base64 } => {
                json!({
                    "account": account,
                    "es256": { "name": es256_name, "secret": es256_pem },
                    "ed25519": { "name": ed25519_name, "secret": ed25519_base64 },
                })
            }
            Credentials::Gemini { key, secret } => {
                json!({ "account": account, "key": key, "secret": secret })
            }
            Credentials::Bitstamp { key, secret, user_id } => {
                json!({ "account": account, "key": key, "secret": secret, "user_id": user_id })
            }
            Credentials::Solana { address, keypair } => json!({
                "account": account,
                "address": bs58::encode(address).into_string(),
                "keypair": bs58::encode(keypair).into_string(),
            }),
        };
        let list = venues.entry(venue.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
    }
    Value::Object(venues)
}

/// Writes the keys as JSON into a file that only its owner can read.
///
/// # Errors
///
/// The file or its folder cannot be made or written.
pub fn write(path: &Path, keys: &[AccountKeys]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{:#}", json(keys))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn accounts() -> Vec<AccountConfig> {
        let account = |venue: &str, name: &str| AccountConfig {
            venue: venue.to_owned(),
            name: name.to_owned(),
            balances: BTreeMap::new(),
        };
        let venues = ["coinbase", "gemini", "bitstamp", "solana"];
        venues.iter().flat_map(|venue| [account(venue, "a"), account(venue, "b")]).collect()
    }

    #[test]
    fn keys_follow_from_seed_and_names() {
        let keys = make(1, &accounts());
        assert_eq!(keys, make(1, &accounts()));
        let texts = |keys: &[AccountKeys]| {
            keys.iter().map(|key| format!("{:?}", key.credentials)).collect::<BTreeSet<_>>()
        };
        let (one, other) = (texts(&keys), texts(&make(2, &accounts())));
        assert_eq!(one.len(), 8);
        assert!(one.is_disjoint(&other));
    }

    #[test]
    fn keys_have_the_forms_that_venues_hand_out() {
        let keys = json(&make(1, &accounts()));
        let first = |venue: &str| keys[venue][0].clone();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let pem = text(&first("coinbase")["es256"]["secret"]);
        assert!(pem.starts_with("-----BEGIN EC PRIVATE KEY-----\n"), "{pem}");
        let key = SecretKey::from_sec1_pem(&pem).expect("a key");
        assert_eq!(sec1_pem(&key), pem, "there and back");
        assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
        let name = text(&first("coinbase")["ed25519"]["name"]);
        assert!(name.starts_with("organizations/") && name.len() == 14 + 36 + 9 + 36, "{name}");
        let pair = STANDARD.decode(text(&first("coinbase")["ed25519"]["secret"])).expect("base64");
        let pair: [u8; 64] = pair.try_into().expect("64 bytes");
        assert!(SigningKey::from_keypair_bytes(&pair).is_ok());
        assert!(text(&first("gemini")["key"]).starts_with("account-"));
        assert_eq!(text(&first("bitstamp")["secret"]).len(), 32);
        let pair = bs58::decode(text(&first("solana")["keypair"])).into_vec().expect("base58");
        let address = bs58::decode(text(&first("solana")["address"])).into_vec().expect("base58");
        assert_eq!((pair.len(), &pair[32..]), (64, &address[..]));
    }

    #[test]
    fn the_file_is_its_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("emulator-keys-{}", std::process::id()));
        let path = folder.join("deep/keys.json");
        write(&path, &make(1, &accounts())).expect("a file");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(serde_json::from_str::<Value>(&text).is_ok());
        std::fs::remove_dir_all(&folder).expect("ours to remove");
    }
}
