//! Shapes of the venue's answers.
//!
//! One and the same number is a text in one answer and a bare number in the next (the id of an order),
//! and fields are named after currencies. So every object is read as what it is, names with values, and
//! each field is taken from the venue's own digits: no amount goes through a float. An object that says
//! a thing twice says nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use connector_net::scan::Text;
use connector_net::time::parse_rfc3339;
use connector_orders::amount;
use connector_orders::venue::{BalanceSays, FillSays, Side, Unclear};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Rows of one list: ten times the longest page of the venue.
pub(super) const ROWS_MAX: usize = 10_000;

/// Fields of one object: a row may name every currency of the venue.
const FIELDS_MAX: usize = 2_048;

/// Digits of an id: more do not fit the venue's 64 bits.
const ID_DIGITS_MAX: usize = 20;

/// Letters of a currency's code.
const CODE_MAX: usize = 16;

/// An object, as names with values.
pub(super) struct Row<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Row<'de>;
            fn expecting(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    let is_new = fields.insert(name.0, value).is_none();
                    if !is_new || fields.len() > FIELDS_MAX {
                        return Err(A::Error::custom("a field twice, or too many"));
                    }
                }
                Ok(Row(fields))
            }
        }
        from.deserialize_map(Fields)
    }
}

/// A list that is not too long.
pub(super) struct List<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Rows<T>(core::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Rows<T> {
            type Value = List<T>;
            fn expecting(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                out.write_str("a list of no more than 10000")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = list.next_element()? {
                    if rows.len() >= ROWS_MAX {
                        return Err(A::Error::custom("too many rows"));
                    }
                    rows.push(row);
                }
                Ok(List(rows))
            }
        }
        from.deserialize_seq(Rows(core::marker::PhantomData))
    }
}

/// JSON, whole and nothing behind it.
pub(super) fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unclear> {
    serde_json::from_str(text).map_err(|_| Unclear::Unreadable)
}

/// A text or a number, by its letters; none for anything else.
pub(super) fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0),
        b'-' | b'0'..=b'9' => Some(value.get().into()),
        _ => None,
    }
}

impl<'a> Row<'a> {
    /// A field's value; none where it is not there or says nothing.
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|value| value.get() != "null")
    }

    /// Every field.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// A text or a number; none where there is none.
    pub(super) fn word(&self, name: &str) -> Result<Option<Cow<'a, str>>, Unclear> {
        let word = self.raw(name).map(|value| scalar(value).ok_or(Unclear::Unreadable));
        Ok(word.transpose()?.filter(|word| !word.is_empty()))
    }

    fn needed(&self, name: &str) -> Result<Cow<'a, str>, Unclear> {
        self.word(name)?.ok_or(Unclear::Unreadable)
    }

    /// An id; none where there is none.
    pub(super) fn id(&self, name: &str) -> Result<Option<String>, Unclear> {
        let Some(word) = self.word(name)? else { return Ok(None) };
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let is_id = is_number && word.len() <= ID_DIGITS_MAX;
        if is_id { Ok(Some(word.into_owned())) } else { Err(Unclear::Unreadable) }
    }

    /// Which way: 0 buys, 1 sells; none where it does not say.
    pub(super) fn side(&self) -> Result<Option<Side>, Unclear> {
        match self.word("type")?.as_deref() {
            None => Ok(None),
            Some("0") => Ok(Some(Side::Buy)),
            Some("1") => Ok(Some(Side::Sell)),
            Some(_) => Err(Unclear::Unreadable),
        }
    }

    /// The currencies of a title like `BTC/USD`, in small letters; none where there is no title.
    pub(super) fn market(&self) -> Result<Option<(String, String)>, Unclear> {
        let Some(title) = self.word("market")? else { return Ok(None) };
        let (base, counter) = title.split_once('/').ok_or(Unclear::Unreadable)?;
        if !is_code(base) || !is_code(counter) {
            return Err(Unclear::Unreadable);
        }
        Ok(Some((base.to_ascii_lowercase(), counter.to_ascii_lowercase())))
    }

    /// An amount that is not negative. Unit: 10⁻¹⁸.
    pub(super) fn amount(&self, name: &str) -> Result<i128, Unclear> {
        amount::parse(&self.needed(name)?).map_err(|_| Unclear::Unreadable)
    }

    /// An amount with its sign. Unit: 10⁻¹⁸.
    fn signed(&self, name: &str) -> Result<i128, Unclear> {
        amount::parse_signed(&self.needed(name)?).map_err(|_| Unclear::Unreadable)
    }

    /// When it was, by the venue's clock: UTC without a zone, with six places or none. Unit: Unix
    /// nanoseconds.
    pub(super) fn at_ns(&self) -> Result<u64, Unclear> {
        let text = self.needed("datetime")?;
        let (day, time) = text.split_once(' ').ok_or(Unclear::Unreadable)?;
        parse_rfc3339(format!("{day}T{time}Z").as_bytes()).ok_or(Unclear::Unreadable)
    }

    /// A fill of an order's own list: amounts are named by their currencies and have no sign.
    pub(super) fn fill(&self, base: &str, counter: &str) -> Result<FillSays, Unclear> {
        let size_e18 = self.amount(base)?;
        if size_e18 == 0 || base == counter {
            return Err(Unclear::Unreadable);
        }
        Ok(FillSays {
            exec_id: self.id("tid")?.ok_or(Unclear::Unreadable)?,
            venue_id: String::new(),
            client_id: None,
            symbol: format!("{base}{counter}"),
            side: None,
            size_e18,
            quote_e18: self.amount(counter)?,
            fee_e18: self.signed("fee")?,
            fee_asset: String::new(),
            at_ns: self.at_ns()?,
        })
    }

    /// A fill of the account's list, seen from the account; none for what is no trade.
    pub(super) fn trade(&self) -> Result<Option<FillSays>, Unclear> {
        const TRADE: &str = "2";
        let (order_id, kind) = (self.id("order_id")?, self.needed("type")?);
        if order_id.is_none() && kind != TRADE {
            return Ok(None);
        }
        // A trade of nobody's order says too little to be left out.
        let venue_id = order_id.ok_or(Unclear::Unreadable)?;
        let (base, counter) = self.currencies()?;
        let (size, quote) = (self.signed(base)?, self.signed(counter)?);
        let side = if size > 0 { Side::Buy } else { Side::Sell };
        // What a buyer gets is paid for, and the other way round; a little of little rounds to nothing.
        if size == 0 || quote != 0 && size.signum() == quote.signum() {
            return Err(Unclear::Unreadable);
        }
        Ok(Some(FillSays {
            exec_id: self.id("id")?.ok_or(Unclear::Unreadable)?,
            venue_id,
            client_id: None,
            symbol: format!("{base}{counter}"),
            side: Some(side),
            size_e18: size.abs(),
            quote_e18: quote.abs(),
            fee_e18: self.signed("fee")?,
            fee_asset: String::new(),
            at_ns: self.at_ns()?,
        }))
    }

    /// Base and counter: those whose rate the row states (`btc_usd`), of several the pair that moved.
    fn currencies(&self) -> Result<(&str, &str), Unclear> {
        let named = |code: &str| is_code(code) && self.0.contains_key(code);
        let rates = self.0.keys().filter_map(|name| name.split_once('_'));
        let pairs: Vec<(&str, &str)> =
            rates.filter(|(base, counter)| named(base) && named(counter)).collect();
        let moved = |code: &str| self.signed(code).is_ok_and(|amount| amount != 0);
        let both = pairs.iter().filter(|(base, counter)| moved(base) && moved(counter));
        let both: Vec<(&str, &str)> = both.copied().collect();
        match (pairs.as_slice(), both.as_slice()) {
            ([one], _) | (_, [one]) => Ok(*one),
            _ => Err(Unclear::Unreadable),
        }
    }

    /// What the account holds of one currency.
    pub(super) fn balance(&self) -> Result<BalanceSays, Unclear> {
        let asset = self.needed("currency")?.to_ascii_uppercase();
        let (total_e18, available_e18) = (self.signed("total")?, self.signed("available")?);
        if !is_code(&asset) || available_e18 > total_e18 {
            return Err(Unclear::Unreadable);
        }
        Ok(BalanceSays { asset, total_e18, available_e18 })
    }
}

/// Whether this can be a currency's code.
fn is_code(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric();
    !text.is_empty() && text.len() <= CODE_MAX && text.bytes().all(is_letter)
}
