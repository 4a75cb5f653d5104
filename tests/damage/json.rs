//! JSON, written and read the slow way: a tree that keeps keys which stand twice, and a strict reader of it.

/// How deep a value may lie.
const DEPTH_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Object(Vec<(String, Json)>),
    List(Vec<Json>),
    Text(String),
    /// A number, `true`, `false` or `null`.
    Plain(String),
}

/// What stands between the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Compact,
    Spaced,
    /// Lines, from so many levels on.
    Pretty(usize),
}

pub(crate) fn text(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

pub(crate) fn plain(word: &str) -> Json {
    Json::Plain(word.to_owned())
}

pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
}

/// A text between quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl Json {
    pub(crate) fn write(&self, style: Style) -> String {
        let mut out = String::new();
        self.write_to(style, &mut out);
        out
    }

    fn write_to(&self, style: Style, out: &mut String) {
        let (items, ends): (Vec<(Option<&str>, &Self)>, _) = match self {
            Self::Text(text) => return out.push_str(&quoted(text)),
            Self::Plain(word) => return out.push_str(word),
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (Some(&**name), value));
                (members.collect(), ['{', '}'])
            }
            Self::List(elements) => (elements.iter().map(|e| (None, e)).collect(), ['[', ']']),
        };
        let (inner, comma, colon) = match style {
            Style::Compact => (style, ",", ":"),
            Style::Spaced => (style, ", ", ": "),
            Style::Pretty(depth) => (Style::Pretty(depth + 1), ",", ": "),
        };
        let line = |depth: Style, out: &mut String| {
            if let Style::Pretty(depth) = depth {
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
            }
        };
        out.push(ends[0]);
        for (n, (name, value)) in items.iter().enumerate() {
            if n > 0 {
                out.push_str(comma);
            }
            line(inner, out);
            if let Some(name) = name {
                out.push_str(&quoted(name));
                out.push_str(colon);
            }
            value.write_to(inner, out);
        }
        if !items.is_empty() {
            line(style, out);
        }
        out.push(ends[1]);
    }

    /// The values of a member, all of them.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        let members = match self {
            Self::Object(members) => &members[..],
            _ => &[],
        };
        members
            .iter()
            .filter_map(move |(key, value)| (key == name).then_some(value))
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether some key or text at any depth does.
    pub(crate) fn any_text(&self, does: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Object(members) => members
                .iter()
                .any(|(key, value)| does(key) || value.any_text(does)),
            Self::List(elements) => elements.iter().any(|element| element.any_text(does)),
            Self::Text(text) => does(text),
            Self::Plain(_) => false,
        }
    }

    /// Whether nothing is in it, at any depth.
    pub(crate) fn is_hollow(&self) -> bool {
        match self {
            Self::Object(members) => members.iter().all(|(_, value)| value.is_hollow()),
            Self::List(elements) => elements.iter().all(Self::is_hollow),
            Self::Text(text) => text.is_empty(),
            Self::Plain(word) => word == "null",
        }
    }
}

/// The value that begins at `at`, by RFC 8259 to the letter (but for bytes that are no UTF-8), and where it ends.
pub(crate) fn parse(text: &[u8], at: usize) -> Option<(Json, usize)> {
    let mut reader = Reader { text, at };
    let value = reader.value(0)?;
    Some((value, reader.at))
}

/// A text that is one value.
pub(crate) fn whole(text: &[u8]) -> Option<Json> {
    let (value, end) = parse(text, 0)?;
    text[end..]
        .iter()
        .all(|b| b" \t\r\n".contains(b))
        .then_some(value)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b" \t\r\n".contains(&b)) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => {
                let mut members = Vec::new();
                self.items(b'}', &mut |reader| {
                    reader.blanks();
                    let name = reader.string()?;
                    reader.take(b':')?;
                    members.push((name, reader.value(depth + 1)?));
                    Some(())
                })?;
                Some(Json::Object(members))
            }
            b'[' => {
                let mut elements = Vec::new();
                self.items(b']', &mut |reader| {
                    elements.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(Json::List(elements))
            }
            b'"' => self.string().map(Json::Text),
            _ => self.word(),
        }
    }

    /// What stands between brackets, the first of which is next.
    fn items(&mut self, end: u8, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(b',').is_none() {
                return self.take(end);
            }
        }
    }

    fn word(&mut self) -> Option<Json> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        let is_valid = ["true", "false", "null"].contains(&word) || is_number(word);
        is_valid.then(|| plain(word))
    }

    fn string(&mut self) -> Option<String> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(String::from_utf8_lossy(&bytes).into_owned()),
                b'\\' => self.escape(&mut bytes)?,
                0..b' ' => return None,
                _ => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' => out.push(byte),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut unit = self.unit()?;
                // A pair of surrogates; half a pair is no letter.
                if (0xd800..0xdc00).contains(&unit) {
                    let is_pair = self.text[self.at..].starts_with(b"\\u");
                    self.at += if is_pair { 2 } else { return None };
                    let low = self.unit().filter(|unit| (0xdc00..0xe000).contains(unit))?;
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                }
                let c = char::from_u32(unit)?;
                out.extend(c.encode_utf8(&mut [0; 4]).bytes());
            }
            _ => return None,
        }
        Some(())
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, part) = match mantissa.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (mantissa, None),
    };
    let are_digits =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && part.is_none_or(are_digits)
        && exponent.is_none_or(|e| are_digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}
