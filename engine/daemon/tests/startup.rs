//! What a start says of a configuration that is wrong: one error that names the key, and code 78; 69 where
//! the network may be the reason.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use connector_emulator::config::{AccountConfig, EmulateConfig};
use connector_emulator::keys::{AccountKeys, Credentials};
use connector_emulator::serve::{self, CertificateKind, Running};
use connector_emulator::world::world;
use engine_daemon::demo;

/// The code of a configuration that is wrong (`EX_CONFIG`).
const BAD_CONFIG: i32 = 78;

/// The code of what a later start may find mended (`EX_UNAVAILABLE`).
const UNAVAILABLE: i32 = 69;

/// Longest that a start may take to find out, however slow the machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// The name that the emulated venues' certificates hold for.
const NAME: &str = "localhost";

struct Start {
    running: Running,
    keys: Vec<AccountKeys>,
    dir: tempfile::TempDir,
}

impl Start {
    fn new(certificate: CertificateKind) -> Self {
        let mut config = EmulateConfig { seed: 3, control_port: None, ..EmulateConfig::default() };
        for (name, venue) in &mut config.venues {
            venue.tls_port = Some(0);
            venue.certificate = certificate;
            config.accounts.push(AccountConfig {
                venue: name.clone(),
                name: "test".to_owned(),
                balances: [].into(),
            });
        }
        let world = world(&config).expect("a world");
        let running = serve::start(world.options).expect("it listens");
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), running.ca_pem()).expect("written");
        Self { running, keys: world.keys, dir }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, owner).expect("set");
        path
    }

    fn secure(&self, venue: &str) -> String {
        let at = self.running.venue(venue).and_then(|bound| bound.tls).expect("it listens");
        format!("{NAME}:{}", at.port())
    }

    /// Runs the binary with these settings over the demo's; its code, none where it had to be ended, and
    /// what it said.
    fn run(&self, text: &str, sets: &[String], patience: Duration) -> (Option<i32>, String) {
        let config = self.file("start.toml", text);
        let mut all = demo::addresses(&self.running).expect("every venue listens");
        let ca = self.dir.path().join("ca.pem");
        all.push(format!("runtime.authorities_file=\"{}\"", ca.display()));
        let journal = self.dir.path().join("journal");
        all.push(format!("runtime.journal_dir=\"{}\"", journal.display()));
        all.extend(sets.iter().cloned());
        let mut command = Command::new(env!("CARGO_BIN_EXE_riptide"));
        command.arg("run").arg("--config").arg(&config).args(["--seconds", "20"]);
        for set in &all {
            command.arg("--set").arg(set);
        }
        let errors = self.dir.path().join("errors");
        let file = std::fs::File::create(&errors).expect("a file");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file)
            .spawn()
            .expect("the binary runs");
        let from = Instant::now();
        let code = loop {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                break status.code();
            }
            if from.elapsed() > patience {
                child.kill().expect("it can be ended");
                child.wait().expect("it ends");
                break None;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        (code, std::fs::read_to_string(errors).expect("text"))
    }

    fn refuses(&self, text: &str, sets: &[String], names: &[&str]) {
        self.ends_with(BAD_CONFIG, text, sets, names);
    }

    fn ends_with(&self, expected: i32, text: &str, sets: &[String], names: &[&str]) {
        let (code, says) = self.run(text, sets, PATIENCE);
        assert_eq!(code, Some(expected), "{sets:?}: {says}");
        for name in names {
            assert!(says.contains(name), "{sets:?}: {name} is not in: {says}");
        }
        assert!(says.lines().any(|line| line.starts_with("hint: ")), "{says}");
    }
}

const EXCHANGES: [&str; 3] = ["coinbase", "gemini", "bitstamp"];

#[test]
fn a_host_that_does_not_exist() {
    let start = Start::new(CertificateKind::Good);
    for venue in EXCHANGES {
        let set = format!("venues.{venue}.ws_url=\"wss://no-such-host.invalid\"");
        start.ends_with(UNAVAILABLE, demo::CONFIG, &[set], &[&format!("[venues.{venue}] ws_url")]);
    }
    let set = "venues.solana.ws_urls=[\"wss://no-such-host.invalid\"]".to_owned();
    start.ends_with(UNAVAILABLE, demo::CONFIG, &[set], &["[venues.solana] ws_urls"]);
}

#[test]
fn a_port_where_nobody_listens_is_waited_for_and_named() {
    let start = Start::new(CertificateKind::Good);
    let mut sets =
        EXCHANGES.map(|venue| format!("venues.{venue}.ws_url=\"ws://127.0.0.1:1\"")).to_vec();
    sets.push("venues.solana.ws_urls=[\"ws://127.0.0.1:1\"]".to_owned());
    // The venue may be down: it is no reason to end.
    let (code, says) = start.run(demo::CONFIG, &sets, Duration::from_secs(15));
    assert_eq!(code, None, "{says}");
    let keys = ["coinbase] ws_url", "gemini] ws_url", "bitstamp] ws_url", "solana] ws_urls"];
    for key in keys {
        let line = says.lines().find(|line| line.contains(&format!("see [venues.{key}")));
        assert!(line.is_some_and(|line| line.contains("127.0.0.1:1")), "{key}: {says}");
    }
}

#[test]
fn a_certificate_that_does_not_hold() {
    for kind in [CertificateKind::Expired, CertificateKind::WrongName, CertificateKind::Untrusted] {
        let start = Start::new(kind);
        for venue in EXCHANGES {
            let set = format!("venues.{venue}.ws_url=\"wss://{}\"", start.secure(venue));
            let key = format!("[venues.{venue}] ws_url");
            start.refuses(demo::CONFIG, &[set], &[&key, "certificate"]);
        }
        let set = format!("venues.solana.ws_urls=[\"wss://{}\"]", start.secure("solana"));
        start.refuses(demo::CONFIG, &[set], &["[venues.solana] ws_urls", "certificate"]);
    }
}

/// The other half of the one above: with a certificate that holds, the same settings start.
#[test]
fn a_certificate_that_holds() {
    let start = Start::new(CertificateKind::Good);
    let mut sets: Vec<String> = EXCHANGES
        .iter()
        .map(|venue| format!("venues.{venue}.ws_url=\"wss://{}\"", start.secure(venue)))
        .collect();
    sets.push(format!("venues.solana.ws_urls=[\"wss://{}\"]", start.secure("solana")));
    let (code, says) = start.run(demo::CONFIG, &sets, PATIENCE);
    assert_eq!(code, Some(0), "{says}");
}

#[test]
fn a_key_that_the_venue_does_not_take() {
    let start = Start::new(CertificateKind::Good);
    let other = Start::new(CertificateKind::Good);
    for keys in &start.keys {
        let (name, secret) = match &keys.credentials {
            Credentials::Coinbase { es256_pem, .. } => ("nobody's".to_owned(), es256_pem.clone()),
            Credentials::Gemini { key, .. } | Credentials::Bitstamp { key, .. } => {
                (key.clone(), "another secret".to_owned())
            }
            Credentials::Solana { .. } => continue,
        };
        let venue = &keys.venue;
        let file = other.file(&format!("{venue}.key"), &secret);
        let sets = [
            format!("venues.{venue}.key_name=\"{name}\""),
            format!("venues.{venue}.key_file=\"{}\"", file.display()),
        ];
        start.refuses(demo::CONFIG, &sets, &[&format!("[venues.{venue}] key_name")]);
    }
}

#[test]
fn a_symbol_that_the_venue_does_not_know() {
    let start = Start::new(CertificateKind::Good);
    let rows = [
        ("symbol = \"BTC-USD\"", "symbol = \"ABC-USD\"", "coinbase:BTC-USD"),
        ("symbol = \"BTCUSD\"", "symbol = \"ABCUSD\"", "gemini:BTC-USD"),
        ("symbol = \"solusd\"", "symbol = \"abcusd\"", "bitstamp:SOL-USD"),
    ];
    for (from, to, market) in rows {
        assert_eq!(demo::CONFIG.matches(from).count(), 1, "{from}");
        let text = demo::CONFIG.replace(from, to);
        start.refuses(&text, &[], &[market, "symbol"]);
    }
}

#[test]
fn an_address_that_is_no_pool() {
    let start = Start::new(CertificateKind::Good);
    let pool = "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ";
    // One where nothing stands, and a mint.
    let others = [
        "9vqYJjDUFecLL2xPUC4Rc7hyCtZ6iJ4mDiVZX7aFXoAe",
        "So11111111111111111111111111111111111111112",
    ];
    for other in others {
        let text =
            demo::CONFIG.replace(&format!("symbol = \"{pool}\""), &format!("symbol = \"{other}\""));
        start.refuses(&text, &[], &["[[markets]] symbol", other]);
    }
}
