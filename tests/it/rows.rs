//! Rows of text are read the same in any way that the file comes, and one that cannot be decided is an error.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use crate::lake::{Hunt, Lake, zstd};

const HEADER: &str = "eventTime,eventName,errorCode,requestParameters,eventID\n";

fn row(id: &str) -> String {
    let request = r#"{""policyArn"":""arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2""}"#;
    format!("2024-05-01T12:00:00Z,AttachUserPolicy,,\"{request}\",{id}\n")
}

fn others(n: usize) -> String {
    let row = |i: usize| {
        let pad = "x".repeat(i % 300);
        format!("2024-05-01T12:00:00Z,ListUsers,,\"{{\"\"pad\"\":\"\"{pad}\"\"}}\",o{i}\n")
    };
    (0..n).map(row).collect()
}

fn piped(lake: &Lake, text: &str) -> Hunt {
    let mut command = lake.command(&["-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    // In small pieces, as they come from a slow program.
    let writer = std::thread::spawn(move || {
        for piece in text.as_bytes().chunks(10_007) {
            input.write_all(piece).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    lake.hunted(output)
}

#[test]
fn a_table_is_the_same_as_a_file_through_a_pipe_and_packed() {
    let titles = [
        "",
        "Report of a day\n",
        "\n\n",
        ",,,,\n",
        "sep=,\n",
        "#TYPE x\n",
    ];
    for title in titles {
        let bad = row("3").replace(",,", ",");
        let text = format!("{title}{HEADER}{}{}{bad}{}", row("1"), others(30), row("2"));
        let lake = Lake::new().file("a.csv", &text);
        for args in [&["--threads", "1"][..], &["--threads", "2", "--no-mmap"]] {
            lake.hunt(args)
                .exits(3)
                .finds(&["1", "2"])
                .tells(&["undecided", "invalid_row"]);
        }
        piped(&lake, &text)
            .exits(3)
            .finds(&["1", "2"])
            .tells(&["undecided", "invalid_row"]);
    }
}

#[test]
fn a_large_table_is_the_same_in_any_way() {
    // One cell too many.
    let lost = row("3").replace(",3\n", ",3,4\n");
    let half = |n| format!("{}{lost}{}", row("1"), others(n));
    let text = format!(
        "Title\n\n{HEADER}{}{}{}",
        half(30_000),
        half(15_000),
        row("2")
    );
    assert!(text.len() > 8 << 20, "several blocks");
    let mut random = 1_u32;
    // What can hardly be packed makes a packed file that is large too.
    let noise: String = (0..10 << 20)
        .map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + u8::try_from(random >> 24).unwrap() % 26)
        })
        .collect();
    let noisy: String = noise
        .as_bytes()
        .chunks(500)
        .map(|pad| format!("2024,ListUsers,,{},x\n", std::str::from_utf8(pad).unwrap()))
        .collect();
    let noisy = format!("{HEADER}{}{noisy}{lost}{}", row("1"), row("2"));
    let frames = noisy.as_bytes().chunks(400_000).map(zstd);
    let lake = Lake::new()
        .file("a.csv", &text)
        .gzip("b.csv.gz", &noisy)
        .file("c.csv.zst", frames.collect::<Vec<_>>().concat());
    let found = ["1", "3", "1", "3", "2", "1", "3", "2", "1", "3", "2"];
    let told = ["invalid_row"; 4];
    for args in [
        &["--threads", "1"][..],
        &["--threads", "3"],
        &["--threads", "2", "--no-mmap"],
    ] {
        lake.hunt(args).exits(3).finds(&found).tells(&told);
    }
    piped(&lake, &text)
        .exits(3)
        .finds(&found[..5])
        .tells(&told[..2]);
}

#[test]
fn an_invalid_row_is_told_with_its_place() {
    let text = format!("{HEADER}{}{}", row("1"), row("3").replace(",,", ","));
    let hunt = Lake::new()
        .file("a.csv", &text)
        .hunt(&[])
        .exits(3)
        .finds(&["1"]);
    let told = &hunt.report["diagnostics"][0];
    assert_eq!(told["severity"], "error");
    assert_eq!(told["offset"], HEADER.len() + row("1").len());
}

#[test]
fn rows_without_a_header_that_is_known_are_never_passed_over() {
    let request = r#"{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}"#;
    for text in [
        row("1"),
        "AttachUserPolicy\u{1}us-east-1\u{1}\\N\u{1}policyArn\u{3}AWSCompromisedKeyQuarantine\u{1}1\n"
            .to_owned(),
        format!(
            "a,b,c\n1,AttachUserPolicy,\"{}\"\n",
            request.replace('"', "\\\"")
        ),
        format!("what;when\nAttachUserPolicy;{request}\n"),
        format!("{}\n{HEADER}{}", "x,y\n".repeat(20), row("1")),
        row("1").replace('\n', "\r"),
        format!("{}{}", HEADER, row("1")).replace('\n', "\r"),
    ] {
        let hunt = Lake::new().file("a", &text).hunt(&[]);
        let is_told = hunt.exit == Some(3) || !hunt.alerts.is_empty();
        assert!(is_told, "{text}\n{}", hunt.stderr);
    }
}

#[test]
fn a_whole_record_beside_a_cut_request_is_read() {
    let record = crate::lake::attach("1").replace('"', "\"\"");
    let text = format!(
        "eventTime,eventName,eventSource,requestParameters,raw\n\
         2024-05-01T12:00:00Z,AttachUserPolicy,iam.amazonaws.com,,\"{record}\"\n"
    );
    Lake::new()
        .file("a.csv", text)
        .hunt(&[])
        .exits(0)
        .finds(&["1"]);
}

#[test]
fn a_table_may_come_from_a_file_that_is_given_as_input() {
    let lake = Lake::new().file("a.csv", format!("Title\n{HEADER}{}", row("1")));
    let file = File::open(lake.logs().join("a.csv")).unwrap();
    let output = lake.command(&["-"]).stdin(file).output().unwrap();
    lake.hunted(output).exits(0).finds(&["1"]);
}
