//! Faults of HTTP requests, of the clock, and of connections that are not let in.

use super::*;

#[test]
fn requests_are_refused_in_the_words_of_the_fault() {
    let reach = Reach::default;
    let cases = [
        (
            Fault::RateLimited { retry_after_s: 17, reach: reach() },
            429,
            "retry-after: 17",
            "Too Many",
        ),
        (
            Fault::Ban { status: 418, text: "banned until later".to_owned(), reach: reach() },
            418,
            "text/plain",
            "banned until later",
        ),
        (
            Fault::ServerError { status: 503, executes: Executes::Not, reach: reach() },
            503,
            "text/html",
            "<html>",
        ),
    ];
    for (fault, status, header, body) in cases {
        block_on(async {
            let server = server(|_| {});
            let number = server.fault(fault.clone(), 60_000);
            let answer = server.request("POST", "/order", "{}").await;
            assert!(answer.0.contains(&format!(" {status} ")), "{fault:?}: {answer:?}");
            assert!(answer.0.contains(header) && answer.1.contains(body), "{fault:?}: {answer:?}");
            match server.try_open().await {
                Err(Error::Http(answer)) => assert_eq!(answer.status(), status),
                _ => panic!("an upgrade is a request"),
            }
            assert_eq!(server.applied(number), 2);
            assert_eq!(server.echo.orders.load(Ordering::SeqCst), 0);
        });
    }
}

#[test]
fn a_request_without_a_proper_answer_may_have_been_carried_out() {
    block_on(async {
        let server = server(|options| options.scale = 10);
        let reach = || Reach { path: "order".to_owned() };
        let orders = || server.echo.orders.load(Ordering::SeqCst);
        server.fault(Fault::Hang { executes: Executes::Not, reach: reach() }, 500);
        assert!(request(server.address(), "POST", "/order", "{}").await.is_none());
        assert_eq!(orders(), 0);
        server.fault(Fault::Hang { executes: Executes::First, reach: reach() }, 500);
        assert!(request(server.address(), "POST", "/order", "{}").await.is_none());
        assert_eq!(orders(), 1);
        let executes = Executes::First;
        server.fault(Fault::ServerError { status: 502, executes, reach: reach() }, 600_000);
        let (head, body) = server.request("POST", "/order", "{}").await;
        assert!(head.contains(" 502 ") && body.contains("Bad Gateway"), "{head} {body}");
        assert_eq!(orders(), 2);
        let (head, _) = server.request("GET", "/time", "").await;
        assert!(head.contains(" 200 "), "another path is not meant: {head}");
    });
}

#[test]
fn answers_come_late_and_slowly() {
    block_on(async {
        let server = server(|_| {});
        let reach = Reach::default();
        server.fault(Fault::SlowAnswers { by_ms: 80, jitter_ms: 5, reach }, 60_000);
        server.fault(Fault::SlowWrites { bytes_per_s: 100 }, 60_000);
        let began = std::time::Instant::now();
        let (_, body) = server.request("POST", "/order", "0123456789").await;
        assert!(body.contains("01234") && body.contains("56789"), "two pieces: {body:?}");
        assert!(began.elapsed() >= Duration::from_millis(180), "{:?}", began.elapsed());
    });
}

#[test]
fn a_wrong_clock_is_wrong_for_a_while() {
    block_on(async {
        let server = server(|options| options.scale = 10);
        let ahead_s = async || {
            let (_, body) = server.request("GET", "/time", "").await;
            let told: u64 = body.parse().expect("nanoseconds");
            told.abs_diff(server.running.clock().now_ns()) / SECOND_NS
        };
        // Ten seconds of market time are one of ours: far more than a request takes.
        assert!(ahead_s().await < 1_000);
        let first = server.fault(Fault::ClockSkew { by_ms: -5_000_000 }, FAULT_MS_MAX);
        assert!((4_000..=6_000).contains(&ahead_s().await));
        let second = server.fault(Fault::ClockSkew { by_ms: 50_000_000 }, FAULT_MS_MAX);
        assert!((49_000..=51_000).contains(&ahead_s().await), "the newest wins");
        server.end(second).await;
        assert!((4_000..=6_000).contains(&ahead_s().await), "the first is still on");
        server.end(first).await;
        assert!(ahead_s().await < 1_000);
    });
}

#[test]
fn nobody_is_let_in() {
    block_on(async {
        let server = server(|options| options.scale = 10);
        let mut client = server.open().await;
        let number = server.fault(Fault::Refuse, FAULT_MS_MAX);
        assert!(server.try_open().await.is_err());
        assert!(request(server.address(), "GET", "/time", "").await.is_none());
        assert_eq!(server.applied(number), 2);
        assert_eq!(server.counts().sockets_refused, 2);
        assert_eq!(client.echoes(&["a"], 1).await, ["a"], "who is in stays in");
        server.end(number).await;
        server.open().await;
    });
}

#[test]
fn a_body_beyond_the_bound_is_refused() {
    block_on(async {
        let server = server(|_| {});
        let (head, _) = server.request("POST", "/order", &"x".repeat(1024 * 1024)).await;
        assert!(head.contains(" 200 "), "{head}");
        let (head, _) = server.request("POST", "/order", &"x".repeat(1024 * 1024 + 1)).await;
        assert!(head.contains(" 413 "), "{head}");
    });
}
