//! Files of accounts: the shapes that exist, and what is wrong with wrong ones.

mod common;

use connector_solana::accounts::{AccountFile, Held};
use connector_solana::address::{USDC_MINT, WRAPPED_SOL_MINT};

const SOL: &str = "So11111111111111111111111111111111111111112";
const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
const OWNER: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";

fn flat(pubkey: &str, data: &str) -> String {
    format!("{{\"pubkey\":\"{pubkey}\",\"owner\":\"{OWNER}\",\"data\":[\"{data}\",\"base64\"]}}")
}

fn nested(pubkey: &str, data: &str) -> String {
    format!(
        "{{\"pubkey\":\"{pubkey}\",\"account\":{{\"lamports\":3,\"data\":[\"{data}\",\"base64\"],\
         \"owner\":\"{OWNER}\",\"executable\":false,\"rentEpoch\":18446744073709551615}}}}"
    )
}

fn parse(text: &str) -> Result<AccountFile, String> {
    AccountFile::parse("f.json", text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn all_shapes_give_the_same_accounts() {
    let (one, two) = (flat(SOL, "AAEC"), flat(USDC, ""));
    let named = format!(
        "{{\"a.{SOL}\":{},\"b\":{},\"swap\":{{\"program_id\":\"{OWNER}\",\"accounts\":[],\"data\":\"00\"}}}}",
        nested(SOL, "AAEC"),
        nested(USDC, "")
    );
    let rows = [
        format!("[{one},{two}]"),
        format!("{{\"slot\":5,\"accounts\":[{one},\n{two}],\"note\":null}}"),
        named,
        format!("[{one},{one},{two}]"),
        format!(" [ {} , {two} ] ", one.replace("[\"AAEC\",\"base64\"]", "\"AAEC\"")),
        format!("[{two},{}]", one.replace("AAEC", "\\u0041AEC")),
    ];
    for text in rows {
        let file = parse(&text).expect("reads");
        let Held::Account(account) = file.get(&WRAPPED_SOL_MINT) else { panic!("{text}") };
        assert_eq!(
            (account.data.as_slice(), account.owner.to_string()),
            (&[0, 1, 2][..], OWNER.into())
        );
        let Held::Account(account) = file.get(&USDC_MINT) else { panic!("{text}") };
        assert!(account.data.is_empty());
        assert_eq!(file.iter().count(), 2, "{text}");
        let packed = zstd::bulk::compress(text.as_bytes(), 3).expect("packs");
        let same = AccountFile::parse("f.json", &packed).expect("reads packed");
        assert_eq!(same, file);
    }
}

#[test]
fn null_is_an_account_that_does_not_exist() {
    let file = parse(&format!("[{{\"pubkey\":\"{SOL}\",\"account\":null}}]")).expect("reads");
    assert_eq!(file.get(&WRAPPED_SOL_MINT), Held::Nonexistent);
    assert_eq!(file.get(&USDC_MINT), Held::Unmentioned);
    assert_eq!(file.nonexistent().count(), 1);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let one = flat(SOL, "AAEC");
    let null = format!("{{\"pubkey\":\"{SOL}\",\"account\":null}}");
    let bad_base64 = flat(USDC, "A*EC");
    // What it shows, text, parts of the message.
    let rows = [
        (
            "differing duplicate",
            format!("[{one},\n{}]", flat(SOL, "AAED")),
            vec!["line 2", SOL, "twice"],
        ),
        ("exists and not", format!("[{one},{null}]"), vec![SOL, "twice"]),
        ("base64", format!("[{one},\n\n{bad_base64}]"), vec!["line 3", USDC, "base64"]),
        ("base64 cut", format!("[{}]", flat(SOL, "AAE")), vec![SOL, "base64"]),
        ("encoding", one.replace("\"base64\"", "\"base65\""), vec!["base65"]),
        ("address", flat("nonsense", "AAEC"), vec!["nonsense", "not an address"]),
        ("owner", one.replace(OWNER, "xx"), vec![SOL, "owner"]),
        ("space", one.replace("\"owner\"", "\"space\":4,\"owner\""), vec![SOL, "3 bytes", "4"]),
        ("no data", format!("{{\"pubkey\":\"{SOL}\"}}"), vec![SOL, "expected either"]),
        ("null without key", "{\"account\":null}".into(), vec!["number 1", "pubkey"]),
        ("a number", "7".into(), vec!["account number 1"]),
        ("cut", format!("[{one},{{\"pubkey\":"), vec!["line 1", "EOF"]),
        ("two files", format!("[{one}]\n[{one}]"), vec!["line 2", "trailing"]),
        ("no accounts", "{}".into(), vec!["no accounts"]),
        ("another object", "{\"a\":1}".into(), vec!["no accounts"]),
        ("text", "hello".into(), vec!["line 1"]),
        ("empty", String::new(), vec!["EOF"]),
    ];
    for (shows, text, parts) in rows {
        let single = text.starts_with('{') && text.contains("pubkey")
            || shows.starts_with("a n")
            || shows.starts_with("null");
        let text = if single { format!("[{text}]") } else { text };
        let error = parse(&text).expect_err(shows);
        assert!(error.starts_with("f.json: "), "{shows}: {error}");
        for part in parts {
            assert!(error.contains(part), "{shows}: {error}");
        }
    }
    let absent = AccountFile::read(std::path::Path::new("/nowhere/f.json")).expect_err("no file");
    assert!(absent.to_string().contains("/nowhere/f.json"), "{absent}");
}

#[test]
fn damage_is_an_error_or_another_file_but_no_panic() {
    for name in ["whirlpool_pools_with_vaults_2025.json.zst", "recent_pool_accounts_2026.json"] {
        let Some(path) = common::data_file(name) else { continue };
        let bytes = std::fs::read(path).expect("reads");
        let full = AccountFile::parse(name, &bytes).expect("whole");
        for end in 0..bytes.trim_ascii_end().len() {
            let error = AccountFile::parse(name, &bytes[..end]).expect_err("cut").to_string();
            assert!(error.starts_with(name), "{error}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            match AccountFile::parse(name, &flipped) {
                Ok(file) => assert!(file.iter().count() <= full.iter().count() + 1),
                Err(error) => assert!(error.to_string().starts_with(name), "{error}"),
            }
        }
    }
}
