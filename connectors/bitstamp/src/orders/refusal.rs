//! What the venue says when it does not do what it was asked.
//!
//! It has had several ways over the years and uses all of them: `reason` as a text, a list, or lists by
//! field (`__all__`: the order as a whole); an `error` of the same shapes; an authentication's `code`;
//! and in newer answers a `response_code`. The statuses 200, 400 and 403 occur with each. A code goes
//! before the texts, for texts change. What neither names is no refusal: the order may be live.

use connector_orders::venue::{About, Asked, Reject, Unclear, Verdict};
use serde_json::value::RawValue;

use super::wire::{List, Row, parsed, scalar};

/// Letters of what is kept of a refusal.
const SAID_MAX: usize = 64;

/// What follows from a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// It was not done, for this reason.
    Refused(Reject),
    /// There is no such order.
    NotFound,
    /// The venue's own trouble: what became of it is not known.
    Server,
    /// Nothing definite.
    Unknown,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    class: Class,
    /// Its code, else its first text.
    said: String,
}

impl Problem {
    /// What it means for a request.
    pub(super) fn verdict(self, asked: &Asked<'_>, status: u16) -> Verdict {
        let unclear = match self.class {
            Class::Refused(Reject::Key) => Unclear::Key,
            Class::Refused(Reject::Limited) => Unclear::Limited,
            Class::Server => Unclear::Server,
            Class::Unknown if matches!(status, 401 | 403) => Unclear::Key,
            Class::Refused(_) | Class::NotFound | Class::Unknown => Unclear::Unreadable,
        };
        match (self.class, asked) {
            (Class::Refused(why), Asked::Place(_)) => Verdict::Refused(why, self.said),
            // A cancel that is refused for what it is would be refused again; the order is asked.
            (Class::Refused(why), Asked::Cancel(_)) if unclear == Unclear::Unreadable => {
                Verdict::Refused(why, self.said)
            }
            (Class::NotFound, Asked::Cancel(_) | Asked::About(_, About::State)) => {
                Verdict::NotFound
            }
            _ => Verdict::Unclear(unclear),
        }
    }
}

/// The refusal in an answer; none where the answer is none.
pub(super) fn problem(text: &str) -> Option<Problem> {
    let row: Row<'_> = parsed(text).ok()?;
    let word = |name: &str| row.word(name).ok().flatten();
    let code = word("code").filter(|code| code.starts_with("API") && code != "API0000");
    let number = word("response_code").map(|number| padded(&number));
    let is_error = word("status").is_some_and(|status| status.eq_ignore_ascii_case("error"));
    if !is_error && row.raw("error").is_none() && code.is_none() && number.is_none() {
        return None;
    }
    let mut texts = Vec::new();
    for name in ["reason", "error"] {
        texts.extend(row.raw(name).into_iter().flat_map(flat));
    }
    let said = number.clone().or_else(|| code.as_deref().map(str::to_owned));
    let said = said.or_else(|| texts.first().map(|(_, text)| text.clone()));
    let said = said.unwrap_or_default();
    let said = said.chars().filter(|letter| !letter.is_control()).take(SAID_MAX).collect();
    let class = if row.raw("id").is_some() {
        // An order and a refusal of it at once.
        Class::Unknown
    } else {
        class(code.as_deref(), number.as_deref(), &texts)
    };
    Some(Problem { class, said })
}

/// A code that was written as a number has lost its last zeros.
fn padded(number: &str) -> String {
    let missing = match number.split_once('.') {
        Some((_, behind)) => 3_usize.saturating_sub(behind.len()),
        None => 0,
    };
    format!("{number}{}", &"000"[..missing])
}

fn class(code: Option<&str>, number: Option<&str>, texts: &[(String, String)]) -> Class {
    // Authentication comes before the order: none of these has seen it.
    let by_code = code.map(|_| Class::Refused(Reject::Key));
    let by_number = number.and_then(of_number);
    match (by_code, by_number) {
        (Some(one), Some(other)) if one != other => Class::Unknown,
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => match (of_texts(texts), number) {
            // "Unknown validation error": it names no reason, but it is a refusal.
            (Class::Unknown, Some("400.001")) => Class::Refused(Reject::Other),
            (by_text, _) => by_text,
        },
    }
}

fn of_number(number: &str) -> Option<Class> {
    let why = match number {
        "400.002" | "400.067" | "400.068" => Reject::Limited,
        "400.003" | "404.003" | "404.007" => Reject::Market,
        "400.004" | "400.005" | "400.006" | "400.007" | "400.008" | "400.024" | "400.025"
        | "405.001" | "410.001" => Reject::Other,
        "400.009" => Reject::Funds,
        "400.020" | "400.026" | "400.037" | "400.038" | "400.039" | "400.046" => Reject::Size,
        "400.021" | "400.041" => Reject::Price,
        "404.002" => return Some(Class::NotFound),
        // The name is taken: an order has it, and it may be this one.
        "400.019" => return Some(Class::Unknown),
        _ if number.starts_with("403.") => Reject::Key,
        _ if number.starts_with("500.") => return Some(Class::Server),
        _ => return None,
    };
    Some(Class::Refused(why))
}

/// Field and text of every reason.
fn flat(value: &RawValue) -> Vec<(String, String)> {
    let list = |field: &str, value: &RawValue| -> Vec<(String, String)> {
        let text = |text: &RawValue| scalar(text).map(|text| (field.to_owned(), text.into_owned()));
        match parsed::<List<&RawValue>>(value.get()) {
            Ok(List(list)) => list.into_iter().filter_map(text).collect(),
            Err(_) => text(value).into_iter().collect(),
        }
    };
    match parsed::<Row<'_>>(value.get()) {
        Ok(row) => row.fields().flat_map(|(field, value)| list(field, value)).collect(),
        Err(_) => list("", value),
    }
}

/// Definite where every text is.
fn of_texts(texts: &[(String, String)]) -> Class {
    let mut classes = texts.iter().map(|(field, text)| of_text(field, text));
    let Some(first) = classes.next() else { return Class::Unknown };
    let is_refused = |class: &Class| matches!(class, Class::Refused(_));
    let agrees = |class: Class| class == first || is_refused(&class) && is_refused(&first);
    if classes.all(agrees) { first } else { Class::Unknown }
}

fn of_text(field: &str, text: &str) -> Class {
    let text = text.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let why = if has(&["order not found"]) {
        return Class::NotFound;
    } else if has(&["already", "exist"]) {
        // Of a name or an order that there is.
        return Class::Unknown;
    } else if has(&["you have only"]) {
        Reject::Funds
    } else if has(&["rate limit", "too many requests"]) {
        Reject::Limited
    } else if has(&["invalid signature", "invalid nonce", "api key not found"]) {
        Reject::Key
    } else if has(&["minimum order", "maximum order"]) {
        Reject::Size
    } else if has(&["price is more than"]) {
        Reject::Price
    } else if has(&["market is disabled"]) {
        Reject::Market
    } else {
        // A field of the form that was not accepted: then the form was not.
        match field {
            "amount" => Reject::Size,
            "price" => Reject::Price,
            "ioc_order" | "client_order_id" => Reject::Other,
            _ => return Class::Unknown,
        }
    };
    Class::Refused(why)
}

/// Too many requests, whatever the words: nothing was done.
pub(super) fn limited(asked: &Asked<'_>) -> Verdict {
    match asked {
        Asked::Place(_) => Verdict::Refused(Reject::Limited, "429".to_owned()),
        Asked::Cancel(_) | Asked::About(..) | Asked::Survey(_) => {
            Verdict::Unclear(Unclear::Limited)
        }
    }
}
