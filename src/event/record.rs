//! A record with a table of its fields: which of its members are CloudTrail's own fields, by their number.
//!
//! Some hundred fields of a candidate are looked up. The table is made in one walk over the members, and each look-up
//! then examines one member instead of all.

use super::json::{Members, Value};
use super::known::Known;
use super::names::{after_field, divides_fields, is_field, is_other_case};
use super::plain::{CALLER_NUMBER, CallerTable, FieldPath, OWN_FIELDS, Place};

pub(super) const REQUEST: &str = "requestParameters";

/// The fields of a record that are objects. Exports write their inner fields as fields of the record:
/// `userIdentity.arn`.
const OWN_OBJECTS: [&str; 9] = [
    "additionalEventData",
    "eventContext",
    "insightDetails",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "tlsDetails",
    "userIdentity",
    REQUEST,
];

/// Returns true if `name` is one of a record's own fields, or of a field inside one.
pub(crate) fn is_own_field(name: &str) -> bool {
    is_top_level_field(name)
        || OWN_OBJECTS
            .iter()
            .any(|field| after_field(name, field).is_some())
}

/// Returns true if `name` is one of a record's own fields, in any spelling.
pub(super) fn is_top_level_field(name: &str) -> bool {
    // Usually spelt as AWS does.
    number(name).is_some() || OWN_FIELDS.iter().any(|field| is_field(name, field))
}

/// Returns the record's own field that was probably meant by a name that is none: the same in other letters, with one
/// letter less, more or different, or with two letters in each other's place.
pub(crate) fn near_field(name: &str) -> Option<&'static str> {
    match OWN_FIELDS.contains(&name) {
        true => None,
        false => near(name, OWN_FIELDS.into_iter()),
    }
}

/// Returns the first of these names that is the same as `name` in other letters, with one letter less, more or
/// different, or with two letters in each other's place.
pub(super) fn near(
    name: &str,
    mut known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    known.find(|known| {
        let (own, other) = (known.to_ascii_lowercase(), name.to_ascii_lowercase());
        let (own, other) = (own.as_bytes(), other.as_bytes());
        let alike = own.iter().zip(other);
        let n_before = alike.take_while(|(a, b)| a == b).count();
        let (own, other) = (&own[n_before..], &other[n_before..]);
        let alike = own.iter().rev().zip(other.iter().rev());
        let n_after = alike.take_while(|(a, b)| a == b).count();
        let own = &own[..own.len() - n_after];
        let other = &other[..other.len() - n_after];
        let is_swapped = matches!((own, other), ([a, b], [c, d]) if (a, b) == (d, c));
        own.len() <= 1 && other.len() <= 1 || is_swapped
    })
}

/// The most members with other names that a table lists.
const OTHERS_MAX: usize = 8;

/// A JSON value that may be a record, with a table of its fields if its names are those that AWS writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'v> {
    value: Value<'v>,
    table: Option<Table>,
    /// True if it is sure to be as AWS writes it.
    is_usual: bool,
    /// True if it also has a request, be it null: then no text in it means "no value".
    is_plain: bool,
    /// If it is plain, the fields of its caller, if there is one.
    caller: Option<CallerTable>,
}

/// Places of members in their object.
#[derive(Debug, Clone, Copy)]
struct Table {
    /// The place of each own field by its number, 0 if the record does not have it.
    own: [u16; OWN_FIELDS.len()],
    /// The places of all members with other names, in their order.
    others: [u16; OTHERS_MAX],
    n_others: u8,
}

impl Table {
    /// Returns the table of an object; `None` if a field occurs twice, or if there are too many other members.
    fn of(value: Value<'_>) -> Option<Self> {
        let mut table = Self {
            own: [0; OWN_FIELDS.len()],
            others: [0; OTHERS_MAX],
            n_others: 0,
        };
        for (place, name) in value.placed_names() {
            let place = u16::try_from(place).ok()?;
            match number(name) {
                Some(number) if table.own[number] == 0 => table.own[number] = place,
                Some(_) => return None,
                None => {
                    *table.others.get_mut(usize::from(table.n_others))? = place;
                    table.n_others += 1;
                }
            }
        }
        Some(table)
    }

    /// Returns the places of all members with other names, and `own`, unless it is 0, in their order.
    fn with_others(&self, own: u16) -> Places {
        let others = &self.others[..usize::from(self.n_others)];
        let mut places = Places::default();
        if own == 0 {
            others.iter().for_each(|place| places.push(*place));
            return places;
        }
        // Usually there are no others.
        let (before, after) = others.split_at(others.partition_point(|place| *place < own));
        before.iter().for_each(|place| places.push(*place));
        places.push(own);
        after.iter().for_each(|place| places.push(*place));
        places
    }
}

/// Places of members, in their order.
#[derive(Default)]
struct Places {
    list: [u16; OTHERS_MAX + 1],
    next: u8,
    n: u8,
}

impl Places {
    fn push(&mut self, place: u16) {
        self.list[usize::from(self.n)] = place;
        self.n += 1;
    }
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let place = self.list[..usize::from(self.n)].get(usize::from(self.next))?;
        self.next += 1;
        Some(usize::from(*place))
    }
}

impl<'v> Record<'v> {
    pub(crate) fn new(value: Value<'v>) -> Self {
        let record = Self {
            value,
            table: Table::of(value),
            is_usual: false,
            is_plain: false,
            caller: None,
        };
        let is_text = |field| record.get(field).any(|value| value.as_str().is_some());
        let has_own_alone = record.table.is_some_and(|table| table.n_others == 0);
        let is_usual = has_own_alone
            && record.has("eventName")
            && !is_text(REQUEST)
            && !is_text("userIdentity");
        let is_plain = is_usual && record.has(REQUEST);
        let mut callers = record.get("userIdentity").filter(|_| is_plain);
        let caller = callers.next().and_then(CallerTable::of);
        Self {
            is_usual,
            is_plain,
            caller,
            ..record
        }
    }

    /// Returns the value of the own field with a number in a plain record, or that it has none; `None` if it is not plain.
    fn own(&self, number: usize) -> Option<Option<Value<'v>>> {
        let table = self.table.as_ref().filter(|_| self.is_plain)?;
        match table.own[number] {
            0 => Some(None),
            place => Some(Some(self.value.member_at(usize::from(place))?.1)),
        }
    }

    /// Returns the only value that a field can have in a record as AWS writes it, or that it has none; `None` if the
    /// members must be looked at, since the record may not be as AWS writes it.
    pub(super) fn plain(&self, path: FieldPath) -> Option<Option<Value<'v>>> {
        match path.place() {
            Place::Own(number) => self.own(number),
            Place::OfCaller(number) => {
                let Some(caller) = self.own(CALLER_NUMBER)? else {
                    return Some(None);
                };
                match self.caller.as_ref()?.place(number) {
                    0 => Some(None),
                    place => Some(Some(caller.member_at(usize::from(place))?.1)),
                }
            }
            Place::Inside => None,
        }
    }

    /// Returns true if its caller is sure to have only fields that AWS writes, each once.
    pub(super) fn knows_caller(&self) -> bool {
        self.caller.is_some()
    }

    /// Returns true if it is sure to be as AWS writes it: all its members have AWS's names, one is the name of the call,
    /// and no object is stored as text.
    #[inline]
    pub(super) fn is_usual(&self) -> bool {
        self.is_usual
    }

    /// Returns the record as one whose members are looked at for each question.
    #[cfg(test)]
    pub(super) fn without_tables(self) -> Self {
        Self {
            table: None,
            is_usual: false,
            is_plain: false,
            caller: None,
            ..self
        }
    }

    pub(crate) fn value(&self) -> Value<'v> {
        self.value
    }

    /// Returns the values of a field, including duplicates.
    pub(super) fn get<'f>(
        &'f self,
        field: &'f str,
    ) -> impl Iterator<Item = Value<'v>> + use<'f, 'v> {
        self.named(field).map(|(_, value)| value)
    }

    /// Returns the values of a field, including duplicates, each with its name as spelt in the record, in the order of
    /// the record.
    pub(super) fn named<'f>(&'f self, field: &'f str) -> Named<'f, 'v> {
        let (sole, rest) = match self.sole(field) {
            Some(sole) => (sole, self.at(|_| Places::default())),
            None => (None, self.possible(field)),
        };
        let record = self;
        Named {
            sole,
            rest,
            record,
            field,
        }
    }

    /// Returns the member that is an own field, or that there is none, if the table shows that no other member can be it.
    #[inline]
    fn sole(&self, field: &str) -> Option<Option<(&'v str, Value<'v>)>> {
        let table = self.table.as_ref().filter(|table| table.n_others == 0)?;
        Some(match table.own[number(field)?] {
            0 => None,
            place => self.value.member_at(usize::from(place)),
        })
    }

    /// Returns true if `name` differs from `field` in case only, in a record with AWS's own names.
    pub(super) fn is_other_case(&self, name: &str, field: &str) -> bool {
        is_other_case(name, field) && self.has("eventName")
    }

    /// Returns the members that may be `field`: if there is a table, the one that is spelt like it, and all with other
    /// names.
    pub(super) fn possible(&self, field: &str) -> Few<'v> {
        self.at(|table| table.with_others(number(field).map_or(0, |number| table.own[number])))
    }

    /// Returns the members at the places that a table tells, or all members if there is no table.
    #[inline]
    fn at(&self, places: impl Fn(&Table) -> Places) -> Few<'v> {
        let value = self.value;
        let (places, all) = match &self.table {
            Some(table) => (places(table), Members::default()),
            None => (Places::default(), value.members()),
        };
        Few { value, places, all }
    }

    /// Returns true if it has a field in the spelling of AWS.
    pub(super) fn has(&self, field: &str) -> bool {
        match (&self.table, number(field)) {
            (Some(table), Some(number)) => table.own[number] != 0,
            _ => self.value.members().any(|(name, _)| name == field),
        }
    }

    /// Returns the members with other names than AWS's; without a table, all members.
    pub(super) fn others(&self) -> Few<'v> {
        self.at(|table| table.with_others(0))
    }

    /// Returns true if a key occurs more than once in it.
    pub(super) fn has_duplicate_keys(&self) -> bool {
        match &self.table {
            None => self.value.has_duplicate_keys(),
            Some(_) => {
                let is_before = |n, name| self.others().take(n).any(|(other, _)| other == name);
                let mut others = self.others().enumerate();
                others.any(|(n, (name, _))| is_before(n, name))
            }
        }
    }
}

/// Returns the parameters of a request that some exports spread over the record: `requestParameters.policyArn`, or
/// with another separator. Each has its name inside the request.
pub(super) fn spread_request<'v>(
    record: &Record<'v>,
) -> impl Iterator<Item = (&'v str, Value<'v>)> {
    spread(record, REQUEST)
}

/// Returns the parts of an object that some exports spread over the record, each with its name inside the object.
pub(super) fn spread<'v>(
    record: &Record<'v>,
    object: &str,
) -> impl Iterator<Item = (&'v str, Value<'v>)> {
    record.others().filter_map(move |(key, value)| {
        let rest = after_field(key, object)?;
        // If another letter follows, or one alone, the name is damaged.
        let is_below = match rest.as_bytes() {
            [first, ..] if divides_fields(*first) => true,
            [first, _, ..] => first.is_ascii_uppercase(),
            _ => false,
        };
        is_below.then_some(())?;
        let name = rest.trim_start_matches(|c: char| u8::try_from(c).is_ok_and(divides_fields));
        (!name.is_empty()).then_some((name, value))
    })
}

/// Returns the first field of a path, and the path inside it; nothing if the path is one field.
#[inline]
pub(super) fn first_of_path(path: &str) -> Option<(&str, &str)> {
    // Faster than a search for a character.
    let at = path.bytes().position(|byte| byte == b'.')?;
    Some((path.get(..at)?, path.get(at + 1..)?))
}

/// Returns the values of a field of an object inside a record, including duplicates.
pub(super) fn get<'v>(object: Value<'v>, field: &str) -> impl Iterator<Item = Value<'v>> {
    let has_event_name = move || object.members().any(|(name, _)| name == "eventName");
    let is_it = move |name: &str| {
        name == field || is_field(name, field) && !(is_other_case(name, field) && has_event_name())
    };
    let members = object.members();
    members.filter_map(move |(name, value)| is_it(name).then_some(value))
}

/// A few members of a record, or all where there is no table.
pub(super) struct Few<'v> {
    value: Value<'v>,
    places: Places,
    all: Members<'v>,
}

impl<'v> Iterator for Few<'v> {
    type Item = (&'v str, Value<'v>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.places.next() {
            Some(place) => self.value.member_at(place),
            None => self.all.next(),
        }
    }
}

/// The values of a field, each with its name.
pub(super) struct Named<'f, 'v> {
    /// The only one, if that is known.
    sole: Option<(&'v str, Value<'v>)>,
    /// The members that may be the field.
    rest: Few<'v>,
    record: &'f Record<'v>,
    field: &'f str,
}

impl<'v> Iterator for Named<'_, 'v> {
    type Item = (&'v str, Value<'v>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (record, field) = (self.record, self.field);
        // Nearly always it is spelt alike.
        let is_it = |name: &str| {
            name == field || is_field(name, field) && !record.is_other_case(name, field)
        };
        let sole = self.sole.take();
        sole.or_else(|| self.rest.by_ref().find(|(name, _)| is_it(name)))
    }
}

/// The numbers of the own fields.
static OWN: Known<{ OWN_FIELDS.len() }, 128> = Known::new(OWN_FIELDS, 0xef0e_a675);

/// Returns the number of an own field by its name in the spelling of AWS.
#[inline]
pub(super) fn number(name: &str) -> Option<usize> {
    OWN.number(name)
}

#[cfg(test)]
mod tests {
    use super::super::exports::is_export;
    use super::*;

    /// A table shows an own field only to questions for that field.
    #[test]
    fn no_own_field_is_another_spelling_of_another() {
        for name in OWN_FIELDS {
            let fields = OWN_FIELDS.iter().filter(|field| **field != name);
            assert!(
                !fields.into_iter().any(|field| is_field(name, field)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_table_finds_what_a_walk_over_the_members_finds() {
        let names = [
            "eventName",
            "eventname",
            "EventName",
            "event_name",
            "errorCode",
            "errorcode",
            "x",
        ];
        for (a, b, c) in (0..names.len().pow(3)).map(|n| (n % 7, n / 7 % 7, n / 49)) {
            let [a, b, c] = [a, b, c].map(|n| names[n]);
            let mut json = format!(r#"{{"{a}":1,"{b}":2,"{c}":3}}"#).into_bytes();
            let tape = simd_json::to_tape(&mut json).unwrap();
            let record = Record::new(Value::of(&tape));
            let walked = record.without_tables();
            assert!(!record.is_usual() || !is_export(&walked), "{a}, {b}, {c}");
            for field in ["eventName", "errorCode", "readOnly", "y"] {
                let found = |record: &Record<'_>| {
                    let found = record.named(field);
                    let found = found.map(|(name, value)| (name.to_owned(), value.scalar()));
                    format!("{:?}", found.collect::<Vec<_>>())
                };
                assert_eq!(found(&record), found(&walked), "{field} of {a}, {b}, {c}");
            }
        }
    }

    #[test]
    fn a_path_has_a_first_field() {
        let first = [
            ("a.b.c", Some(("a", "b.c"))),
            ("a", None),
            (".a", Some(("", "a"))),
        ];
        for (path, expected) in first.into_iter().chain([("ä.ö", Some(("ä", "ö")))]) {
            assert_eq!(first_of_path(path), expected, "{path}");
        }
    }
}
