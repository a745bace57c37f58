//! The control endpoint, schedules, and the world that stands still.

use serde_json::Value;

use super::*;

async fn ask(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let address = server.running.control().expect("a control port");
    let (head, body) = request(address, method, path, body).await.expect("an answer");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    (status, serde_json::from_str(&body).expect("JSON"))
}

#[test]
fn every_route_answers_as_documented() {
    block_on(async {
        let server = server(|options| {
            options.truth = Some(Arc::new(|| serde_json::json!({ "books": [] })));
        });
        let mut client = server.open().await;
        let (status, venues) = ask(&server, "GET", "/venues", "").await;
        assert_eq!(status, 200);
        assert_eq!(venues["venues"][0]["venue"], "echo");
        assert_eq!(venues["venues"][0]["plain"], server.address().to_string());
        assert_eq!(venues["venues"][0]["counts"]["connections_open"], 1);
        let order = r#"{"venue":"echo","fault":{"kind":"duplicate"}}"#;
        let (status, answer) = ask(&server, "POST", "/fault", order).await;
        assert_eq!((status, &answer["number"]), (200, &Value::from(0)));
        assert_eq!(client.echoes(&["a"], 2).await, ["a", "a"]);
        let (status, _) = ask(&server, "POST", "/end", r#"{"number":0}"#).await;
        assert_eq!(status, 200);
        let (_, faults) = ask(&server, "GET", "/faults", "").await;
        let fault = &faults["faults"][0];
        assert_eq!(
            (&fault["venue"], &fault["fault"]["kind"]),
            (&"echo".into(), &"duplicate".into())
        );
        assert_eq!((&fault["applied"], &fault["number"]), (&Value::from(1), &Value::from(0)));
        let (status, truth) = ask(&server, "GET", "/truth", "").await;
        assert_eq!((status, truth), (200, serde_json::json!({ "books": [] })));
    });
}

#[test]
fn what_is_asked_wrongly_is_told_why() {
    block_on(async {
        let server = server(|_| {});
        let cases = [
            ("GET", "/nothing", "", 404, "there are"),
            ("GET", "/fault", "", 405, "POST for"),
            ("GET", "/truth", "", 404, "no world"),
            ("POST", "/fault", "{", 400, "EOF"),
            ("POST", "/end", r#"{"number":0}"#, 404, "no fault has"),
            (
                "POST",
                "/fault",
                r#"{"venue":"x","fault":{"kind":"refuse"}}"#,
                400,
                "there are: echo",
            ),
            ("POST", "/fault", r#"{"venue":"echo","fault":{"kind":"rain"}}"#, 400, "rain"),
            (
                "POST",
                "/fault",
                r#"{"venue":"echo","fault":{"kind":"slow_reads","bytes_per_s":0}}"#,
                400,
                "between 1",
            ),
        ];
        for (method, path, body, status, part) in cases {
            let (seen, answer) = ask(&server, method, path, body).await;
            let says = answer["error"].as_str().expect("an error").to_owned();
            assert!(seen == status && says.contains(part), "{path} {body}: {seen} {says}");
        }
        assert!(server.running.faults().is_empty());
    });
}

#[test]
fn a_schedule_is_kept_in_market_time() {
    block_on(async {
        let at = |at_ms, fault, ms| {
            let order = FaultOrder::new("echo", fault, ms);
            Scheduled { at_ms, order }
        };
        let server = server(|options| {
            options.scale = 100;
            options.start_unix_ns = 1_000 * SECOND_NS;
            options.schedule = vec![at(4_000, Fault::Refuse, 10), at(1_000, Fault::HalfOpen, 500)];
        });
        server.until(|server| server.running.faults().len() == 2).await;
        let faults = server.running.faults();
        assert_eq!(
            [faults[0].order.fault.name(), faults[1].order.fault.name()],
            ["half_open", "refuse"]
        );
        assert!(faults[0].at_ns >= 1_001 * SECOND_NS && faults[1].at_ns >= 1_004 * SECOND_NS);
        assert_eq!(faults[0].until_ns - faults[0].at_ns, SECOND_NS / 2);
    });
}

#[test]
fn the_world_can_stand_still_while_sockets_go_on() {
    block_on(async {
        let server = server(|_| {});
        let mut client = server.open().await;
        client.say("flood 1").await;
        let first: u64 = client.text().await.trim().parse().expect("a slot");
        let (status, _) = ask(&server, "POST", "/freeze", "").await;
        assert_eq!(status, 200);
        let before = server.counts().frames;
        // What was under way arrives, and then nothing.
        let mut last = first;
        while let Ok(text) = timeout(Duration::from_millis(100), client.text()).await {
            last = text.trim().parse().expect("a slot");
        }
        assert_eq!(client.echoes(&["a"], 1).await, ["a"]);
        assert!(server.counts().frames >= before);
        ask(&server, "POST", "/thaw", "").await;
        let next: u64 = client.text().await.trim().parse().expect("a slot");
        assert_eq!(next, last + 1);
    });
}
