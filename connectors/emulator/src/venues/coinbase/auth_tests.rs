use ed25519_dalek::Signer as _;
use p256::pkcs8::EncodePrivateKey as _;

use super::*;

const NOW_S: u64 = 1_767_225_600;
const ED_NAME: &str = "11111111-2222-3333-4444-555555555555";
const EC_NAME: &str = "organizations/ORG/apiKeys/KEY";

fn seed() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).expect("32 is small"))
}

fn ec_secret() -> p256::SecretKey {
    p256::SecretKey::from_slice(&[7; 32]).expect("a scalar")
}

fn ec_pem() -> String {
    ec_secret().to_sec1_pem(p256::pkcs8::LineEnding::LF).expect("PEM").to_string()
}

fn keys() -> Vec<ApiKey> {
    let ed = ApiKey::from_secret(ED_NAME, &STANDARD.encode(seed()), "alice", Scopes::Trade);
    let ec = ApiKey::from_secret(EC_NAME, &ec_pem(), "bob", Scopes::View);
    vec![ed.expect("an Ed25519 key"), ec.expect("a P-256 key")]
}

fn signed(header: &str, claims: &str, is_ec: bool) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = if is_ec {
        let signature: p256::ecdsa::Signature =
            p256::ecdsa::SigningKey::from(ec_secret()).sign(message.as_bytes());
        signature.to_bytes().to_vec()
    } else {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed());
        key.sign(message.as_bytes()).to_vec()
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn request(token: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        host: "127.0.0.1:8080".to_owned(),
        path: "/api/v3/brokerage/accounts".to_owned(),
        query: "limit=250".to_owned(),
        headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
        ..HttpRequest::default()
    }
}

fn ec_header() -> String {
    format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{EC_NAME}","nonce":"9f3c0e6b1d2a4f58"}}"#)
}

fn ec_claims(uri: &str) -> String {
    let exp = NOW_S + 120;
    format!(r#"{{"sub":"{EC_NAME}","iss":"cdp","nbf":{NOW_S},"exp":{exp},{uri}}}"#)
}

const GOOD_URI: &str = r#""uri":"GET api.coinbase.com/api/v3/brokerage/accounts""#;

/// A token that was made elsewhere: the vector of the reference page.
#[test]
fn the_published_vector_verifies() {
    let header = r#"{"alg":"EdDSA","typ":"JWT","kid":"11111111-2222-3333-4444-555555555555","nonce":"00112233445566778899aabbccddeeff"}"#;
    let claims = r#"{"sub":"11111111-2222-3333-4444-555555555555","iss":"cdp","nbf":1767225600,"exp":1767225720,"uri":"GET api.coinbase.com/api/v3/brokerage/accounts"}"#;
    let token = format!(
        "{}.{}.GSws3DloQ_8bmslThFdnuKnsbMoEVK8_ai3tLyac-HXwhFRkEf7mzBwiw04g52tnLz43CI1OMaiG-9JnkGsOBQ",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let caller = caller_of(&keys(), NOW_S * 1_000_000_000, &request(&token));
    let alice = Caller { account: Arc::from("alice"), scopes: Scopes::Trade };
    assert_eq!(caller, Ok(alice.clone()));
    assert_eq!(subscriber_of(&keys(), NOW_S * 1_000_000_000, &token), Ok(alice));
    assert_eq!(token, signed(header, claims, false), "Ed25519 signatures are not random");
}

#[test]
fn each_part_of_a_token_is_checked() {
    let (header, claims) = (ec_header(), ec_claims(GOOD_URI));
    let swap = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is in {text}");
        text.replace(from, to)
    };
    let nbf = format!("\"nbf\":{NOW_S}");
    let exp = format!("\"exp\":{}", NOW_S + 120);
    let older = format!("\"nbf\":{},\"exp\":{}", NOW_S - 122, NOW_S - 2);
    for (shows, header, claims, is_ec, result) in [
        ("a good one", header.clone(), claims.clone(), true, Ok(())),
        ("no typ", swap(&header, r#""typ":"JWT","#, ""), claims.clone(), true, Ok(())),
        ("typ", swap(&header, "\"JWT\"", "\"JWE\""), claims.clone(), true, Err(Refusal::Claim)),
        ("alg", swap(&header, "ES256", "EdDSA"), claims.clone(), true, Err(Refusal::Claim)),
        ("alg none", swap(&header, "ES256", "none"), claims.clone(), true, Err(Refusal::Claim)),
        ("nonce", swap(&header, "9f3c", "zzzz"), claims.clone(), true, Err(Refusal::Claim)),
        ("short nonce", swap(&header, "9f3c", ""), claims.clone(), true, Err(Refusal::Claim)),
        ("kid", swap(&header, "KEY", "YEK"), claims.clone(), true, Err(Refusal::UnknownKey)),
        ("other key", swap(&header, EC_NAME, ED_NAME), claims.clone(), true, Err(Refusal::Claim)),
        ("sub", header.clone(), swap(&claims, "KEY", "YEK"), true, Err(Refusal::Claim)),
        ("iss", header.clone(), swap(&claims, "cdp", "me"), true, Err(Refusal::Claim)),
        (
            "old claim set",
            header.clone(),
            swap(
                &claims,
                r#""iss":"cdp""#,
                r#""iss":"coinbase-cloud","aud":["retail_rest_api_proxy"],"iat":1"#,
            ),
            true,
            Ok(()),
        ),
        (
            "audience",
            header.clone(),
            swap(&claims, r#""iss":"cdp""#, r#""iss":"cdp","aud":"somebody""#),
            true,
            Err(Refusal::Claim),
        ),
        ("signer", header.clone(), claims.clone(), false, Err(Refusal::Signature)),
        (
            "a little early",
            header.clone(),
            swap(
                &swap(&claims, &nbf, &format!("\"nbf\":{}", NOW_S + 2)),
                &exp,
                &format!("\"exp\":{}", NOW_S + 122),
            ),
            true,
            Ok(()),
        ),
        (
            "too early",
            header.clone(),
            swap(
                &swap(&claims, &nbf, &format!("\"nbf\":{}", NOW_S + 3)),
                &exp,
                &format!("\"exp\":{}", NOW_S + 123),
            ),
            true,
            Err(Refusal::Early),
        ),
        (
            "too long",
            header.clone(),
            swap(&claims, &exp, &format!("\"exp\":{}", NOW_S + 121)),
            true,
            Err(Refusal::Early),
        ),
        (
            "expired",
            header.clone(),
            swap(&claims, &format!("{nbf},{exp}"), &older),
            true,
            Err(Refusal::Expired),
        ),
        ("not JSON", "{".to_owned(), claims.clone(), true, Err(Refusal::Malformed)),
        (
            "no exp",
            header.clone(),
            swap(&claims, &format!(",{exp}"), ""),
            true,
            Err(Refusal::Malformed),
        ),
    ] {
        let token = signed(&header, &claims, is_ec);
        let caller = caller_of(&keys(), NOW_S * 1_000_000_000, &request(&token));
        assert_eq!(caller.map(|_| ()), result, "{shows}");
    }
}

#[test]
fn the_uri_must_name_the_call() {
    let uri = |uri: &str| format!(r#""uri":"{uri}""#);
    let path = "/api/v3/brokerage/accounts";
    for (shows, claim, is_tls, is_good) in [
        ("the venue's host", uri(&format!("GET api.coinbase.com{path}")), true, true),
        ("the host dialled", uri(&format!("GET 127.0.0.1:8080{path}")), true, true),
        ("without its port", uri(&format!("GET 127.0.0.1{path}")), true, true),
        ("an array", format!(r#""uris":["GET 127.0.0.1:8080{path}"]"#), false, true),
        ("scheme on a plain port", uri(&format!("GET http://127.0.0.1:8080{path}")), false, true),
        ("scheme over TLS", uri(&format!("GET http://127.0.0.1:8080{path}")), true, false),
        ("https", uri(&format!("GET https://127.0.0.1:8080{path}")), false, false),
        ("method", uri(&format!("POST api.coinbase.com{path}")), true, false),
        ("path", uri("GET api.coinbase.com/api/v3/brokerage/orders"), true, false),
        ("longer path", uri(&format!("GET api.coinbase.com{path}/1")), true, false),
        ("with the query", uri(&format!("GET api.coinbase.com{path}?limit=250")), true, false),
        ("another host", uri(&format!("GET example.com{path}")), true, false),
        ("no host", uri(&format!("GET {path}")), true, false),
        ("two blanks", uri(&format!("GET  api.coinbase.com{path}")), true, false),
        ("none", r#""iat":1"#.to_owned(), true, false),
    ] {
        let token = signed(&ec_header(), &ec_claims(&claim), true);
        let request = HttpRequest { is_tls, ..request(&token) };
        let caller = caller_of(&keys(), NOW_S * 1_000_000_000, &request);
        let expected = if is_good { Ok(()) } else { Err(Refusal::Uri) };
        assert_eq!(caller.map(|_| ()), expected, "{shows}");
    }
}

#[test]
fn headers_and_damaged_tokens_are_refused() {
    let good = signed(&ec_header(), &ec_claims(GOOD_URI), true);
    let now_ns = NOW_S * 1_000_000_000;
    let no_header = HttpRequest { headers: Vec::new(), ..request("") };
    assert_eq!(caller_of(&keys(), now_ns, &no_header), Err(Refusal::Missing));
    for (shows, value) in [
        ("no scheme", good.clone()),
        ("other scheme", format!("Basic {good}")),
        ("two parts", "Bearer a.b".to_owned()),
        ("padding", format!("Bearer {good}=")),
        ("giant", format!("Bearer {}", "a".repeat(5_000))),
    ] {
        let mut request = request("");
        request.headers[0].1 = value;
        assert_eq!(caller_of(&keys(), now_ns, &request), Err(Refusal::Malformed), "{shows}");
    }
    // No byte of a token can change without being noticed.
    for index in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).expect("ASCII");
        assert!(caller_of(&keys(), now_ns, &request(&token)).is_err(), "byte {index}");
    }
}

#[test]
fn secrets_are_read_in_every_form() {
    let public = ed25519_dalek::SigningKey::from_bytes(&seed()).verifying_key();
    let both: Vec<u8> = seed().into_iter().chain(*public.as_bytes()).collect();
    let halves: Vec<u8> = seed().into_iter().chain([9; 32]).collect();
    let pkcs8 = ec_secret().to_pkcs8_pem(p256::pkcs8::LineEnding::LF).expect("PEM").to_string();
    for (shows, secret, result) in [
        ("SEC1", ec_pem(), Ok("ES256")),
        ("PKCS8", pkcs8, Ok("ES256")),
        ("literal line ends", ec_pem().replace('\n', "\\n"), Ok("ES256")),
        ("seed", STANDARD.encode(seed()), Ok("EdDSA")),
        ("seed and public key", STANDARD.encode(&both), Ok("EdDSA")),
        ("with a line end", STANDARD.encode(&both) + "\n", Ok("EdDSA")),
        ("other public key", STANDARD.encode(halves), Err(KeyError::Halves)),
        ("33 bytes", STANDARD.encode([1; 33]), Err(KeyError::Form)),
        ("96 bytes", STANDARD.encode([1; 96]), Err(KeyError::Form)),
        ("31 bytes", STANDARD.encode([1; 31]), Err(KeyError::Form)),
        ("text", "secret!".to_owned(), Err(KeyError::Form)),
        (
            "PEM of nothing",
            "-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----".into(),
            Err(KeyError::Pem),
        ),
    ] {
        let key = ApiKey::from_secret("name", &secret, "alice", Scopes::Trade);
        assert_eq!(key.as_ref().map(|key| key.public.alg()).map_err(|e| *e), result, "{shows}");
        if let Ok(key) = key {
            assert!(!format!("{key:?}").contains(&secret), "{shows}: the secret is not kept");
        }
    }
}
