//! Accounts as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::RpcError;
use super::params::Encoding;
use crate::chain::Account;

/// Most bytes that are written in base58.
const BASE58_BYTES_MAX: usize = 128;

/// Effort of compression: nodes take the least.
const ZSTD_LEVEL: i32 = 0;

/// The part of an account's bytes that is asked for.
fn part(data: &[u8], slice: Option<(usize, usize)>) -> &[u8] {
    let Some((offset, length)) = slice else { return data };
    let rest = data.get(offset..).unwrap_or_default();
    rest.get(..length).unwrap_or(rest)
}

/// The field `data`.
fn data(
    account: &Account,
    encoding: Encoding,
    slice: Option<(usize, usize)>,
) -> Result<Value, RpcError> {
    let bytes = part(&account.data, slice);
    if matches!(encoding, Encoding::Binary | Encoding::Base58) && bytes.len() > BASE58_BYTES_MAX {
        let message = format!(
            "Encoded binary (base 58) data should be less than {BASE58_BYTES_MAX} bytes, please \
             use Base64 encoding."
        );
        return Err(RpcError::new(-32600, message));
    }
    Ok(match encoding {
        Encoding::Binary => json!(bs58::encode(bytes).into_string()),
        Encoding::Base58 => json!([bs58::encode(bytes).into_string(), "base58"]),
        // Nothing here reads accounts for people: nodes fall back to base64 for what they cannot.
        Encoding::Base64 | Encoding::JsonParsed => json!([STANDARD.encode(bytes), "base64"]),
        Encoding::Base64Zstd => match zstd::encode_all(bytes, ZSTD_LEVEL) {
            Ok(packed) => json!([STANDARD.encode(packed), "base64+zstd"]),
            Err(error) => return Err(RpcError::new(-32603, error.to_string())),
        },
    })
}

/// An account as an object whose keys are sorted, as answers of the RPC have them.
pub(super) fn account(
    account: &Account,
    encoding: Encoding,
    slice: Option<(usize, usize)>,
) -> Result<Value, RpcError> {
    Ok(json!({
        "data": data(account, encoding, slice)?,
        "executable": account.is_executable,
        "lamports": account.lamports,
        "owner": account.owner.to_string(),
        "rentEpoch": u64::MAX,
        "space": account.data.len(),
    }))
}

/// An account as text in the order that notifications have.
pub(super) fn account_text(
    account: &Account,
    encoding: Encoding,
    slice: Option<(usize, usize)>,
) -> Result<String, RpcError> {
    Ok(format!(
        "{{\"lamports\":{},\"data\":{},\"owner\":\"{}\",\"executable\":{},\"rentEpoch\":{},\
         \"space\":{}}}",
        account.lamports,
        data(account, encoding, slice)?,
        account.owner,
        account.is_executable,
        u64::MAX,
        account.data.len()
    ))
}

/// An amount of tokens: in raw units, and in whole ones as number and as text.
pub(super) fn token_amount(amount: u64, decimals: u8) -> Value {
    let text = decimal(amount, decimals);
    // A number as nodes write it: never without a fraction.
    let number = if text.contains('.') { text.clone() } else { format!("{text}.0") };
    let number: Value = serde_json::from_str(&number).unwrap_or(Value::Null);
    json!({
        "amount": amount.to_string(),
        "decimals": decimals,
        "uiAmount": number,
        "uiAmountString": text,
    })
}

/// An amount in whole units, without zeros at its end.
fn decimal(amount: u64, decimals: u8) -> String {
    let digits = usize::from(decimals);
    let text = format!("{amount:0>width$}", width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::SYSTEM;

    #[test]
    fn amounts_are_exact() {
        for (amount, decimals, text) in [
            (0, 6, "0"),
            (1, 6, "0.000001"),
            (1_500_000, 6, "1.5"),
            (12_000_000, 6, "12"),
            (u64::MAX, 9, "18446744073.709551615"),
            (7, 0, "7"),
        ] {
            assert_eq!(decimal(amount, decimals), text);
        }
        assert_eq!(token_amount(1_000_000, 6)["uiAmount"].to_string(), "1.0");
    }

    #[test]
    fn bytes_are_written_as_asked() {
        let short = Account { lamports: 5, owner: SYSTEM, data: vec![1; 3], is_executable: false };
        let long = Account { data: vec![0; 9_988], ..short.clone() };
        let text = |account, encoding, slice| {
            data(account, encoding, slice).map(|value| value.to_string())
        };
        assert_eq!(text(&short, Encoding::Binary, None).expect("short"), "\"LZN\"");
        assert_eq!(text(&short, Encoding::Base58, None).expect("short"), "[\"LZN\",\"base58\"]");
        assert_eq!(text(&short, Encoding::Base64, None).expect("any"), "[\"AQEB\",\"base64\"]");
        assert_eq!(
            text(&short, Encoding::Base64, Some((1, 9))).expect("any"),
            "[\"AQE=\",\"base64\"]"
        );
        assert_eq!(text(&short, Encoding::Base64, Some((9, 9))).expect("any"), "[\"\",\"base64\"]");
        assert_eq!(text(&short, Encoding::JsonParsed, None).expect("any"), "[\"AQEB\",\"base64\"]");
        assert!(data(&long, Encoding::Base58, None).is_err());
        assert!(data(&long, Encoding::Base58, Some((0, 128))).is_ok());
        let packed = data(&long, Encoding::Base64Zstd, None).expect("any");
        let packed = STANDARD.decode(packed[0].as_str().expect("text")).expect("base64");
        assert!(packed.len() < 100);
        assert_eq!(zstd::decode_all(packed.as_slice()).expect("zstd"), long.data);
        assert_eq!(
            account(&short, Encoding::Base64, None).expect("any")["owner"],
            SYSTEM.to_string()
        );
    }
}
