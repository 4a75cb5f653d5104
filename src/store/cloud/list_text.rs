//! Checks that a list from S3 is a list and complete, and escapes its keys for `object_store`.
//!
//! `object_store` accepts any document as a list: it reads an error or an HTML page as an empty folder.

use std::borrow::Cow;

use memchr::memmem::find;
use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::Event;

use super::key;

/// Root element of a list.
const ROOT: &[u8] = b"ListBucketResult";
/// Elements of a list. Each list has at least one of them, even that of an empty bucket.
const PARTS: [&[u8]; 5] = [
    b"<IsTruncated>",
    b"<Name>",
    b"<KeyCount>",
    b"<Contents>",
    b"<CommonPrefixes>",
];
/// Number of bytes shown of a document that is not a list.
const SHOWN_BYTES: usize = 80;

/// Returns the list with all keys such that `object_store` has a path for them. `Err` says why it is not a
/// list, or not a complete one, with `<Code>` and `<Message>` if the response has them.
pub(super) fn checked(list: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let text = list.trim_ascii();
    if text.is_empty() {
        return Err("the store answered with nothing where it should list".to_owned());
    }
    if !is_list(text) {
        return Err(other(text));
    }
    let is_whole = text.ends_with(b">")
        && memchr::memmem::rfind(text, b"</").is_some_and(|at| {
            let end = text.get(at + 2..text.len() - 1).unwrap_or_default();
            local(end.trim_ascii()) == ROOT
        });
    if !is_whole {
        return Err("the store's list ends early".to_owned());
    }
    if !PARTS.iter().any(|part| find(text, part).is_some()) {
        return Err("the store's list says nothing, not even that it is empty".to_owned());
    }
    let is_true = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"true");
    let has_more = value(text, "IsTruncated").is_some_and(is_true);
    let token = value(text, "NextContinuationToken").unwrap_or_default();
    if has_more && token.trim_ascii().is_empty() {
        let message =
            "the store says that its list goes on, and not where: NextContinuationToken is missing";
        return Err(message.to_owned());
    }
    Ok(escaped(list))
}

/// Returns the text of the first element with this name.
fn value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let start = format!("<{name}>");
    let at = find(text, start.as_bytes())? + start.len();
    let rest = text.get(at..)?;
    rest.get(..memchr::memchr(b'<', rest)?)
}

/// Returns a name without its namespace prefix.
fn local(name: &[u8]) -> &[u8] {
    let at = memchr::memrchr(b':', name).map_or(0, |at| at + 1);
    name.get(at..).unwrap_or_default()
}

fn is_list(text: &[u8]) -> bool {
    let mut reader = Reader::from_reader(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => return start.local_name().as_ref() == ROOT,
            Ok(Event::Text(text)) if !text.trim_ascii().is_empty() => return false,
            Ok(Event::Empty(_) | Event::End(_) | Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// Describes a document that is not a list.
fn other(text: &[u8]) -> String {
    let code = value(text, "Code").filter(|_| find(text, b"<Error").is_some());
    let message = value(text, "Message").unwrap_or_default();
    let shown = |text: &[u8]| {
        let text = text.get(..SHOWN_BYTES.min(text.len())).unwrap_or_default();
        String::from_utf8_lossy(text).escape_debug().to_string()
    };
    match code {
        Some(code) => {
            let (code, message) = (
                String::from_utf8_lossy(code),
                String::from_utf8_lossy(message),
            );
            format!("<Code>{code}</Code><Message>{message}</Message>")
        }
        None => format!(
            "the store's answer is no list of a bucket; it begins with `{}`",
            shown(text)
        ),
    }
}

/// Character sequences of keys that must be changed before the list can be parsed correctly.
const ODD: [&[u8]; 14] = [
    b"//",
    b"/./",
    b"/../",
    b"/.<",
    b"/..<",
    b"/</Key>",
    b"<Key>/",
    b"<Key>.",
    b"<Key> ",
    b" </Key>",
    b"<Prefix> ",
    b"<![CDATA[",
    b"&#",
    "\u{F8FF}".as_bytes(),
];

/// Returns the list with all keys such that `object_store` has a path for them.
fn escaped(list: &[u8]) -> Cow<'_, [u8]> {
    // The head of a list contains the address of its schema, which has two slashes.
    let start = find(list, b"<Contents>")
        .into_iter()
        .chain(find(list, b"<CommonPrefixes>"))
        .min();
    let Some(start) = start else {
        return Cow::Borrowed(list);
    };
    let (head, entries) = list.split_at(start);
    let is_odd = ODD.iter().any(|odd| find(entries, odd).is_some())
        || entries.iter().any(u8::is_ascii_control);
    // A key that is not UTF-8 becomes another key, which does not exist: only this key is reported.
    let entries = match String::from_utf8_lossy(entries) {
        Cow::Borrowed(_) if !is_odd => return Cow::Borrowed(list),
        entries => entries,
    };
    let mut out = head.to_vec();
    let mut rest = &*entries;
    let tags = [("<Key>", "</Key>", ""), ("<Prefix>", "</Prefix>", "/")];
    while let Some((at, tag)) = tags
        .iter()
        .filter_map(|tag| rest.find(tag.0).map(|at| (at + tag.0.len(), tag)))
        .min_by_key(|(at, _)| *at)
    {
        let (before, from) = rest.split_at(at);
        let n = from.find(tag.1).unwrap_or(from.len());
        let (text, behind) = from.split_at(n);
        out.extend_from_slice(before.as_bytes());
        let name = plain(text);
        let (name, end) = match name.strip_suffix(tag.2) {
            Some(name) => (name, tag.2),
            None => (&*name, ""),
        };
        out.extend_from_slice(escape(&*key::to_path(name)).as_bytes());
        out.extend_from_slice(end.as_bytes());
        rest = behind;
    }
    out.extend_from_slice(rest.as_bytes());
    Cow::Owned(out)
}

/// Decodes XML text. Returns it unchanged if it is not valid.
fn plain(text: &str) -> Cow<'_, str> {
    let quoted = text.strip_prefix("<![CDATA[");
    match quoted.and_then(|text| text.strip_suffix("]]>")) {
        Some(text) => Cow::Borrowed(text),
        None => unescape(text).unwrap_or(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(key: &str, prefix: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/\">\
             <Prefix></Prefix><Contents><Key>{key}</Key><Size>1</Size></Contents><CommonPrefixes>\
             <Prefix>{prefix}</Prefix></CommonPrefixes></ListBucketResult>"
        )
    }

    #[test]
    fn a_usual_list_is_left_as_it_is_and_an_odd_key_is_escaped() {
        let usual = list("a/b&amp;c", "a/");
        assert!(matches!(escaped(usual.as_bytes()), Cow::Borrowed(_)));
        for (key, prefix, expected) in [
            ("/a&amp;b", "a/", list("\u{F8FF}-/a&amp;b", "a/")),
            ("a//b", "a//", list("a/\u{F8FF}-/b", "a/\u{F8FF}-/")),
            ("a/", "a/", list("a/\u{F8FF}-", "a/")),
            ("a&#10;b", "a/", list("a\u{F8FF}0ab", "a/")),
            (
                "a\tb\u{7f}",
                "\u{1b}a/",
                list("a\u{F8FF}09b\u{F8FF}7f", "\u{F8FF}1ba/"),
            ),
            (" a ", " a/", list("\u{F8FF}20a\u{F8FF}20", "\u{F8FF}20a/")),
            ("<![CDATA[a&b/]]>", "a/", list("a&amp;b/\u{F8FF}-", "a/")),
            ("a/..", "a/", list("a/\u{F8FF}2e\u{F8FF}2e", "a/")),
        ] {
            let found = escaped(list(key, prefix).as_bytes()).into_owned();
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_whole_list_is_none() {
        let whole = list("a", "b/");
        assert!(checked(whole.as_bytes()).is_ok());
        let empty = "\u{FEFF}<?xml version='1.0'?>\n<!-- of a store -->\n<s:ListBucketResult xmlns:s='x'>\
                     <IsTruncated>false</IsTruncated></s:ListBucketResult>\n";
        assert!(checked(empty.as_bytes()).is_ok());
        for (text, words) in [
            ("", "answered with nothing"),
            (" \r\n", "answered with nothing"),
            (
                "<Error><Code>SlowDown</Code></Error>",
                "<Code>SlowDown</Code>",
            ),
            (
                "<!DOCTYPE html><html><body>ListBucketResult</body></html>",
                "begins with `<!DOCTYPE",
            ),
            ("{\"error\":\"busy\"}", "begins with `{"),
            ("ok", "begins with `ok`"),
            (
                "<ListAllMyBucketsResult><Name>a</Name></ListAllMyBucketsResult>",
                "no list",
            ),
            ("<ListBucketResult/>", "no list"),
            ("<ListBucketResult></ListBucketResult>", "says nothing"),
            (
                "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                "NextContinuationToken is missing",
            ),
            (
                "<ListBucketResult><IsTruncated> TRUE </IsTruncated><NextContinuationToken></NextContinuationToken>\
                 </ListBucketResult>",
                "NextContinuationToken is missing",
            ),
        ] {
            let error = checked(text.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_list_that_is_cut_off_anywhere_is_none(n in 0_usize..10_000) {
            let whole = list("a/b", "c/");
            let n = n % whole.len();
            prop_assert!(checked(&whole.as_bytes()[..n]).is_err(), "cut at {n}");
        }

        #[test]
        fn no_bytes_but_a_list_are_taken_for_one(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(checked(&bytes).is_err());
        }
    }
}
