//! What may be shown of an address.

/// Scheme and host of an address, without anybody's name in front of the host.
pub(super) fn host_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let host = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    if host == start { &url[..end] } else { &url[host..end] }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_host_is_all_that_is_left_of_an_address() {
        let rows = [
            ("https://node.test/?api-key=SECRET", "https://node.test"),
            ("https://node.test:8899/SECRET/", "https://node.test:8899"),
            ("https://me:SECRET@node.test/", "node.test"),
            ("http://127.0.0.1:9001", "http://127.0.0.1:9001"),
            ("nothing", "nothing"),
        ];
        for (url, host) in rows {
            assert_eq!(host_of(url), host);
        }
    }
}
