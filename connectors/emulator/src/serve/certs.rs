//! Certificates of a test authority that is made anew at every start. Nothing of it outlives the
//! process but the authority's certificate, where a file for it is asked for.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

/// Names that every good certificate is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Which certificate a listener shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// One that holds.
    #[default]
    Good,
    /// One whose time is over.
    Expired,
    /// One for another host.
    WrongName,
    /// One that is signed by an authority nobody was told of.
    Untrusted,
}

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A host name that cannot stand in a certificate, or a failure of the generator.
    #[error("no certificate could be made: {0}")]
    Generate(#[from] rcgen::Error),
    /// The TLS library does not take it.
    #[error("the certificate is not usable: {0}")]
    Tls(#[from] rustls::Error),
}

/// The authority.
pub(super) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    ///
    /// The generator fails.
    pub(super) fn new() -> Result<Self, CertificateError> {
        Self::named("Riptide emulator test authority")
    }

    fn named(name: &str) -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// The authority's certificate, for clients that shall trust it.
    #[must_use]
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// TLS settings of a listener: HTTP/1.1, a certificate of the given kind for `localhost`, the
    /// loopback addresses and `names`.
    ///
    /// # Errors
    ///
    /// A name that cannot stand in a certificate.
    pub(super) fn server_config(
        &self,
        kind: CertificateKind,
        names: &[String],
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let names: Vec<String> = match kind {
            CertificateKind::WrongName => vec!["another-host.invalid".to_owned()],
            CertificateKind::Good | CertificateKind::Expired | CertificateKind::Untrusted => {
                NAMES.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect()
            }
        };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "Riptide emulator");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = match kind {
            CertificateKind::Expired => date_time_ymd(2020, 2, 1),
            CertificateKind::Good | CertificateKind::WrongName | CertificateKind::Untrusted => {
                date_time_ymd(2049, 12, 31)
            }
        };
        let key = KeyPair::generate()?;
        let certificate = if kind == CertificateKind::Untrusted {
            params.signed_by(&key, &Self::named("Somebody else's authority")?.issuer)?
        } else {
            params.signed_by(&key, &self.issuer)?
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
