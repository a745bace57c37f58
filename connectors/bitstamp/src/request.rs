//! Addresses of REST books, and what a book was asked for.
//!
//! The venue's edge keeps a book for about a second, so every request carries a value of its own. It
//! says why and when the request was made: a decoder can judge an answer by that, live and from a
//! recording alike.

/// Why a REST book was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Diffs are to be joined to it. Unit of the time of the request: Unix nanoseconds.
    Join(u64),
    /// It is to be compared with the book that the diffs have made. Unit: Unix nanoseconds.
    Audit(u64),
    /// The address does not say: a recording that somebody else made.
    Unknown,
}

const JOIN: &str = "_=join-";
const AUDIT: &str = "_=audit-";

/// Address of a market's book, grouped by price. `rest_url` ends without a slash; with
/// [`Purpose::Unknown`] the request has no value of its own.
#[must_use]
pub fn book_url(rest_url: &str, symbol: &str, purpose: Purpose) -> String {
    let own = match purpose {
        Purpose::Join(now_ns) => format!("&{JOIN}{now_ns}"),
        Purpose::Audit(now_ns) => format!("&{AUDIT}{now_ns}"),
        Purpose::Unknown => String::new(),
    };
    format!("{rest_url}/order_book/{symbol}/?group=1{own}")
}

/// What the address of a book says.
pub(crate) fn purpose(url: &str) -> Purpose {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let own = query.split(['&', '#']).find_map(|pair| {
        let join = pair.strip_prefix(JOIN).map(|ns| (ns, Purpose::Join as fn(u64) -> Purpose));
        join.or_else(|| pair.strip_prefix(AUDIT).map(|ns| (ns, Purpose::Audit as fn(u64) -> _)))
    });
    match own.map(|(ns, make)| (ns.parse(), make)) {
        Some((Ok(ns), make)) => make(ns),
        Some((Err(_), _)) | None => Purpose::Unknown,
    }
}

/// The market that the address of a book names.
pub(crate) fn symbol(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/order_book/")?;
    rest.split(['/', '?', '#']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_it_was_for() {
        for of in [Purpose::Unknown, Purpose::Join(7), Purpose::Audit(u64::MAX)] {
            let url = book_url("https://x/api/v2", "btcusd", of);
            assert!(url.starts_with("https://x/api/v2/order_book/btcusd/?group=1"), "{url}");
            assert_eq!((purpose(&url), symbol(&url)), (of, Some("btcusd")), "{url}");
        }
        let rows = [
            "https://x/order_book/btcusd",
            "https://x/order_book/btcusd?_=17",
            "https://x/order_book/btcusd?_=join-",
            "https://x/order_book/btcusd?_=join--1",
            "https://x/order_book/btcusd?x=_=join-1",
            "https://x/order_book/btcusd/_=join-1",
        ];
        for url in rows {
            assert_eq!((purpose(url), symbol(url)), (Purpose::Unknown, Some("btcusd")), "{url}");
        }
        assert_eq!(symbol("https://x/ticker/btcusd"), None);
    }
}
