//! Which crate may use which.

use std::collections::{BTreeMap, BTreeSet};

use super::{assert_none, files_below, read_toml, rust_below};

/// Every crate of the workspace: folder, name, crates of ours that it may use.
const CRATES: &[(&str, &str, Uses)] = &[
    ("engine/model", "engine-model", Uses::These(&[])),
    ("engine/poolmath", "engine-poolmath", Uses::These(&[])),
    ("engine/core", "engine-core", Uses::These(&["engine-model", "engine-poolmath"])),
    ("engine/telemetry", "engine-telemetry", Uses::These(&["engine-model"])),
    ("config", "config", Uses::These(&["engine-model"])),
    ("connectors/net", "connector-net", Uses::These(&["engine-model", "engine-telemetry"])),
    ("connectors/orders", "connector-orders", Uses::These(&["connector-net", "engine-model"])),
    ("connectors/link", "connector-link", LINK),
    ("connectors/coinbase", "connector-coinbase", VENUE),
    ("connectors/gemini", "connector-gemini", VENUE),
    ("connectors/bitstamp", "connector-bitstamp", VENUE),
    ("connectors/solana", "connector-solana", VENUE),
    // Nothing of the venues: an encoder that shared code with a decoder would share its mistakes.
    ("connectors/emulator", "connector-emulator", EMULATOR),
    ("engine/journal", "engine-journal", Uses::These(&["engine-core", "engine-model"])),
    ("engine/store", "engine-store", STORE),
    ("engine/daemon", "engine-daemon", Uses::Everything),
    ("tests", "system-tests", Uses::Everything),
    ("benches", "benches", Uses::Everything),
];

const LINK: Uses = Uses::These(&["connector-net", "connector-orders", "engine-model"]);
const VENUE: Uses =
    Uses::These(&["connector-net", "connector-orders", "engine-model", "engine-poolmath"]);
const STORE: Uses = Uses::These(&["engine-core", "engine-journal", "engine-model"]);
const EMULATOR: Uses = Uses::These(&["engine-model", "engine-poolmath"]);

/// Crates that nobody may use.
const TOPS: &[&str] = &["engine-daemon", "system-tests", "benches"];
/// Except that tests and measurements run the daemon.
const TOP_EDGES: &[(&str, &str)] =
    &[("system-tests", "engine-daemon"), ("benches", "engine-daemon")];

/// Crates whose dependency list is the proof that they cannot reach the outside, with the list.
const CLOSED: &[(&str, &[&str])] = &[
    (
        "engine-model",
        &["proc-macro2", "quote", "serde", "serde_core", "serde_derive", "syn", "unicode-ident"],
    ),
    (
        "engine-poolmath",
        &[
            "proc-macro2",
            "quote",
            "ruint",
            "ruint-macro",
            "serde",
            "serde_core",
            "serde_derive",
            "syn",
            "unicode-ident",
        ],
    ),
    (
        "engine-core",
        &[
            "engine-model",
            "engine-poolmath",
            "proc-macro2",
            "quote",
            "ruint",
            "ruint-macro",
            "serde",
            "serde_core",
            "serde_derive",
            "syn",
            "unicode-ident",
        ],
    ),
];

/// Libraries that stay behind one door: name, the crates that may name it, why.
const DOORS: &[(&str, &[&str], &str)] = &[
    (
        "solana-pubkey",
        &["connector-solana", "connector-emulator", "engine-daemon"],
        "chain libraries are heavy and belong to the chain's connector",
    ),
    (
        "reqwest",
        &["connector-link"],
        "who may make requests is the crate of sockets; venues only say what they want",
    ),
    (
        "tungstenite",
        &["connector-link"],
        "who may open sockets is the crate of sockets; venues only say what they want",
    ),
    (
        "tokio",
        &["connector-link", "connector-emulator", "engine-daemon", "system-tests", "benches"],
        "protocols, books and decisions wait for nothing",
    ),
    ("orca_whirlpools_core", &["system-tests"], "another implementation is for comparing only"),
    ("rust_decimal", &["system-tests", "engine-daemon"], "decimals belong to tests and reports"),
    (
        "rusqlite",
        &["engine-store"],
        "whoever wants rows asks the store, and nobody else writes any",
    ),
];

#[derive(Clone, Copy)]
enum Uses {
    These(&'static [&'static str]),
    Everything,
}

/// Dependencies that a manifest names: normal ones, and all of them.
struct Named {
    normal: BTreeSet<String>,
    all: BTreeSet<String>,
}

fn named(manifest: &toml::Table) -> Named {
    let mut named = Named { normal: BTreeSet::new(), all: BTreeSet::new() };
    let targets = manifest.get("target").and_then(|t| t.as_table()).into_iter().flatten();
    let tables = targets.filter_map(|(_, table)| table.as_table()).chain([manifest]);
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(list) = table.get(kind).and_then(|list| list.as_table()) else { continue };
            for (key, value) in list {
                let name = value.get("package").and_then(|name| name.as_str()).unwrap_or(key);
                named.all.insert(name.to_owned());
                if kind == "dependencies" {
                    named.normal.insert(name.to_owned());
                }
            }
        }
    }
    named
}

fn manifest(folder: &str) -> toml::Table {
    read_toml(&format!("{folder}/Cargo.toml"))
}

#[test]
fn crates_use_only_what_they_may() {
    let ours: BTreeSet<&str> = CRATES.iter().map(|(_, name, _)| *name).collect();
    let mut findings = Vec::new();
    for (folder, name, uses) in CRATES {
        for used in named(&manifest(folder)).all {
            if !ours.contains(used.as_str()) {
                continue;
            }
            let is_listed = match uses {
                Uses::These(list) => list.contains(&used.as_str()),
                Uses::Everything => true,
            };
            let is_top =
                TOPS.contains(&used.as_str()) && !TOP_EDGES.contains(&(*name, used.as_str()));
            if !is_listed || is_top {
                findings.push(format!("{name} uses {used}"));
            }
        }
    }
    assert_none("crate edges that the layout does not allow", &findings);
}

#[test]
fn every_crate_is_in_the_table_and_shares_the_lints() {
    let workspace = read_toml("Cargo.toml");
    let list = |key: &str| -> BTreeSet<String> {
        let list = workspace["workspace"][key].as_array().expect("a list");
        list.iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
    };
    let tabled: BTreeSet<String> = CRATES.iter().map(|(folder, ..)| (*folder).to_owned()).collect();
    assert_eq!(list("members"), tabled, "the table of this test holds the workspace's members");
    assert_eq!(list("default-members").len(), 1, "`cargo run` has one choice");

    let excluded = list("exclude");
    let mut findings = Vec::new();
    for path in files_below(".") {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        let is_outside = excluded.iter().any(|other| {
            folder == other
                || folder.strip_prefix(other.as_str()).is_some_and(|f| f.starts_with('/'))
        });
        if !tabled.contains(folder) && !is_outside {
            findings.push(format!("{folder} is neither a member nor excluded"));
        }
    }
    for (folder, name, _) in CRATES {
        let manifest = manifest(folder);
        let inherits = |table: &str, key: &str| {
            manifest.get(table).and_then(|t| t.get(key)).is_some_and(|value| {
                value.as_bool().or_else(|| value.get("workspace")?.as_bool()) == Some(true)
            })
        };
        assert_eq!(manifest["package"]["name"].as_str(), Some(*name), "{folder}");
        for (table, key) in [
            ("lints", "workspace"),
            ("package", "edition"),
            ("package", "rust-version"),
            ("package", "license"),
            ("package", "publish"),
        ] {
            if !inherits(table, key) {
                findings.push(format!("{name} does not take {table}.{key} from the workspace"));
            }
        }
    }
    assert_none("manifests", &findings);
}

#[test]
fn dependencies_are_found_wherever_they_hide() {
    for (shows, text, normal, all) in [
        ("plain", "[dependencies]\na = \"1\"", 1, 1),
        ("for tests", "[dev-dependencies]\na = \"1\"", 0, 1),
        ("for builds", "[build-dependencies]\na = \"1\"", 0, 1),
        ("renamed", "[dependencies]\nb = { package = \"a\", version = \"1\" }", 1, 1),
        ("for one target", "[target.'cfg(unix)'.dependencies]\na = \"1\"", 1, 1),
        ("another", "[dependencies]\nb = \"1\"", 0, 0),
    ] {
        let named = named(&text.parse().expect("TOML"));
        let found = |list: &BTreeSet<String>| usize::from(list.contains("a"));
        assert_eq!((found(&named.normal), found(&named.all)), (normal, all), "{shows}");
    }
}

/// Packages of the lock file: name to the names that it depends on.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let lock = read_toml("Cargo.lock");
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name").to_owned();
        let uses = package.get("dependencies").and_then(|list| list.as_array());
        let uses = uses.into_iter().flatten().filter_map(|item| item.as_str());
        let uses = uses.map(|item| item.split(' ').next().unwrap_or(item).to_owned());
        packages.entry(name).or_default().extend(uses);
    }
    packages
}

#[test]
fn the_pure_crates_depend_on_a_closed_list() {
    let locked = locked();
    let folder_of = |name: &str| CRATES.iter().find(|(_, n, _)| *n == name).map(|(f, ..)| *f);
    for (name, expected) in CLOSED {
        let mut closure = BTreeSet::new();
        let mut open = vec![(*name).to_owned()];
        while let Some(package) = open.pop() {
            // The lock file mixes in what only tests use; the manifests of ours tell them apart.
            let uses = match folder_of(&package) {
                Some(folder) => named(&manifest(folder)).normal,
                None => locked[&package].clone(),
            };
            open.extend(uses.into_iter().filter(|used| closure.insert(used.clone())));
        }
        let closure: Vec<&str> = closure.iter().map(String::as_str).collect();
        assert_eq!(closure, *expected, "everything that {name} is linked with");
    }
}

#[test]
fn what_the_pure_crates_link_is_built_without_std() {
    let spec = &read_toml("Cargo.toml")["workspace"]["dependencies"]["ruint"];
    assert_eq!(spec.get("default-features").and_then(toml::Value::as_bool), Some(false));
    assert!(spec.get("features").is_none(), "ruint without features is no_std");
    // Features add up over a build: nobody else may bring the crate in with more of them.
    let users: Vec<String> = locked()
        .into_iter()
        .filter(|(_, uses)| uses.contains("ruint"))
        .map(|(name, _)| name)
        .collect();
    let may = ["engine-core", "engine-poolmath"];
    assert!(users.iter().all(|user| may.contains(&user.as_str())), "{users:?} use ruint");
    for (folder, name, _) in CRATES {
        let own = manifest(folder);
        let is_inherited = own.get("dependencies").and_then(|list| list.get("ruint"));
        let has_more = is_inherited.is_some_and(|spec| spec.get("features").is_some());
        assert!(!has_more, "{name} adds features to ruint");
    }
}

#[test]
fn some_libraries_stay_behind_their_door() {
    let mut findings = Vec::new();
    for (folder, name, _) in CRATES {
        let named = named(&manifest(folder));
        for (library, may, why) in DOORS {
            if named.all.contains(*library) && !may.contains(name) {
                findings.push(format!("{name} names {library}: {why}"));
            }
        }
    }
    assert_none("libraries in the wrong crate", &findings);
}

/// Of the engine's arithmetic the emulator may use the plain swap and what it is made of, nothing that
/// is cached for quoting: the two must not share their mistakes.
#[test]
fn the_emulator_shares_the_plain_swap_alone() {
    const CACHED: &[&str] = &["Path", "path", "Quote", "rebuild_in_range", "Segment"];
    let mut findings = Vec::new();
    for (path, text) in rust_below("connectors/emulator/src") {
        for (start, _) in text.match_indices("engine_poolmath::") {
            let import = text[start..].split(';').next().unwrap_or_default();
            let words = import.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            for word in words.filter(|word| CACHED.contains(word)) {
                findings.push(format!("{path} uses {word}"));
            }
        }
        for ours in ["connector_net", "connector_coinbase", "connector_gemini", "connector_link"]
            .into_iter()
            .chain(["connector_bitstamp", "connector_solana", "engine_core", "engine_daemon"])
        {
            if text.contains(&format!("{ours}::")) {
                findings.push(format!("{path} names {ours}"));
            }
        }
    }
    assert_none("what the emulator must not share", &findings);
}

/// Later releases of these are under a licence that this project stays away from; the macros
/// follow the library's version loosely, so the lock files have to hold them.
#[test]
fn no_lock_file_holds_a_release_under_another_licence() {
    let mut findings = Vec::new();
    let locks = files_below(".").into_iter().filter(|path| path.ends_with("Cargo.lock"));
    for path in locks {
        let lock = read_toml(&path);
        for package in lock["package"].as_array().into_iter().flatten() {
            let text = |key: &str| package[key].as_str().unwrap_or_default();
            if text("name").starts_with("orca_") && text("version") != "1.0.4" {
                findings.push(format!("{path}: {} {}", text("name"), text("version")));
            }
        }
    }
    assert_none("releases after the last Apache-2.0 one, 1.0.4", &findings);
}

#[test]
fn versions_live_in_the_workspace() {
    let mut findings = Vec::new();
    for (folder, name, _) in CRATES {
        let manifest = manifest(folder);
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let list = manifest.get(kind).and_then(|list| list.as_table());
            for (key, value) in list.into_iter().flatten() {
                let inherits = value.get("workspace").and_then(toml::Value::as_bool);
                if inherits != Some(true) {
                    findings.push(format!("{name}: {key} does not come from the workspace"));
                }
            }
        }
    }
    assert_none("dependencies with a version of their own", &findings);
}
