//! Finds text that is written as a list of the numbers of its bytes: `[123,34,101]`, as Node.js writes a buffer, and
//! journald a message with control characters.
//!
//! No needle occurs in such text, so there is a separate search. It checks one place in [`STEP_BYTES`]: a list that
//! is long enough for a record has only digits, commas and blanks there. The content is not read. If it contains a
//! needle, this is reported.

use super::patterns::NEEDLE_BYTES_MAX;
use super::prefilter::Prefilter;
use super::window::Window;

/// The distance between the places that are checked. The shortest list of a record that could match has about 2,000
/// characters.
const STEP_BYTES: usize = 1900;
/// The number of bytes checked at each place.
const PROBE_BYTES: usize = 48;
/// The least number of commas in them: no number has more than three digits and a few blanks.
const PROBE_COMMAS_LEAST: usize = 4;

/// The search through one text, window by window.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The offset up to which the text was searched.
    seen_to: u64,
    /// A list that continues in the next window.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: u64,
    /// The offset of its next character.
    next: u64,
    /// The last bytes that the list encodes.
    tail: Vec<u8>,
    /// The number that has not ended yet.
    number: Option<u32>,
}

impl Numbers {
    pub(super) fn starting_at(offset: u64) -> Self {
        Self {
            seen_to: offset,
            open: None,
        }
    }

    /// Calls `tell` with the start of each list that encodes a needle.
    pub(super) fn search(
        &mut self,
        window: Window<'_>,
        prefilter: &Prefilter,
        tell: &mut dyn FnMut(u64),
    ) {
        let bytes = window.bytes;
        if let Some(open) = self.open.take().filter(|open| open.next >= window.base) {
            self.read(window, open, prefilter, tell);
        }
        let step = STEP_BYTES as u64;
        let mut offset = self.seen_to.max(window.base).next_multiple_of(step);
        while let Some(probe) = bytes.get(window.at(offset)..) {
            let Some(probe) = probe.get(..PROBE_BYTES) else {
                break;
            };
            if !is_of_list(probe[0]) || !is_list(probe) {
                offset += step;
                continue;
            }
            let before = &bytes[..window.at(offset)];
            let n_before = before.iter().rev().take_while(|b| is_of_list(**b)).count();
            let start = offset - n_before as u64;
            let open = Open {
                start,
                next: start,
                tail: Vec::new(),
                number: None,
            };
            let end = self.read(window, open, prefilter, tell);
            offset = end.max(offset + 1).next_multiple_of(step);
        }
        self.seen_to = self.seen_to.max(offset.min(window.end()));
    }

    /// Continues to read a list, to its end or that of the window, and returns the offset of that end.
    fn read(
        &mut self,
        window: Window<'_>,
        mut open: Open,
        prefilter: &Prefilter,
        tell: &mut dyn FnMut(u64),
    ) -> u64 {
        let rest = &window.bytes[window.at(open.next.min(window.end()))..];
        let n_chars = rest.iter().take_while(|b| is_of_list(**b)).count();
        let mut says = std::mem::take(&mut open.tail);
        for byte in &rest[..n_chars] {
            match byte {
                b'0'..=b'9' => {
                    let digit = u32::from(byte - b'0');
                    let number = open.number.unwrap_or(0);
                    open.number = Some(number.saturating_mul(10).saturating_add(digit));
                }
                b',' => push(open.number.take(), &mut says),
                _ => {}
            }
        }
        let end = open.next.min(window.end()) + n_chars as u64;
        let goes_on = n_chars == rest.len() && !window.is_last;
        if !goes_on {
            push(open.number.take(), &mut says);
        }
        if prefilter.holds_needle(&says) {
            tell(open.start);
        } else if goes_on {
            // The escapes of a needle are longer than the needle itself.
            let n_past = says.len().saturating_sub(8 * NEEDLE_BYTES_MAX);
            open.tail = says.split_off(n_past);
            open.next = end;
            self.open = Some(open);
        }
        self.seen_to = self.seen_to.max(end);
        end
    }
}

/// Adds the byte with this number. A number that is no byte becomes 0, which is not in text.
fn push(number: Option<u32>, says: &mut Vec<u8>) {
    let byte = number.and_then(|number| u8::try_from(number).ok());
    says.push(byte.unwrap_or(0));
}

fn is_of_list(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t')
}

fn is_list(probe: &[u8]) -> bool {
    let n_commas = || probe.iter().filter(|b| **b == b',').count();
    probe.iter().all(|b| is_of_list(*b)) && n_commas() >= PROBE_COMMAS_LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str, separator: &str) -> String {
        let numbers: Vec<_> = text.bytes().map(|byte| byte.to_string()).collect();
        format!("[{}]", numbers.join(separator))
    }

    fn told(text: &str, window_bytes: usize) -> Vec<u64> {
        let prefilter = Prefilter::new(&["Quarantine"]);
        let (mut numbers, mut found) = (Numbers::starting_at(0), Vec::new());
        let mut base = 0;
        while base < text.len() {
            let end = text.len().min(base + window_bytes);
            let window = Window {
                bytes: &text.as_bytes()[base..end],
                base: base as u64,
                is_last: end == text.len(),
                likely_start: None,
            };
            numbers.search(window, &prefilter, &mut |at| found.push(at));
            base = end.max(base + 1);
        }
        found
    }

    #[test]
    fn a_list_that_says_a_needle_is_told_once_however_it_is_cut_into_windows() {
        let record = format!(
            "{{\"a\":\"{}Quarantine{}\"}}",
            "x".repeat(700),
            "y".repeat(200)
        );
        for separator in [",", ", ", ",\n      "] {
            for before in [0, 1, 1000, 5000] {
                let text = format!(
                    "{{\"p\":\"{}\",\"data\":{}}}",
                    "x".repeat(before),
                    list(&record, separator)
                );
                let start = text.find('[').unwrap() as u64 + 1;
                for window_bytes in [text.len(), 4096, 5000, 3333] {
                    assert_eq!(
                        told(&text, window_bytes),
                        [start],
                        "{separator:?} {before} {window_bytes}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_numbers_are_none_of_it() {
        let numbers: Vec<_> = (0..5000).map(|n| n.to_string()).collect();
        assert_eq!(told(&numbers.join(","), 4096), [0_u64; 0]);
        assert_eq!(told(&list(&"x".repeat(5000), ","), 4096), [0_u64; 0]);
        assert_eq!(told(&"Quarantine ".repeat(5000), 4096), [0_u64; 0]);
        assert_eq!(told(&",".repeat(50_000), 4096), [0_u64; 0]);
    }
}
