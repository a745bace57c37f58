//! The subset of JSON that a cursor walks.

use proptest::prelude::*;

use super::skip::DEPTH_MAX;
use super::*;

fn walks(text: &str) -> bool {
    let mut cursor = Cursor::new(text.as_bytes());
    cursor.skip_value().is_some() && cursor.end().is_some()
}

#[test]
fn values_inside_and_outside_the_subset() {
    let rows = [
        (r"{}", true),
        (r"[]", true),
        (r" [ ] ", true),
        (r#"{"a":[1,"x",{"b":null}],"c":true,"d":false,"e":{}}"#, true),
        (r#"[[["deep"]],0]"#, true),
        (r"[1,]", false),
        (r"[,1]", false),
        (r#"{"a"}"#, false),
        (r#"{"a":1,}"#, false),
        (r"{1:2}", false),
        (r"[1}", false),
        (r#"["\n"]"#, false),
        ("[\"\u{e9}\"]", false),
        ("[\"\n\"]", false),
        (r"[01]", false),
        (r"[1.5]", false),
        (r"[-1]", false),
        (r"[1e5]", false),
        (r"[1] 2", false),
        (r#"["cut"#, false),
        (r"tru", false),
        ("", false),
    ];
    for (text, expected) in rows {
        assert_eq!(walks(text), expected, "{text}");
    }
    let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(walks(&deep(DEPTH_MAX)) && !walks(&deep(DEPTH_MAX + 1)));
}

#[test]
fn arrays_of_objects_alike_and_not() {
    let rows = [
        (r#"[{"a":1,"b":"x"},{"a":22,"b":"yy"},{"a":3,"b":""}]"#, Some(3)),
        (r#"[{"a":1,"b":"x"}, {"a":22,"b":"yy"} ,{"b":3,"a":[{}]},{"b":4,"a":"z"}]"#, Some(4)),
        (r#"[{"a":1},{"a":-1}]"#, None),
        (r#"[{"a":1},{"a":01}]"#, None),
        (r#"[{"a":1},{"a":1.5}]"#, None),
        (r#"[{"a":1},{"a":2]"#, None),
        (r#"[{"a":1},{"a":2"#, None),
        (r#"[{"a":1},{"a":}]"#, None),
        (r#"[{"a":1},{"a":1 }]"#, Some(2)),
        (r#"[{"a":1},{"a":null},{"a":true},3]"#, Some(4)),
        (r#"[{},{},[{"a":{}}]]"#, Some(3)),
        (r#"[{"a":"\n"}]"#, None),
    ];
    for (text, expected) in rows {
        let mut cursor = Cursor::new(text.as_bytes());
        assert_eq!(cursor.skip_array(), expected, "{text}");
        assert!(expected.is_none() || cursor.end().is_some(), "{text}");
    }
}

#[test]
fn integers_of_the_subset() {
    let rows = [
        ("0", Some(0)),
        ("17", Some(17)),
        ("12345678", Some(12_345_678)),
        ("123456789 ", Some(123_456_789)),
        ("1234567890123456,", Some(1_234_567_890_123_456)),
        ("99999999999999999999999999", None),
        ("999999999999999999", Some(999_999_999_999_999_999)),
        ("1000000000000000000", Some(1_000_000_000_000_000_000)),
        ("9999999999999999999", Some(9_999_999_999_999_999_999)),
        ("10000000000000000000", None),
        ("00", None),
        ("1.0", None),
        ("-1", None),
        ("", None),
    ];
    for (text, expected) in rows {
        assert_eq!(Cursor::new(text.as_bytes()).integer(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_walked_is_json(text in r#"[\[\]{}",:0-9a-z\\ .]{0,40}"#) {
        if walks(&text) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn plain_json_is_walked(value in plain_json()) {
        prop_assert!(walks(&value.to_string()), "{}", value);
        prop_assert!(walks(&format!("{value:#}")), "{}", value);
    }
}

fn plain_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (0_u64..1_000_000).prop_map(Into::into),
        "[ -!#-\\[\\]-~]{0,12}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
