//! Frames of a node: the scanner for account notifications and the typed forms of everything else.

use std::borrow::Cow;

use connector_net::scan::{Cursor, Text};
use serde::Deserialize;
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use crate::data::{DataEncoding, DataReader};

/// What an account notification says. Both readers produce this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountFrame<'a> {
    pub(super) subscription: u64,
    pub(super) slot: u64,
    /// `None`: the account does not exist.
    pub(super) account: Option<AccountText<'a>>,
}

/// An account whose data is still text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountText<'a> {
    pub(super) owner: Pubkey,
    pub(super) data: Cow<'a, [u8]>,
    pub(super) encoding: DataEncoding,
}

/// Reads an account notification without allocating; `None` for whatever is not exactly one.
///
/// Keys may come in any order. The data text is not looked at: whoever decodes it goes to the typed
/// reader when that fails, because text with escapes is valid JSON too.
pub(super) fn scan_account(frame: &[u8]) -> Option<AccountFrame<'_>> {
    let mut cursor = Cursor::new(frame);
    let mut is_account = false;
    let mut params = None;
    object(&mut cursor, |key, cursor| {
        match key {
            b"jsonrpc" => cursor.skip_value()?,
            b"method" if !is_account => {
                is_account = cursor.text()? == b"accountNotification";
                is_account.then_some(())?;
            }
            b"params" if params.is_none() => params = Some(scan_params(cursor)?),
            _ => return None,
        }
        Some(())
    })?;
    cursor.end()?;
    params.filter(|_| is_account)
}

/// Reads a slot notification without allocating; `None` for whatever is not exactly one.
pub(super) fn scan_slot(frame: &[u8]) -> Option<SlotResult> {
    let mut cursor = Cursor::new(frame);
    let mut is_slot = false;
    let mut result = None;
    object(&mut cursor, |key, cursor| {
        match key {
            b"jsonrpc" => cursor.skip_value()?,
            b"method" if !is_slot => {
                is_slot = cursor.text()? == b"slotNotification";
                is_slot.then_some(())?;
            }
            b"params" if result.is_none() => object(cursor, |key, cursor| {
                match key {
                    b"result" if result.is_none() => result = Some(scan_slot_result(cursor)?),
                    b"result" => return None,
                    _ => cursor.skip_value()?,
                }
                Some(())
            })?,
            _ => return None,
        }
        Some(())
    })?;
    cursor.end()?;
    result.filter(|_| is_slot)
}

fn scan_slot_result(cursor: &mut Cursor<'_>) -> Option<SlotResult> {
    let (mut slot, mut parent, mut root) = (None, None, None);
    object(cursor, |key, cursor| {
        let field = match key {
            b"slot" => &mut slot,
            b"parent" => &mut parent,
            b"root" => &mut root,
            _ => return cursor.skip_value(),
        };
        field.is_none().then_some(())?;
        *field = Some(cursor.integer()?);
        Some(())
    })?;
    Some(SlotResult { slot: slot?, parent: parent?, root: root? })
}

fn scan_params<'a>(cursor: &mut Cursor<'a>) -> Option<AccountFrame<'a>> {
    let (mut subscription, mut result) = (None, None);
    object(cursor, |key, cursor| {
        match key {
            b"subscription" if subscription.is_none() => subscription = Some(cursor.integer()?),
            b"result" if result.is_none() => result = Some(scan_result(cursor)?),
            // A key that comes twice is refused by the typed reader.
            b"subscription" | b"result" => return None,
            _ => cursor.skip_value()?,
        }
        Some(())
    })?;
    let (slot, account) = result?;
    Some(AccountFrame { subscription: subscription?, slot, account: Some(account) })
}

fn scan_result<'a>(cursor: &mut Cursor<'a>) -> Option<(u64, AccountText<'a>)> {
    let (mut slot, mut account) = (None, None);
    object(cursor, |key, cursor| {
        match key {
            b"context" if slot.is_none() => slot = Some(scan_context(cursor)?),
            b"value" if account.is_none() => account = Some(scan_value(cursor)?),
            b"context" | b"value" => return None,
            _ => cursor.skip_value()?,
        }
        Some(())
    })?;
    Some((slot?, account?))
}

fn scan_context(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut slot = None;
    object(cursor, |key, cursor| {
        match key {
            b"slot" if slot.is_none() => slot = Some(cursor.integer()?),
            b"slot" => return None,
            _ => cursor.skip_value()?,
        }
        Some(())
    })?;
    slot
}

fn scan_value<'a>(cursor: &mut Cursor<'a>) -> Option<AccountText<'a>> {
    let (mut owner, mut data) = (None, None);
    object(cursor, |key, cursor| {
        match key {
            b"owner" if owner.is_none() => {
                let text = core::str::from_utf8(cursor.text()?).ok()?;
                owner = Some(text.parse::<Pubkey>().ok()?);
            }
            b"data" if data.is_none() => data = Some(scan_data(cursor)?),
            b"owner" | b"data" => return None,
            b"lamports" | b"rentEpoch" | b"space" => skip_digits(cursor)?,
            _ => cursor.skip_value()?,
        }
        Some(())
    })?;
    let (data, encoding) = data?;
    Some(AccountText { owner: owner?, data: Cow::Borrowed(data), encoding })
}

/// A pair of text and encoding. The text ends at the next quote: base64 holds none.
fn scan_data<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], DataEncoding)> {
    cursor.byte(b'[')?;
    cursor.byte(b'"')?;
    let start = cursor.at();
    let text = &cursor.bytes()[start..];
    let len = memchr::memchr(b'"', text)?;
    cursor.seek(start + len + 1);
    cursor.byte(b',')?;
    let encoding = DataEncoding::from_name(core::str::from_utf8(cursor.text()?).ok()?)?;
    // Base58 allows more texts than its decoder here looks at; leave it to the typed reader.
    if encoding == DataEncoding::Base58 {
        return None;
    }
    cursor.byte(b']')?;
    Some((&text[..len], encoding))
}

/// Walks an object; `on_key` must pass over each value.
fn object<'a>(
    cursor: &mut Cursor<'a>,
    mut on_key: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    cursor.byte(b'{')?;
    if cursor.peek()? == b'}' {
        return cursor.byte(b'}');
    }
    loop {
        let key = cursor.key()?;
        on_key(key, cursor)?;
        if !cursor.more(b'}')? {
            return Some(());
        }
    }
}

/// Passes over an unsigned integer of up to twenty digits: `rentEpoch` is often 2⁶⁴ − 1.
fn skip_digits(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.space();
    let start = cursor.at();
    let rest = &cursor.bytes()[start..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let leading_zero = digits > 1 && rest[0] == b'0';
    let ends = !matches!(rest.get(digits), Some(b'.' | b'e' | b'E' | b'-' | b'+'));
    ((1..=20).contains(&digits) && !leading_zero && ends).then(|| cursor.seek(start + digits))
}

/// Id, method and parameters of a request of ours.
pub(super) fn request(text: &[u8]) -> Option<(u64, Cow<'_, str>, Option<&RawValue>)> {
    let frame: Frame<'_> = serde_json::from_slice(text).ok()?;
    Some((frame.id()?, frame.method?.0, frame.params))
}

/// The address that a list of parameters begins with.
pub(super) fn first_key(params: Option<&RawValue>) -> Option<Pubkey> {
    let list: Vec<&RawValue> = serde_json::from_str(params?.get()).ok()?;
    let key: Text<'_> = serde_json::from_str(list.first()?.get()).ok()?;
    key.0.parse().ok()
}

/// The number that a list of parameters begins with.
pub(super) fn first_number(params: Option<&RawValue>) -> Option<u64> {
    let list: Vec<&RawValue> = serde_json::from_str(params?.get()).ok()?;
    serde_json::from_str(list.first()?.get()).ok()
}

/// The code of an error object; 0 where it names none.
pub(super) fn error_code(error: &RawValue) -> i64 {
    #[derive(Deserialize)]
    struct Code {
        code: i64,
    }
    serde_json::from_str(error.get()).map_or(0, |Code { code }| code)
}

/// The list of addresses that a list of parameters begins with.
pub(super) fn key_list(params: Option<&RawValue>) -> Option<Vec<Pubkey>> {
    let list: Vec<&RawValue> = serde_json::from_str(params?.get()).ok()?;
    let keys: Vec<Text<'_>> = serde_json::from_str(list.first()?.get()).ok()?;
    keys.iter().map(|key| key.0.parse().ok()).collect()
}

/// Any frame, its parts still text.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
}

impl Frame<'_> {
    /// The id where it is an unsigned integer; ours always are.
    pub(super) fn id(&self) -> Option<u64> {
        serde_json::from_str(self.id?.get()).ok()
    }
}

#[derive(Deserialize)]
struct AccountParams<'a> {
    #[serde(borrow)]
    result: InContext<Option<Value<'a>>>,
    subscription: u64,
}

/// A value and the slot that it belongs to.
#[derive(Deserialize)]
pub(super) struct InContext<T> {
    pub(super) context: Context,
    pub(super) value: T,
}

#[derive(Deserialize)]
pub(super) struct Context {
    pub(super) slot: u64,
}

/// An account object.
#[derive(Deserialize)]
pub(super) struct Value<'a> {
    #[serde(borrow)]
    owner: Text<'a>,
    #[serde(borrow)]
    data: (Text<'a>, Text<'a>),
}

impl<'a> Value<'a> {
    /// `None` for an owner that is no address or an encoding that no node writes.
    pub(super) fn into_text(self) -> Option<AccountText<'a>> {
        let owner = self.owner.0.parse().ok()?;
        let encoding = DataEncoding::from_name(&self.data.1.0)?;
        let data = match self.data.0.0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Some(AccountText { owner, data, encoding })
    }
}

/// Reads the parameters of an account notification; `None` for another shape.
pub(super) fn typed_account(params: &str) -> Option<AccountFrame<'_>> {
    let AccountParams { result, subscription } = serde_json::from_str(params).ok()?;
    let account = match result.value {
        Some(value) => Some(value.into_text()?),
        None => None,
    };
    Some(AccountFrame { subscription, slot: result.context.slot, account })
}

/// The answer to a question for one account.
pub(crate) struct AccountAnswer<'a> {
    pub(crate) slot: u64,
    /// Owner and data; `None` where the chain has no such account.
    pub(crate) account: Option<(Pubkey, &'a [u8])>,
}

impl<'a> AccountAnswer<'a> {
    /// Reads the result; `None` for another shape, or data that is none.
    pub(crate) fn read(result: &RawValue, reader: &'a mut DataReader) -> Option<Self> {
        let answer: InContext<Option<Value<'_>>> = serde_json::from_str(result.get()).ok()?;
        let slot = answer.context.slot;
        let Some(value) = answer.value else { return Some(Self { slot, account: None }) };
        let text = value.into_text()?;
        let data = reader.read(&text.data, text.encoding).ok()?;
        Some(Self { slot, account: Some((text.owner, data)) })
    }
}

/// The parameters of a slot notification.
#[derive(Deserialize)]
pub(super) struct SlotParams {
    pub(super) result: SlotResult,
}

/// A slot with its parent and the newest root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct SlotResult {
    pub(super) slot: u64,
    pub(super) parent: u64,
    pub(super) root: u64,
}

/// One slot's least priority fee. Unit: micro-lamports per compute unit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecentFee {
    pub(super) slot: u64,
    pub(super) prioritization_fee: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = r#"{"jsonrpc":"2.0","method":"accountNotification","params":{"result":{"context":{"slot":5,"apiVersion":"3.0.1"},"value":{"lamports":18446744073709551615,"data":["AAEC","base64"],"owner":"11111111111111111111111111111111","executable":false,"rentEpoch":18446744073709551615,"space":3}},"subscription":7}}"#;

    fn typed(text: &str) -> Option<AccountFrame<'_>> {
        let frame: Frame<'_> = serde_json::from_str(text).ok()?;
        (frame.method?.0 == "accountNotification").then_some(())?;
        typed_account(frame.params?.get())
    }

    #[test]
    fn both_readers_agree_whatever_the_order() {
        let frame = scan_account(FRAME.as_bytes()).expect("the common form");
        assert_eq!((frame.subscription, frame.slot), (7, 5));
        assert_eq!(Some(frame), typed(FRAME));
        let other = r#"{"params":{"subscription":7,"result":{"value":{"space":3,"owner":"11111111111111111111111111111111","data":["AAEC", "base64"]},"context":{"slot":5}}},"method":"accountNotification","jsonrpc":"2.0"}"#;
        assert_eq!(scan_account(other.as_bytes()), typed(FRAME), "another order");
    }

    #[test]
    fn slots_read_alike() {
        const SLOT: &str = r#"{"jsonrpc":"2.0","method":"slotNotification","params":{"result":{"slot":7,"parent":6,"root":2},"subscription":0}}"#;
        let typed = |text: &str| {
            let frame: Frame<'_> = serde_json::from_str(text).ok()?;
            (frame.method?.0 == "slotNotification").then_some(())?;
            Some(serde_json::from_str::<SlotParams>(frame.params?.get()).ok()?.result)
        };
        let expected = SlotResult { slot: 7, parent: 6, root: 2 };
        assert_eq!(scan_slot(SLOT.as_bytes()), Some(expected));
        for at in 0..=SLOT.len() {
            for edit in ["\"", "{", "}", ",", ":", "0", "-", "\\", "null", "é", " ", "\"slot\":5,"]
            {
                let inserted = format!("{}{edit}{}", &SLOT[..at], &SLOT[at..]);
                if let Some(slot) = scan_slot(inserted.as_bytes()) {
                    assert_eq!(Some(slot), typed(&inserted), "{inserted}");
                }
            }
        }
    }

    #[test]
    fn what_the_scanner_takes_the_typed_reader_takes_alike() {
        let edits = ["\"", "{", "}", ",", ":", "0", "-", "\\", "null", "é", " ", "\"slot\":5,"];
        for (twice, with) in [
            ("\"result\":", "\"result\":{\"context\":{\"slot\":5}},\"result\":"),
            ("\"context\":", "\"context\":{},\"context\":"),
            ("\"params\":", "\"params\":{},\"params\":"),
            ("\"owner\":", "\"owner\":\"11111111111111111111111111111111\",\"owner\":"),
        ] {
            let text = FRAME.replace(twice, with);
            assert_eq!((scan_account(text.as_bytes()), typed(&text)), (None, None), "{text}");
        }
        for at in 0..=FRAME.len() {
            for edit in edits {
                let inserted = format!("{}{edit}{}", &FRAME[..at], &FRAME[at..]);
                if let Some(frame) = scan_account(inserted.as_bytes())
                    && frame.account.as_ref().is_some_and(|a| !a.data.contains(&b'\\'))
                {
                    assert_eq!(Some(frame), typed(&inserted), "{inserted}");
                }
            }
            let cut = &FRAME.as_bytes()[..at];
            assert_eq!(scan_account(cut).is_some(), at == FRAME.len(), "cut at {at}");
        }
    }
}
