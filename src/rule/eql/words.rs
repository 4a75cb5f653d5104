//! How often words occur in CloudTrail records: what it costs to look for one.

use std::sync::LazyLock;

/// Words, and how many of 1,000 records contain each: by `scripts/words.py`.
const TABLE: &str = include_str!("words.txt");

static WORDS: LazyLock<Vec<(&str, u32)>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| {
        let (word, share) = line.split_once(' ')?;
        Some((word, share.parse().ok()?))
    });
    words.collect()
});

/// The share of a word that is not in the table.
const SHARE_OF_OTHERS: u32 = 1;

/// Returns how many of 1,000 records contain this text, roughly.
pub(super) fn share(text: &str) -> u32 {
    // It is in each record that has a longer word with it, too.
    let containing = WORDS.iter().filter(|(word, _)| word.contains(text));
    let shares = containing.map(|(_, share)| *share);
    shares.max().unwrap_or(SHARE_OF_OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_table_is_a_word_and_its_share() {
        let n_lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(WORDS.len(), n_lines);
        assert!(n_lines > 200, "{n_lines}");
        for (word, share) in &*WORDS {
            assert!(
                word.len() >= 4 && word.bytes().all(|b| b.is_ascii_alphabetic()),
                "{word}"
            );
            assert!(*share <= 1000, "{word}");
        }
    }

    #[test]
    fn a_text_is_as_frequent_as_the_words_that_contain_it() {
        assert!(share("amazonaws") > 900);
        assert!(share("mazonaw") > 900);
        assert!(share("AttachUserPolicy") < 50);
        assert_eq!(share("AWSCompromisedKeyQuarantine"), SHARE_OF_OTHERS);
    }
}
