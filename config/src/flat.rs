//! A configuration as a list: every value under its full key, as it is written.

use std::collections::BTreeMap;

use crate::problem::{Problem, Problems};
use crate::set::{self, names_of};
use crate::tree::{self, Node, Table, Value};

/// Every value that a file and the overrides over it state, by the key that an override would name it
/// with: `risk.position_usd_max`, `markets.gemini:SOLUSD.taker_fee_bps`. A list of plain values is one
/// value. Nothing is checked beyond the syntax, and defaults are not filled in.
///
/// # Errors
///
/// What is not TOML, or an override that cannot be applied.
pub fn written(
    name: &str,
    text: &str,
    sets: &[String],
) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let mut problems = Problems::new(name, text, sets);
    let mut root = tree::parse(text, &mut problems);
    if problems.is_empty() {
        set::apply(&mut root, sets, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems.into_sorted());
    }
    let mut found = BTreeMap::new();
    take_table(&root, "", &mut found);
    Ok(found)
}

fn take_table(table: &Table, above: &str, found: &mut BTreeMap<String, String>) {
    for entry in &table.entries {
        take(&entry.node, &joined(above, &entry.key), found);
    }
}

fn joined(above: &str, name: &str) -> String {
    let name = if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
    if above.is_empty() { name } else { format!("{above}.{name}") }
}

fn take(node: &Node, key: &str, found: &mut BTreeMap<String, String>) {
    match &node.value {
        Value::Table(table) => take_table(table, key, found),
        Value::List(items) if items.iter().any(|it| matches!(it.value, Value::Table(_))) => {
            for (index, item) in items.iter().enumerate() {
                let name = names_of(item).into_iter().next().unwrap_or_else(|| index.to_string());
                take(item, &joined(key, &name), found);
            }
        }
        other @ (Value::Text(_)
        | Value::Number(_)
        | Value::Bool(_)
        | Value::List(_)
        | Value::Other(_)) => {
            found.insert(key.to_owned(), shown(other));
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Number(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        // A table inside a list of plain values is refused elsewhere.
        Value::Table(_) => "a table".to_owned(),
        Value::Other(kind) => (*kind).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_the_key_that_an_override_has() {
        let text = "a = 1_000\n[b]\nc = \"x\"\nd = [1, \"y\"]\n[b.e]\nf = true\n\
                    [[markets]]\nname = \"one.two\"\nfee = 1.50\n[[rates]]\nfrom = \"A\"\n\
                    to = \"B\"\n[[plain]]\nk = 1\n";
        let sets = ["b.c=z".to_owned(), "markets.\"one.two\".fee=2".to_owned()];
        let found = written("file.toml", text, &sets).expect("it is TOML");
        let found: Vec<(&str, &str)> =
            found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            found,
            [
                ("a", "1000"),
                ("b.c", "z"),
                ("b.d", "[1, y]"),
                ("b.e.f", "true"),
                ("markets.\"one.two\".fee", "2"),
                ("markets.\"one.two\".name", "one.two"),
                ("plain.0.k", "1"),
                ("rates.A-B.from", "A"),
                ("rates.A-B.to", "B"),
            ]
        );
        assert!(written("file.toml", "a = ", &[]).is_err());
        assert!(written("file.toml", "a = 1", &["nothing".to_owned()]).is_err());
    }
}
