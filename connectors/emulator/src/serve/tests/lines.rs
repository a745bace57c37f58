//! The log of frames.

use super::*;

#[test]
fn every_text_frame_has_a_line() {
    let path = std::env::temp_dir().join(format!("emulator-frames-{}.csv", std::process::id()));
    block_on(async {
        let server = server(|options| options.frame_log = Some(path.clone()));
        let before_ns = monotonic_ns();
        let mut client = server.open().await;
        let mut other = server.open().await;
        server.fault(Fault::Drop { pick: Pick { contains: "b".into(), ..Pick::default() } }, 0);
        client.echoes(&["a", "b", "c"], 2).await;
        other.say("ping me").await;
        other.next().await.expect("open").expect("sound");
        let after_ns = monotonic_ns();
        server.running.stop().expect("the log was written");
        let text = std::fs::read_to_string(&path).expect("the log");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("venue,connection,frame,mono_ns,bytes"));
        let mut rows = Vec::new();
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!((fields.len(), fields[0]), (5, "echo"), "{line}");
            let numbers: Vec<u64> =
                fields[1..].iter().map(|field| field.parse().expect("a number")).collect();
            assert!((before_ns..=after_ns).contains(&numbers[2]), "{line}");
            rows.push((numbers[0], numbers[1], numbers[3]));
        }
        rows.sort_unstable();
        // Header of two bytes and the text; pings have no line.
        assert_eq!(rows, [(1, 1, 7), (1, 2, 3), (1, 3, 3), (2, 1, 7)]);
    });
    std::fs::remove_file(&path).expect("ours to remove");
}
