//! A client's transaction as it came: bytes, signatures, message.

use ed25519_dalek::{Signature, VerifyingKey};
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use solana_transaction::versioned::VersionedTransaction;

/// Most bytes of a transaction: what fits into one packet.
pub const TRANSACTION_BYTES_MAX: usize = 1_232;

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// Why bytes are no transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Longer than a packet.
    #[error("{bytes} bytes, at most {TRANSACTION_BYTES_MAX}")]
    TooLong {
        /// That long.
        bytes: usize,
    },
    /// Not the wire format, or something behind it.
    #[error("{0}")]
    Malformed(String),
    /// A message of a version that this chain does not take.
    #[error("unsupported transaction version")]
    Version,
    /// Indexes that lead nowhere, or counts that contradict each other.
    #[error("failed to sanitize: {0}")]
    Unsound(String),
}

/// A transaction that is well-formed. Whether its signatures are good is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTransaction {
    bytes: Vec<u8>,
    inner: VersionedTransaction,
    message_at: usize,
}

impl ClientTransaction {
    /// Reads the wire format, all of it.
    ///
    /// # Errors
    ///
    /// Too long, malformed, of version 1, or inconsistent in itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return Err(Undecodable::TooLong { bytes: bytes.len() });
        }
        let inner: VersionedTransaction = wincode::deserialize_exact(bytes)
            .map_err(|error| Undecodable::Malformed(error.to_string()))?;
        if matches!(inner.message, VersionedMessage::V1(_)) {
            return Err(Undecodable::Version);
        }
        inner.sanitize().map_err(|error| Undecodable::Unsound(error.to_string()))?;
        if inner.signatures.is_empty() {
            return Err(Undecodable::Unsound("no signature".to_owned()));
        }
        // Nineteen signatures fit into a packet: their count takes one byte.
        let message_at = 1 + SIGNATURE_BYTES * inner.signatures.len();
        Ok(Self { bytes: bytes.to_vec(), inner, message_at })
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message as it came: what the signatures sign.
    #[must_use]
    pub fn message_bytes(&self) -> &[u8] {
        self.bytes.get(self.message_at..).unwrap_or_default()
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &VersionedMessage {
        &self.inner.message
    }

    /// Every signature, in the order of the signers.
    pub fn signatures(&self) -> impl Iterator<Item = [u8; SIGNATURE_BYTES]> {
        self.inner.signatures.iter().map(|signature| <[u8; SIGNATURE_BYTES]>::from(*signature))
    }

    /// The first signature: the transaction's name.
    #[must_use]
    pub fn id(&self) -> [u8; SIGNATURE_BYTES] {
        self.signatures().next().unwrap_or([0; SIGNATURE_BYTES])
    }

    /// Who pays.
    #[must_use]
    pub fn fee_payer(&self) -> Pubkey {
        self.message().static_account_keys().first().copied().unwrap_or_default()
    }

    /// Whether every signature is that of its signer over the message.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let keys = self.message().static_account_keys();
        self.signatures().zip(keys).all(|(signature, key)| {
            let Ok(key) = VerifyingKey::from_bytes(&key.to_bytes()) else { return false };
            let signature = Signature::from_bytes(&signature);
            key.verify_strict(self.message_bytes(), &signature).is_ok()
        })
    }
}
