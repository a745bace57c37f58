//! Keys that a venue takes at first and refuses later: public data goes on, and it is said once.

use std::path::Path;

use connector_emulator::config::{AccountConfig, EmulateConfig};
use connector_emulator::keys::{AccountKeys, Credentials};
use connector_emulator::serve::{Ending, Fault};
use connector_net::session::Cause;

use crate::harness::{Scene, Stage, judged};
use crate::story::Story;

fn with_accounts(config: &mut EmulateConfig) {
    for name in ["coinbase", "gemini", "bitstamp"] {
        config.accounts.push(AccountConfig {
            venue: name.to_owned(),
            name: "test".to_owned(),
            balances: [].into(),
        });
    }
}

/// Settings that give the engine the key of one venue.
fn key_of(venue: &str, keys: &[AccountKeys], dir: &Path) -> Vec<String> {
    let found = keys.iter().find(|keys| keys.venue == venue).expect("it has an account");
    let (name, secret) = match &found.credentials {
        Credentials::Coinbase { es256_name, es256_pem, .. } => (es256_name, es256_pem),
        Credentials::Gemini { key, secret } | Credentials::Bitstamp { key, secret, .. } => {
            (key, secret)
        }
        Credentials::Solana { .. } => unreachable!("Invariant: a chain has wallets, no keys"),
    };
    let file = dir.join("key");
    std::fs::write(&file, secret).expect("written");
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, owner).expect("set");
    vec![
        format!("venues.{venue}.key_name=\"{name}\""),
        format!("venues.{venue}.key_file=\"{}\"", file.display()),
    ]
}

fn expired(venue: &'static str) -> Story {
    let stage = Stage { adjust: with_accounts, ..Stage::default() };
    let scene = Scene::start_with(&stage, |keys, dir| key_of(venue, keys, dir));
    scene.pass_ms(2_000);
    let before = scene.view(venue).problems;
    scene.fault(venue, Fault::AuthExpired, 25_000);
    // Where the venue does not end it by itself: tokens are looked at when something is asked for.
    scene.fault(venue, Fault::Disconnect { how: Ending::Close }, 0);
    let is_said = scene.comes(|views| {
        views
            .iter()
            .any(|view| view.name == venue && view.problems.iter().any(|it| it.contains("key")))
    });
    let is_well = scene.is_well_again();
    scene.pass_ms(3_000);
    let said = scene.view(venue).problems;
    let mut story = scene.end();
    if !before.is_empty() {
        story.problems.push(format!("problems with a good key: {before:?}"));
    }
    if !is_said || said.len() > 3 {
        story.problems.push(format!("the refusal was not said, or too often: {said:?}"));
    }
    if !is_well {
        story.problems.push("public data did not come back".to_owned());
    }
    let counts = story.link(venue).counts;
    if counts.ended(Cause::Closed) == 0 || counts.opens > 5 {
        story.problems.push(format!("unexpected ends: {counts:?}"));
    }
    story
}

#[test]
fn coinbase_auth_expired() {
    judged("coinbase_auth_expired", || expired("coinbase"));
}

#[test]
fn gemini_auth_expired() {
    judged("gemini_auth_expired", || expired("gemini"));
}

#[test]
fn bitstamp_auth_expired() {
    judged("bitstamp_auth_expired", || expired("bitstamp"));
}
