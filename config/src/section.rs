//! One table of the configuration, read key by key.

use crate::problem::{At, Fault, Problems, fault, is_secret_key, nearest_hint, shown};
use crate::tree::{Node, Table, Value};

/// A table being read: knows its label and its place, and that no other key may be in it.
#[derive(Debug)]
pub(crate) struct Section<'t> {
    /// As messages name it: `[signal]`.
    pub(crate) label: String,
    prefix: String,
    pub(crate) at: At,
    table: &'t Table,
}

/// Reads a value.
pub(crate) trait Read<T>: Fn(&Node) -> Result<T, Fault> {}
impl<T, F: Fn(&Node) -> Result<T, Fault>> Read<T> for F {}

impl<'t> Section<'t> {
    /// Opens a table and names every key of it that is not in `keys`.
    pub(crate) fn open(
        label: String,
        at: At,
        table: &'t Table,
        keys: &[&str],
        problems: &mut Problems<'_>,
    ) -> Self {
        let prefix = label.trim_matches(['[', ']']).to_owned();
        let section = Self { label, prefix, at, table };
        for entry in &table.entries {
            if !keys.contains(&entry.key.as_str()) {
                let fault = unknown(&entry.key, &section.label, keys);
                problems.add(entry.at, section.key(&entry.key), fault);
            }
        }
        section
    }

    /// The full name of a key.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.prefix.is_empty() { shown(key) } else { format!("{}.{}", self.prefix, shown(key)) }
    }

    pub(crate) fn node(&self, key: &str) -> Option<&'t Node> {
        self.table.get(key).map(|entry| &entry.node)
    }

    /// Where to point for a key: at its value, else at the table.
    pub(crate) fn at_key(&self, key: &str) -> At {
        self.node(key).map_or(self.at, |node| node.at)
    }

    /// The table that a key holds; `None` where it is absent, or no table (which is reported).
    pub(crate) fn inner(
        &self,
        key: &str,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<&'t Table> {
        let node = self.node(key)?;
        if let Value::Table(table) = &node.value {
            return Some(table);
        }
        let says = format!("\"{key}\" in {}: it is {}", self.label, node.value.kind());
        problems.add(node.at, self.key(key), fault(says, format!("write {example}")));
        None
    }

    /// The value of a key that may be absent. `Err` was reported.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        problems: &mut Problems<'_>,
        read: impl Read<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        match read(node) {
            Ok(value) => Some(value),
            Err(mut fault) => {
                fault.says = format!("\"{key}\" in {}: {}", self.label, fault.says);
                problems.add(node.at, self.key(key), fault);
                None
            }
        }
    }

    /// The value of a key with a default.
    pub(crate) fn or<T>(
        &self,
        key: &str,
        default: T,
        problems: &mut Problems<'_>,
        read: impl Read<T>,
    ) -> T {
        self.optional(key, problems, read).unwrap_or(default)
    }

    /// The value of a key that must be there.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        problems: &mut Problems<'_>,
        read: impl Read<T>,
    ) -> Option<T> {
        if self.node(key).is_none() {
            self.missing(key, problems);
        }
        self.optional(key, problems, read)
    }

    /// Reports an absent key.
    pub(crate) fn missing(&self, key: &str, problems: &mut Problems<'_>) {
        let says = format!("missing key \"{key}\" in {}", self.label);
        let hint = format!("add it; config/example/observe.toml shows \"{key}\" with its meaning");
        problems.add(self.at, self.key(key), fault(says, hint));
    }

    /// Reports a key that has no place in this kind of table.
    pub(crate) fn refuse(&self, key: &str, why: &str, problems: &mut Problems<'_>) {
        if let Some(node) = self.node(key) {
            let says = format!("\"{key}\" has no meaning in {}: {why}", self.label);
            problems.add(node.at, self.key(key), fault(says, "remove it"));
        }
    }
}

fn unknown(key: &str, label: &str, keys: &[&str]) -> Fault {
    let label = if label.is_empty() { "the file".to_owned() } else { label.to_owned() };
    if is_secret_key(key) {
        return fault(
            format!("\"{}\" in {label} looks like a secret written into the file", shown(key)),
            "keep secrets out of this file: name a file (a key ending in \"_file\") or a \
             systemd credential (a key ending in \"_credential\")",
        );
    }
    fault(
        format!("unknown key \"{}\" in {label}", shown(key)),
        nearest_hint(key, keys.iter().copied()),
    )
}

/// A table of the root, or `None` where it is absent or no table (which is reported).
pub(crate) fn root_table<'t>(
    root: &'t Table,
    key: &str,
    problems: &mut Problems<'_>,
) -> Option<(At, &'t Table)> {
    let entry = root.get(key)?;
    if let Value::Table(table) = &entry.node.value {
        return Some((entry.at, table));
    }
    let says = format!("\"{key}\" is {}, not a table", entry.node.value.kind());
    problems.add(entry.at, key, fault(says, format!("write it as [{key}]")));
    None
}

/// The tables of a root list, empty where it is absent.
pub(crate) fn root_list<'t>(
    root: &'t Table,
    key: &str,
    count_max: usize,
    problems: &mut Problems<'_>,
) -> Vec<(At, &'t Table)> {
    let Some(entry) = root.get(key) else { return Vec::new() };
    let hint = format!("write each one as [[{key}]]");
    let Value::List(items) = &entry.node.value else {
        let says = format!("\"{key}\" is {}, not a list of tables", entry.node.value.kind());
        problems.add(entry.at, key, fault(says, hint));
        return Vec::new();
    };
    if items.len() > count_max {
        let says = format!("{} tables in [[{key}]], above {count_max}", items.len());
        problems.add(entry.at, key, fault(says, "split the configuration"));
        return Vec::new();
    }
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        if let Value::Table(table) = &item.value {
            list.push((item.at, table));
        } else {
            let says = format!("an entry of \"{key}\" is {}, not a table", item.value.kind());
            problems.add(item.at, key, fault(says, hint.clone()));
        }
    }
    list
}
