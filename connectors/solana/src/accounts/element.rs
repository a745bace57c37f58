//! The JSON of account files: the three shapes, and one account in either form.

use std::borrow::Cow;
use std::fmt;

use connector_net::scan::Text;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use super::{ACCOUNTS_MAX, Account, AccountFileError, ENTRY_NAME_MAX};
use crate::data::{DataEncoding, DataError, DataReader};

/// What is wrong with one element.
#[derive(Debug, thiserror::Error)]
pub enum EntryProblem {
    /// Another shape than an account's.
    #[error("{0}")]
    Shape(String),
    /// The address or the owner is no base58 key.
    #[error("{field} {text:?} is not an address")]
    Address {
        /// `pubkey` or `owner`.
        field: &'static str,
        /// What stands there, cut to 64 characters.
        text: String,
    },
    /// The data cannot be decoded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An encoding that no node writes.
    #[error("unknown data encoding {0:?}")]
    Encoding(String),
    /// `space` and the data differ.
    #[error("{bytes} bytes of data, but `space` says {space}")]
    Space {
        /// Length of the data.
        bytes: usize,
        /// What the file says.
        space: u64,
    },
}

/// An element and its key, where it has one.
pub(super) type Named<'a> = (Option<Cow<'a, str>>, &'a RawValue);

/// The whole file, its elements still text.
pub(super) enum Top<'a> {
    List(Vec<&'a RawValue>),
    Object(Vec<(Cow<'a, str>, &'a RawValue)>),
}

impl<'a> Top<'a> {
    pub(super) fn elements(self, file: &str) -> Result<Vec<Named<'a>>, AccountFileError> {
        let unnamed = |list: Vec<&'a RawValue>| list.into_iter().map(|raw| (None, raw)).collect();
        let fields = match self {
            Self::List(list) => return Ok(unnamed(list)),
            Self::Object(fields) => fields,
        };
        if let Some((_, list)) =
            fields.iter().find(|(key, raw)| key == "accounts" && raw.get().starts_with('['))
        {
            return serde_json::from_str(list.get())
                .map(unnamed)
                .map_err(|source| AccountFileError::Json { file: file.into(), source });
        }
        if fields.is_empty() || fields.iter().any(|(_, raw)| !raw.get().starts_with('{')) {
            return Err(AccountFileError::NoAccounts { file: file.into() });
        }
        Ok(fields.into_iter().map(|(key, raw)| (Some(key), raw)).collect())
    }
}

impl<'de> Deserialize<'de> for Top<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Top<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(raw) = seq.next_element()? {
                    // One above the limit is enough to report it.
                    if list.len() <= ACCOUNTS_MAX {
                        list.push(raw);
                    }
                }
                Ok(Top::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(key), raw)) = map.next_entry()? {
                    if fields.len() <= ACCOUNTS_MAX {
                        fields.push((key, raw));
                    }
                }
                Ok(Top::Object(fields))
            }
        }
        deserializer.deserialize_any(TopVisitor)
    }
}

/// One element: an account in either form, or an instruction.
#[derive(Deserialize)]
pub(super) struct Element<'a> {
    #[serde(borrow, default)]
    pub(super) pubkey: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "stated")]
    account: Stated<'a>,
    #[serde(borrow, default)]
    pub(super) owner: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<RawData<'a>>,
    #[serde(default)]
    lamports: Option<u64>,
    #[serde(default)]
    space: Option<u64>,
    #[serde(default)]
    pub(super) program_id: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct RawAccount<'a> {
    #[serde(borrow)]
    owner: Cow<'a, str>,
    #[serde(borrow)]
    data: RawData<'a>,
    #[serde(default)]
    lamports: Option<u64>,
    #[serde(default)]
    space: Option<u64>,
}

/// The field `account` of an element.
#[derive(Default)]
enum Stated<'a> {
    /// It is not there.
    #[default]
    Nothing,
    /// It is null.
    Nonexistent,
    Account(RawAccount<'a>),
}

fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Stated<'de>, D::Error> {
    let account = Option::deserialize(deserializer)?;
    Ok(account.map_or(Stated::Nonexistent, Stated::Account))
}

impl Element<'_> {
    pub(super) fn into_account(
        self,
        reader: &mut DataReader,
    ) -> Result<(Option<Pubkey>, Option<Account>), EntryProblem> {
        let pubkey = self.pubkey.as_deref().map(|text| address("pubkey", text)).transpose()?;
        let raw = match (self.account, self.owner, self.data) {
            (Stated::Nonexistent, None, None) => {
                let no_key = || EntryProblem::Shape("`account` is null without a `pubkey`".into());
                return Ok((Some(pubkey.ok_or_else(no_key)?), None));
            }
            (Stated::Account(raw), None, None) => raw,
            (Stated::Nothing, Some(owner), Some(data)) => {
                RawAccount { owner, data, lamports: self.lamports, space: self.space }
            }
            _ => {
                let text = "expected either `account`, or `owner` and `data`";
                return Err(EntryProblem::Shape(text.into()));
            }
        };
        let data = reader.read(raw.data.text.as_bytes(), raw.data.encoding()?)?.to_vec();
        if let Some(space) = raw.space
            && space != data.len() as u64
        {
            return Err(EntryProblem::Space { bytes: data.len(), space });
        }
        let owner = address("owner", &raw.owner)?;
        Ok((pubkey, Some(Account { owner, lamports: raw.lamports, data })))
    }
}

fn address(field: &'static str, text: &str) -> Result<Pubkey, EntryProblem> {
    text.parse().map_err(|_| EntryProblem::Address {
        field,
        text: text.chars().take(ENTRY_NAME_MAX).collect(),
    })
}

/// Data as text with an optional encoding: `"…"`, `["…"]` or `["…", "base64"]`.
struct RawData<'a> {
    text: Cow<'a, str>,
    encoding: Option<Cow<'a, str>>,
}

impl RawData<'_> {
    fn encoding(&self) -> Result<DataEncoding, EntryProblem> {
        let name = self.encoding.as_deref().unwrap_or("base64");
        DataEncoding::from_name(name)
            .ok_or_else(|| EntryProblem::Encoding(name.chars().take(ENTRY_NAME_MAX).collect()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;
        impl<'de> Visitor<'de> for DataVisitor {
            type Value = RawData<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("account data as text, or as a pair of text and encoding")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<RawData<'de>, E> {
                Ok(RawData { text: Cow::Borrowed(text), encoding: None })
            }

            fn visit_str<E>(self, text: &str) -> Result<RawData<'de>, E> {
                Ok(RawData { text: Cow::Owned(text.into()), encoding: None })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawData<'de>, A::Error> {
                let missing = || serde::de::Error::invalid_length(0, &self);
                let Text(text) = seq.next_element()?.ok_or_else(missing)?;
                let encoding = seq.next_element::<Text<'de>>()?.map(|Text(name)| name);
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(RawData { text, encoding })
            }
        }
        deserializer.deserialize_any(DataVisitor)
    }
}
