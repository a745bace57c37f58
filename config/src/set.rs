//! Overrides: `KEY=VALUE` applied to the tree before anything is checked.
//!
//! A key is a path of names with dots between them; a name with a dot stands in double quotes. A
//! table in a list is addressed by its name (`markets.coinbase:SOL-USD.taker_fee_bps`), by its
//! asset (`equivalences.WSOL.cost_bps`), by what it converts (`rates.USDC-USD.max_age_ms`) or by
//! its index from zero (`captures.0.shift`). A value is TOML; what is not TOML is text.

use crate::problem::{At, Fault, Problems, fault, nearest_hint, shown};
use crate::read::{list, text};
use crate::tree::{Entry, Node, Table, Value, parse_value};

/// Most overrides of one run.
pub const SETS_MAX: usize = 256;
/// Longest override that a file brings along.
const SET_BYTES_MAX: usize = 2_048;
/// Deepest path of an override.
const DEPTH_MAX: usize = 8;

/// Applies the overrides in order; the last one of a key wins.
pub(crate) fn apply(root: &mut Table, sets: &[String], problems: &mut Problems<'_>) {
    for (index, set) in sets.iter().enumerate() {
        let at = At::Set(index);
        if index >= SETS_MAX {
            let says = format!("more than {SETS_MAX} overrides");
            problems.add(at, "", fault(says, "put them into the file"));
            return;
        }
        let Some((key, value)) = set.split_once('=') else {
            let hint = "write KEY=VALUE, for instance signal.min_edge_bps=4";
            problems.add(at, "", fault("an override without \"=\"", hint));
            continue;
        };
        let result =
            path(key.trim()).and_then(|path| put(root, &path, parse_value(value.trim(), at), at));
        if let Err(fault) = result {
            problems.add(at, shown(key), fault);
        }
    }
}

/// Overrides that the file itself brings along: `overrides = ["KEY=VALUE"]` of a recorded run.
pub(crate) fn own(root: &Table, problems: &mut Problems<'_>) -> Vec<String> {
    let Some(entry) = root.get("overrides") else { return Vec::new() };
    match list(SETS_MAX, text(SET_BYTES_MAX))(&entry.node) {
        Ok(list) => list,
        Err(fault) => {
            problems.add(entry.at, "overrides", fault);
            Vec::new()
        }
    }
}

/// Splits a key at its dots, outside of quotes.
fn path(key: &str) -> Result<Vec<String>, Fault> {
    let mut names = vec![String::new()];
    let mut is_quoted = false;
    for letter in key.chars() {
        match (letter, names.last_mut()) {
            ('"', _) => is_quoted = !is_quoted,
            ('.', _) if !is_quoted => names.push(String::new()),
            (_, Some(name)) => name.push(letter),
            (_, None) => {}
        }
    }
    let hint = "names with dots between them, for instance signal.min_edge_bps";
    if is_quoted {
        return Err(fault("a quote that is not closed in the key", hint));
    }
    if names.iter().any(String::is_empty) {
        return Err(fault("an empty name in the key", hint));
    }
    if names.len() > DEPTH_MAX {
        return Err(fault(format!("a key of more than {DEPTH_MAX} names"), hint));
    }
    Ok(names)
}

fn put(table: &mut Table, path: &[String], value: Node, at: At) -> Result<(), Fault> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let position = table.entries.iter().position(|entry| entry.key == *name);
    if rest.is_empty() {
        match position {
            Some(position) => {
                let entry = &mut table.entries[position];
                (entry.node, entry.at) = (value, at);
            }
            None => table.entries.push(Entry { key: name.clone(), at, node: value }),
        }
        return Ok(());
    }
    let position = position.unwrap_or_else(|| {
        let node = Node { at, value: Value::Table(Table::default()) };
        table.entries.push(Entry { key: name.clone(), at, node });
        table.entries.len() - 1
    });
    match &mut table.entries[position].node.value {
        Value::Table(inner) => put(inner, rest, value, at),
        Value::List(items) => put_in_list(name, items, rest, value, at),
        other @ (Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Other(_)) => {
            let says = format!("\"{}\" is {}, not a table", shown(name), other.kind());
            Err(fault(says, "shorten the key"))
        }
    }
}

fn put_in_list(
    list: &str,
    items: &mut [Node],
    path: &[String],
    value: Node,
    at: At,
) -> Result<(), Fault> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let index = name.parse::<usize>().ok().filter(|index| *index < items.len());
    let found = items.iter().position(|item| names_of(item).contains(name)).or(index);
    let Some(found) = found else {
        let known: Vec<String> = items.iter().flat_map(names_of).collect();
        let says = format!("no \"{}\" in [[{}]]", shown(name), shown(list));
        return Err(fault(says, nearest_hint(name, known.iter().map(String::as_str))));
    };
    match &mut items[found].value {
        Value::Table(inner) if !rest.is_empty() => put(inner, rest, value, at),
        Value::Table(_) => Err(fault(
            format!("\"{}\" in [[{}]] is a table", shown(name), shown(list)),
            "name one of its keys",
        )),
        Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::List(_) | Value::Other(_) => {
            Err(fault(
                format!("\"{}\" is a list of values", shown(list)),
                "override the whole list: KEY=[\"a\", \"b\"]",
            ))
        }
    }
}

/// What a table in a list answers to.
pub(crate) fn names_of(item: &Node) -> Vec<String> {
    let Value::Table(table) = &item.value else { return Vec::new() };
    let text = |key: &str| match table.get(key).map(|entry| &entry.node.value) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let rate = text("from").zip(text("to")).map(|(from, to)| format!("{from}-{to}"));
    [text("name"), text("asset"), rate].into_iter().flatten().collect()
}
