//! `riptide emulate` as a process: what it prints, what it serves, how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn riptide(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riptide"));
    command.arg("emulate").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A configuration file in a folder of its own.
fn config(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("emulate.toml");
    std::fs::write(&path, text).expect("a file");
    (folder, path)
}

fn refused(text: &str) -> Output {
    let (_folder, path) = config(text);
    riptide(&["--config", &path.display().to_string()]).output().expect("it runs")
}

/// Waits for its first line, and leaves it running.
fn started(args: &[&str]) -> (Child, String) {
    let mut child = riptide(args).spawn().expect("it runs");
    let stdout = child.stdout.as_mut().expect("piped");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    (child, line)
}

fn end(mut child: Child, signal: rustix::process::Signal) -> i32 {
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, signal).expect("it still runs");
    child.wait().expect("it ends").code().expect("not by the signal itself")
}

fn get(address: &str, path: &str) -> String {
    let address = address.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).expect("it listens");
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: test\r\nconnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    body.to_owned()
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let (folder, path) = config(
        "seed = 3\ncontrol_port = 0\nca_file = \"CA\"\nkeys_file = \"KEYS\"\n\
         [venues.bitstamp]\nport = 0\ntls_port = 0\n\
         [[accounts]]\nvenue = \"bitstamp\"\nname = \"demo\"\nbalances = { USD = 1 }\n",
    );
    let text = std::fs::read_to_string(&path).expect("the file");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let text = text.replace("CA", &place("out/ca.pem")).replace("KEYS", &place("out/keys.json"));
    std::fs::write(&path, text).expect("the file");
    let path = path.display().to_string();
    let (child, line) = started(&["--config", &path, "--json", "--seed", "9"]);
    let told: Value = serde_json::from_str(&line).expect("one object on one line");
    assert_eq!(told["seed"], 9);
    let venue = &told["venues"][0];
    assert_eq!(venue["venue"], "bitstamp");
    assert!(venue["wss"].as_str().is_some_and(|it| it.starts_with("wss://localhost")), "{told}");
    let http = venue["http"].as_str().expect("a plain port");
    let ticker: Value = serde_json::from_str(&get(http, "/api/v2/ticker/solusd/")).expect("JSON");
    assert!(ticker["last"].is_string(), "{ticker}");
    let truth = get(told["control"].as_str().expect("a control port"), "/truth");
    let truth: Value = serde_json::from_str(&truth).expect("JSON");
    assert!(
        !truth["exchanges"]["bitstamp"]["SOL-USD"]["bids"].as_array().expect("levels").is_empty()
    );
    assert!(!truth["chain"]["accounts"].as_object().expect("accounts").is_empty());
    let pem = std::fs::read_to_string(place("out/ca.pem")).expect("the authority");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let keys = std::fs::read_to_string(place("out/keys.json")).expect("the keys");
    let keys: Value = serde_json::from_str(&keys).expect("JSON");
    assert_eq!(keys["bitstamp"][0]["account"], "demo");
    assert_eq!(end(child, rustix::process::Signal::TERM), 0);

    let (child, line) = started(&[]);
    assert!(line.starts_with("bitstamp  http://127.0.0.1:"), "{line}");
    assert_eq!(end(child, rustix::process::Signal::INT), 0);
}

#[test]
fn what_hinders_it_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let cases = [
        ("time_scale = 0\n".to_owned(), "time_scale: is 0", "from 1 to 1000"),
        ("sede = 1\n".to_owned(), "line 1: unknown field `sede`", "explains every key"),
        (
            format!("[venues.gemini]\nport = {port}\n"),
            "gemini: cannot listen on 127.0.0.1:",
            "another port",
        ),
    ];
    for (text, says, hint) in cases {
        let output = refused(&text);
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(78), "{stderr}");
        assert!(stderr.contains(says) && stderr.contains(hint), "{text}: {stderr}");
    }
    let output = riptide(&["--config", "no/such/file.toml"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(66));
}
