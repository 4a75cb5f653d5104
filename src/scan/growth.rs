//! The work grows in proportion to the text, whatever the text repeats, and ends soon after a stop request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use proptest::prelude::*;

use crate::scan::lenient::lenient;
use crate::scan::limits::Limits;
use crate::scan::{Before, Prefilter, Scanner, Window, anchors};
use crate::steps;

/// The largest number of steps per byte. The most expensive text has an escape in every six bytes, each of which may
/// be in a needle of 256 bytes, after escapes of escapes.
const STEPS_A_BYTE: u64 = 600;
/// The number of steps allowed in addition.
const STEPS_MORE: u64 = 20_000;

const NEEDLE: &str = "NEEDLE";
const RECORD: &str =
    r#"{"eventVersion":"1.08","eventName":"a","requestParameters":{"b":"NEEDLE"}}"#;

/// Pieces of text that may occur in JSON, in lines, in damaged text, and pieces that nearly may.
const TOKENS: [&str; 62] = [
    "\n",
    "\r\n",
    " ",
    "\t",
    "\n ",
    " \n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "/",
    "0",
    "-",
    "a",
    "Z",
    "_",
    "\0",
    "\x01",
    "é",
    "\u{feff}",
    "{}",
    "[]",
    "\"\"",
    "{\"",
    "}{",
    "}{\"",
    "}{\"a",
    "{}\n",
    "{\n",
    "[\n",
    ",\n",
    "\"\n",
    "\n{",
    "\n[",
    ",\n{",
    "[{",
    "}]",
    "},{",
    "0,",
    "\"a\",",
    "\"a\":",
    "\\\"",
    "\\n",
    "\\\n",
    "\\u00",
    "\\u0041",
    "\\u005c",
    "u005c",
    "\\\\u0041",
    "/*",
    "//",
    "//\n",
    "NEEDLE",
    "\"NEEDLE\",",
    "\"eventName\":",
    "{\"eventName\":1}",
    "{\"a\":",
    "\"{NEEDLE\",",
];

/// Texts that may be before them.
const BEFORE: [&str; 17] = [
    "",
    "{",
    "[",
    "[[",
    "\"",
    "{\"a\":\"",
    "[\"",
    "{\"eventName\":1,\"a\":[",
    "{\"eventName\":\"",
    "{\"a\":",
    "x ",
    ",\n",
    "{}\n",
    "{\"a\":NEEDLE,",
    "{\"a\":{\"b\":\"{NEEDLE\",\"c\":",
    "{\"eventName\":1} ",
    RECORD,
];

/// Texts that may be after them.
const AFTER: [&str; 10] = [
    "",
    "\n",
    "\n{",
    "{",
    "\"",
    "\"}",
    "]}",
    "NEEDLE",
    "\n[NEEDLE",
    RECORD,
];

/// Text of about `n_bytes`, and of twice as many.
#[derive(Debug, Clone)]
struct Repeated {
    before: String,
    token: String,
    after: String,
    n_bytes: usize,
}

impl Repeated {
    /// Returns the text some times as long; `times` must be a multiple of eight, or one.
    ///
    /// A token with an odd number of quotes ends inside a string after every other repetition, which may double the
    /// steps for each byte. That is no growth. So the numbers of repetitions that are compared have the same remainder
    /// by 2, 3, 4, 6, 8, 12 and 24: strings and escapes have no more states than that.
    fn text(&self, times: usize) -> String {
        let once = self.n_bytes / self.token.len();
        let n = times * (once - once % 3) + self.n_bytes % 6;
        [&self.before, &*self.token.repeat(n), &self.after].concat()
    }
}

fn repeated() -> impl Strategy<Value = Repeated> {
    let tokens = || prop::sample::select(TOKENS.to_vec());
    let some = |what: &[&'static str]| {
        let one = prop::sample::select(what.to_vec());
        prop::collection::vec(one, 0..3).prop_map(|all| all.concat())
    };
    let token = prop_oneof![
        2 => tokens().prop_map(str::to_owned),
        1 => prop::collection::vec(tokens(), 2..4).prop_map(|all| all.concat()),
    ];
    (some(&BEFORE), token, some(&AFTER), 1_250usize..2_500).prop_map(
        |(before, token, after, n_bytes)| Repeated {
            before,
            token,
            after,
            n_bytes,
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let small = Limits {
        envelope_bytes: 200,
        record_bytes_max: 2_000,
        tail_bytes: 100,
        ..Limits::default()
    };
    let medium = Limits {
        tail_bytes: 1_000,
        stride_bytes: 1_000,
        ..Limits::default()
    };
    prop::sample::select(vec![small, medium, Limits::default()])
}

/// Returns the steps of a scan through windows of `window_bytes` bytes, or of twice what is kept.
fn scan(text: &str, limits: Limits, needles: &[&str], window_bytes: usize) -> u64 {
    let scanner = Scanner::with_limits(Arc::new(Prefilter::new(needles)), limits);
    scan_with(scanner, text, window_bytes)
}

/// Returns the steps of a scan that shows all records.
fn scan_records(text: &str, limits: Limits, window_bytes: usize) -> u64 {
    let prefilter = Arc::new(Prefilter::new(&[NEEDLE]));
    let scanner = Scanner::with_limits(prefilter, limits).showing_records(true);
    scan_with(scanner, text, window_bytes)
}

fn scan_with(mut scanner: Scanner, text: &str, window_bytes: usize) -> u64 {
    scanner.start_text(0);
    let (mut from, mut to, mut is_last) = (0, 0, false);
    let (n_steps, ()) = steps::count(|| {
        while !is_last {
            to = text.len().min(to + window_bytes.max(to - from));
            is_last = to == text.len();
            let window = Window {
                bytes: &text.as_bytes()[from..to],
                base: from as u64,
                is_last,
                likely_start: None,
            };
            let keep = scanner.scan(window, &mut |_| ());
            from = usize::try_from(keep).unwrap();
        }
    });
    n_steps
}

#[track_caller]
fn check_linear(repeated: &Repeated, steps: impl Fn(&str) -> u64) {
    // From ten windows on: a text in a single window is handled differently.
    let [_, once, twice] = [1, 8, 16].map(|times| {
        let text = repeated.text(times);
        let n_steps = steps(&text);
        let most = STEPS_MORE + STEPS_A_BYTE * text.len() as u64;
        assert!(
            n_steps <= most,
            "{n_steps} steps for {} bytes of {:?}",
            text.len(),
            repeated.token
        );
        n_steps
    });
    assert!(
        twice <= 3 * once + STEPS_MORE,
        "{once} steps, and for twice as much of {:?} {twice}",
        repeated.token
    );
}

/// Returns each token alone, which a random choice may miss.
fn each_token(n_bytes: usize) -> impl Iterator<Item = Repeated> {
    TOKENS.iter().flat_map(move |token| {
        ["", "[", "{\"a\":\"", "x\n"].map(|before| Repeated {
            before: before.to_owned(),
            token: (*token).to_owned(),
            after: NEEDLE.to_owned(),
            n_bytes,
        })
    })
}

#[test]
fn each_token_costs_as_much_as_it_is_long() {
    for repeated in each_token(1_875) {
        for window_bytes in [1_000, usize::MAX / 2] {
            check_linear(&repeated, |text| {
                scan(text, Limits::default(), &[NEEDLE], window_bytes)
            });
            check_linear(&repeated, |text| {
                scan_records(text, Limits::default(), window_bytes)
            });
        }
        check_linear(&repeated, seams);
        check_linear(&repeated, |text| {
            steps::count(|| lenient(text.as_bytes())).0
        });
    }
}

/// After every other repetition it ends inside a string, with twice or half the steps.
#[test]
fn a_token_with_an_odd_number_of_quotes_is_compared_with_its_like() {
    let limits = Limits {
        tail_bytes: 1_000,
        stride_bytes: 1_000,
        ..Limits::default()
    };
    for n_bytes in 1_554..1_566 {
        let repeated = Repeated {
            before: "{\"eventName\":\"".to_owned(),
            token: "\"eventName\":\"\"NEEDLE\",".to_owned(),
            after: "\"}".to_owned(),
            n_bytes,
        };
        check_linear(&repeated, |text| scan(text, limits, &[], 1_556));
        check_linear(&repeated, |text| scan_records(text, limits, 1_556));
    }
}

/// Each hole is looked at, and the text behind it is not.
#[test]
fn holes_between_blanks_cost_as_much_as_they_are_long() {
    let limits = Limits {
        envelope_bytes: 200,
        record_bytes_max: 2_000,
        tail_bytes: 100,
        ..Limits::default()
    };
    for token in [" \0\0", "\0\0a", "\n\0\0\0"] {
        let repeated = Repeated {
            before: String::new(),
            token: token.to_owned(),
            after: String::new(),
            n_bytes: 1_250,
        };
        check_linear(&repeated, |text| scan(text, limits, &[], 1_000));
        check_linear(&repeated, |text| scan_records(text, limits, 1_000));
    }
}

/// Elements of lookup-events are read in order, as text or as YAML.
#[test]
fn an_element_costs_as_much_as_it_is_long() {
    let item = "Events:\n- EventId: e\n";
    let of_yaml = [
        "- EventName: NEEDLE\n",
        "  CloudTrailEvent: 'NEEDLE\n",
        "  CloudTrailEvent: \"NEEDLE\n",
        "  CloudTrailEvent: |\n",
        "  CloudTrailEvent: NEEDLE\n",
        "   '\n",
        "   \"\\\n",
        "   \\x4e\n",
        "\n",
        " ",
        "  \n",
        "NextToken:\n",
    ];
    let of_text = [
        "EVENTS\t{NEEDLE\n",
        "RESOURCES\tNEEDLE\n",
        "{\t",
        "\t",
        "\n",
    ];
    let quotes = [
        "",
        "  CloudTrailEvent: '",
        "  CloudTrailEvent: \"",
        "  EventName: |\n",
    ];
    let items = quotes.iter().flat_map(|quote| {
        let before = [item, quote].concat();
        of_yaml.map(|token| (before.clone(), token))
    });
    let lines = of_text.map(|token| ("EVENTS\t".to_owned(), token));
    for (before, token) in items.chain(lines) {
        let repeated = Repeated {
            before,
            token: token.to_owned(),
            after: NEEDLE.to_owned(),
            n_bytes: 3_750,
        };
        for window_bytes in [2_000, usize::MAX / 2] {
            check_linear(&repeated, |text| {
                scan(text, Limits::default(), &[NEEDLE], window_bytes)
            });
            check_linear(&repeated, |text| {
                scan_records(text, Limits::default(), window_bytes)
            });
        }
    }
}

/// Returns the steps to the anchors of a text, with anything before it.
fn seams(text: &str) -> u64 {
    let befores = [
        Before::default(),
        Before::UNKNOWN,
        Before::default().and(b"{}"),
        Before::default().and(b"{}\n"),
        Before::default().and(b",\n"),
    ];
    let (n_steps, _) = steps::count(|| befores.map(|before| anchors(text.as_bytes(), before)));
    n_steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_scan_takes_steps_as_the_text_has_bytes(
        repeated in repeated(),
        limits in limits(),
        window_bytes in prop_oneof![1_000usize..3_000, Just(usize::MAX / 2)],
        has_needle in prop::bool::weighted(0.9),
    ) {
        let needles: &[&str] = if has_needle { &[NEEDLE] } else { &[] };
        check_linear(&repeated, |text| scan(text, limits, needles, window_bytes));
        check_linear(&repeated, |text| scan_records(text, limits, window_bytes));
    }

    #[test]
    fn anchors_are_found_in_steps_as_the_text_has_bytes(repeated in repeated()) {
        check_linear(&repeated, seams);
    }

    #[test]
    fn what_is_nearly_json_is_read_in_steps_as_it_has_bytes(repeated in repeated()) {
        check_linear(&repeated, |text| steps::count(|| lenient(text.as_bytes())).0);
    }
}

#[test]
fn a_scan_that_is_told_to_stop_ends_within_its_stride() {
    let line = format!("{RECORD}\n");
    for text in [
        line.repeat(3_000),
        format!("[{}]", format!("{RECORD},").repeat(3_000)),
    ] {
        let stop = Arc::<AtomicBool>::default();
        let limits = Limits {
            stride_bytes: 1_000,
            ..Limits::default()
        };
        let mut scanner = Scanner::with_limits(Arc::new(Prefilter::new(&[NEEDLE])), limits);
        scanner = scanner.stopped_by(&stop);
        scanner.start_text(0);
        let window = Window {
            bytes: text.as_bytes(),
            base: 0,
            is_last: true,
            likely_start: None,
        };
        let mut n_candidates = 0;
        let (n_steps, keep) = steps::count(|| {
            scanner.scan(window, &mut |_| {
                n_candidates += 1;
                stop.store(true, Relaxed);
            })
        });
        assert_eq!((keep, n_candidates), (text.len() as u64, 1));
        assert!(n_steps < 100_000, "{n_steps} steps of {}", text.len());
    }
}

#[test]
fn a_scan_in_which_nothing_is_found_stops_within_its_stride() {
    // No numbers: a list of them is searched at once, for text that is written as numbers.
    for token in ["null,", "[", "{}", "\"a\":"] {
        let stop = Arc::new(AtomicBool::new(true));
        let limits = Limits {
            stride_bytes: 1000,
            ..Limits::default()
        };
        let prefilter = Arc::new(Prefilter::new(&[NEEDLE]));
        let mut scanner = Scanner::with_limits(prefilter, limits).stopped_by(&stop);
        scanner.start_text(0);
        // Four times as long as a line that is examined by itself.
        let text = format!("[{}", token.repeat(130_000));
        let window = Window {
            bytes: text.as_bytes(),
            base: 0,
            is_last: true,
            likely_start: None,
        };
        let (n_steps, _) = steps::count(|| scanner.scan(window, &mut |_| ()));
        let line_bytes = 64 * 1024;
        assert!(n_steps < line_bytes + 100, "{n_steps} steps for {token:?}");
    }
}
