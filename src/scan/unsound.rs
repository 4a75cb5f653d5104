//! Reports text that is defective but was searched: holes of zeros, data that is not text, records that are not
//! strict JSON.

use super::Scanner;
use super::parse::Quality;
use super::records::Unit;
use super::window::Window;
use crate::binary;
use crate::report::{Code, Defect};

impl Scanner {
    /// Reports, once, zeros inside a document.
    pub(super) fn look_for_hole(&mut self, window: Window<'_>, from: usize) {
        if self.is_binary_told || self.is_hole_told {
            return;
        }
        // Include the byte before it.
        let from = from.saturating_sub(1);
        if let Some(at) = binary::find_hole(&window.bytes[from..], window.is_last) {
            self.report_hole(window.base + (from + at) as u64);
        }
    }

    fn report_hole(&mut self, offset: u64) {
        if !std::mem::replace(&mut self.is_hole_told, true) {
            let message = "zeros stand inside a document: what was there is lost, and what is left was searched";
            self.defects
                .push(Defect::text(Code::UnknownContent, offset, message));
        }
    }

    /// Reports, once, where data begins that is not text. Data that is not text cannot be distinguished from text
    /// that was made unreadable.
    pub(super) fn look_for_binary(&mut self, window: Window<'_>, from: usize) {
        if self.is_binary_told {
            return;
        }
        let Some(at) = binary::find_binary(&window.bytes[from..]) else {
            return;
        };
        self.is_binary_told = true;
        let at = from + at;
        let offset = window.base + at as u64;
        self.defects.push(match binary::foreign(&window.bytes[at..]).filter(|_| offset == 0) {
            Some(name) => {
                let message = format!("content is {name}; it is searched as it is");
                Defect::text(Code::NotText, offset, message)
            }
            None => {
                let message = "what follows is no text: damaged, encrypted, or of a kind that is not read; it is searched as it is";
                Defect::text(Code::UnknownContent, offset, message)
            }
        });
    }

    /// Reports how well a candidate could be read.
    pub(super) fn report_quality(
        &mut self,
        unit: Unit,
        raw: &[u8],
        quality: Quality,
        is_duplicate: bool,
    ) {
        if quality.is_lossy {
            let message = "record holds bytes that are not UTF-8, or half a surrogate pair; judged with U+FFFD instead";
            self.defects
                .push(Defect::text(Code::InvalidUtf8, unit.start, message));
        }
        let told = match (quality.is_lenient, is_duplicate) {
            (true, true) => {
                let message = "record is no strict JSON and names a field more than once, as where two records run into each other; every reading was judged";
                Some((Code::InvalidJson, message))
            }
            (true, false) => {
                let message = "record is no strict JSON; judged as what it means";
                Some((Code::LenientJson, message))
            }
            (false, true) => {
                let message = "record names a field more than once; every reading was judged";
                Some((Code::DuplicateKeys, message))
            }
            (false, false) => None,
        };
        let defect = told.map(|(code, message)| Defect::text(code, unit.start, message));
        self.defects.extend(defect);
        // The search continues after the candidate, so it does not find this hole.
        let hole = quality
            .is_lenient
            .then(|| binary::find_hole(raw, false))
            .flatten();
        if let Some(at) = hole {
            self.report_hole(unit.start + at as u64);
        }
    }
}
