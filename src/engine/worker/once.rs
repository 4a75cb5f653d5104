//! Keeps one report of each fault of a log: several parts of the program may find the same one.

use std::sync::Arc;

use crate::report::{Code, Defect, Member, Severity, Space};

/// Removes the reports that say what another one says. They must be sorted by their log, their offset and their code.
pub(super) fn keep_one_of_each_fault(defects: &mut Vec<Defect>) {
    keep(defects, |defects, n| !is_padding_of_cut(defects, n));
    keep_first_of_no_text(defects);
    keep(defects, |defects, n| !is_explained_cut(defects, n));
}

/// Keeps the reports for which `is_kept` returns true, by their indices.
fn keep(defects: &mut Vec<Defect>, is_kept: impl Fn(&[Defect], usize) -> bool) {
    let kept: Vec<bool> = (0..defects.len()).map(|n| is_kept(defects, n)).collect();
    let mut kept = kept.into_iter();
    defects.retain(|_| kept.next() == Some(true));
}

/// Keeps one report of content that is no text per log, the first one: each piece reports what it contains.
fn keep_first_of_no_text(defects: &mut Vec<Defect>) {
    let mut told: Option<Option<Arc<Member>>> = None;
    defects.retain(|defect| {
        let is_no_text = matches!(defect.code, Code::NotText | Code::UnknownContent);
        let is_again = is_no_text && told.as_ref() == Some(&defect.member);
        if is_no_text {
            told = Some(defect.member.clone());
        }
        !is_again
    });
}

/// Returns true for zeros after the end of a text that is cut off: they are its padding. If the log has a fault in its
/// container, or another text after this one, the zeros may be elsewhere.
fn is_padding_of_cut(defects: &[Defect], n: usize) -> bool {
    let (zeros, cut) = (&defects[n], n.checked_sub(1).map(|before| &defects[before]));
    let follows_cut = zeros.code == Code::UnknownContent
        && is_of_text(zeros)
        && cut.is_some_and(|cut| is_cut_text(cut) && cut.member == zeros.member);
    let is_elsewhere = |other: &Defect| is_of_container(other) || other.code == Code::Appended;
    follows_cut && !of_log(defects, zeros).iter().any(is_elsewhere)
}

/// Returns true for the report that a text ends inside a document, if something else explains it: an error in the
/// container of the text, or a record or row that is cut off at that place.
fn is_explained_cut(defects: &[Defect], n: usize) -> bool {
    let cut = &defects[n];
    if !is_cut_text(cut) {
        return false;
    }
    let before = n.checked_sub(1).map(|before| &defects[before]);
    let is_cut_record = |before: &Defect| {
        before.member == cut.member && matches!(before.code, Code::RecordCut | Code::InvalidRow)
    };
    before.is_some_and(is_cut_record) || of_log(defects, cut).iter().any(is_of_container)
}

/// Returns the reports of the log that a report is about.
fn of_log<'d>(defects: &'d [Defect], one: &Defect) -> &'d [Defect] {
    let from = defects.partition_point(|defect| defect.member < one.member);
    let to = defects.partition_point(|defect| defect.member <= one.member);
    &defects[from..to]
}

fn is_of_text(defect: &Defect) -> bool {
    matches!(defect.offset, Some((Space::Text, _)))
}

/// Returns true for the report that a text ends inside a document.
fn is_cut_text(defect: &Defect) -> bool {
    defect.code == Code::Truncated && is_of_text(defect)
}

/// Returns true for an error in the container of a text.
fn is_of_container(defect: &Defect) -> bool {
    !is_of_text(defect) && defect.code.severity() == Severity::Error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(mut defects: Vec<Defect>) -> Vec<Code> {
        keep_one_of_each_fault(&mut defects);
        defects.into_iter().map(|defect| defect.code).collect()
    }

    fn text(code: Code, offset: u64) -> Defect {
        Defect::text(code, offset, "")
    }

    #[test]
    fn zeros_after_a_cut_are_its_padding() {
        let cut = [text(Code::Truncated, 9), text(Code::UnknownContent, 9)];
        assert_eq!(codes(cut.to_vec()), [Code::Truncated]);
        let record = [vec![text(Code::RecordCut, 3)], cut.to_vec()].concat();
        assert_eq!(codes(record), [Code::RecordCut]);
    }

    #[test]
    fn zeros_that_may_be_in_another_text_are_reported() {
        let cut = || vec![text(Code::Truncated, 9), text(Code::UnknownContent, 70)];
        let trailing = Defect::stored(Code::TrailingBytes, 40, "");
        let both = [vec![trailing], cut()].concat();
        assert_eq!(codes(both), [Code::TrailingBytes, Code::UnknownContent]);
        let appended = Defect::stored(Code::Appended, 2, "");
        let both = [vec![appended], cut()].concat();
        let expected = [Code::Appended, Code::Truncated, Code::UnknownContent];
        assert_eq!(codes(both), expected);
        let before = vec![text(Code::UnknownContent, 3), text(Code::Truncated, 9)];
        assert_eq!(codes(before), [Code::UnknownContent, Code::Truncated]);
        let (index, path) = (vec![1], "b.json".to_owned());
        let member = Arc::new(Member { index, path });
        let other = text(Code::UnknownContent, 9).within(Some(&member));
        let both = vec![text(Code::Truncated, 9), other];
        assert_eq!(codes(both), [Code::Truncated, Code::UnknownContent]);
    }
}
