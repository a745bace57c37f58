//! A configuration as a tree of texts: every node knows its place, numbers keep their digits.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::problem::{At, Problems, fault};

/// Largest configuration. Unit: bytes. 256 markets with every key take about 100 KiB.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// A number in base ten, as written without underscores.
    Number(String),
    Bool(bool),
    List(Vec<Node>),
    Table(Table),
    /// A date, or a number in another base: nothing here takes one.
    Other(&'static str),
}

impl Value {
    /// The kind, as messages name it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// A table in file order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Parses TOML as far as it goes. Every syntax error becomes a problem.
pub(crate) fn parse(text: &str, problems: &mut Problems<'_>) -> Table {
    if text.len() > CONFIG_BYTES_MAX {
        let says = format!("the file has {} bytes, above {CONFIG_BYTES_MAX}", text.len());
        problems.add(At::File(0), "", fault(says, "is this the right file?"));
        return Table::default();
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        // The parser's text is one line without the source, so no value is repeated.
        let says = format!("not TOML: {}", error.message().replace('\n', ", "));
        problems.add(At::File(offset), "", fault(says, "see https://toml.io for the syntax"));
    }
    table(root.get_ref(), None)
}

/// Parses one value of an override; what is no TOML value counts as text.
pub(crate) fn parse_value(text: &str, at: At) -> Node {
    if text.len() <= CONFIG_BYTES_MAX
        && let Ok(value) = DeValue::parse(text.trim())
    {
        return node(&value, Some(at));
    }
    Node { at, value: Value::Text(text.to_owned()) }
}

fn table(source: &DeTable<'_>, at: Option<At>) -> Table {
    let mut list: Vec<(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)> = source.iter().collect();
    list.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        at: at.unwrap_or(At::File(key.span().start)),
        node: node(value, at),
    };
    Table { entries: list.into_iter().map(entry).collect() }
}

fn node(source: &Spanned<DeValue<'_>>, at: Option<At>) -> Node {
    let value = match source.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => {
            Value::Number(number.as_str().to_owned())
        }
        DeValue::Integer(_) => Value::Other("a number that is not in base ten"),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(item, at)).collect()),
        DeValue::Table(inner) => Value::Table(table(inner, at)),
    };
    Node { at: at.unwrap_or(At::File(source.span().start)), value }
}
