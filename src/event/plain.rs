//! The plain way to a field: in a record as AWS writes it there is one place where a field can be, which a table tells.
//!
//! It gives the same value as the walk over all members, which also finds what exports have moved or renamed.

use super::json::Value;
use super::known::Known;

/// The fields of a record, sorted (AWS's reference, "CloudTrail record contents"). Only these fields can contain what
/// a caller of the API chooses.
pub(super) const OWN_FIELDS: [&str; 33] = [
    "additionalEventData",
    "addendum",
    "annotation",
    "apiVersion",
    "awsRegion",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "insightDetails",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "vpcEndpointAccountId",
    "vpcEndpointId",
];

/// The fields of `userIdentity`, sorted (AWS's reference, "CloudTrail userIdentity element").
const CALLER_FIELDS: [&str; 13] = [
    "accessKeyId",
    "accountId",
    "arn",
    "credentialId",
    "identityProvider",
    "identityStoreArn",
    "inScopeOf",
    "invokedBy",
    "onBehalfOf",
    "principalId",
    "sessionContext",
    "type",
    "userName",
];

const CALLER: &str = "userIdentity";
/// The number of `userIdentity` among the own fields.
pub(super) const CALLER_NUMBER: usize = match number_of(&OWN_FIELDS, CALLER.as_bytes()) {
    Some(number) => number,
    None => panic!("a record has a caller"),
};

/// The numbers of the fields of `userIdentity`.
static OF_CALLER: Known<{ CALLER_FIELDS.len() }, 32> = Known::new(CALLER_FIELDS, 0x5482_909f);

/// The paths whose values are true and false.
const FLAGS: [&str; 4] = [
    "managementEvent",
    "readOnly",
    "sessionCredentialFromConsole",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
];

/// A path of fields, such as `userIdentity.arn`, with its place in a record as AWS writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldPath {
    text: &'static str,
    place: Place,
}

/// The place of a field in a record as AWS writes it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// It is the record's own field with this number.
    Own(usize),
    /// It is the field of `userIdentity` with this number.
    OfCaller(usize),
    /// It is further inside.
    Inside,
}

impl FieldPath {
    pub(super) const fn new(text: &'static str) -> Self {
        let whole = text.as_bytes();
        let (outer, inner) = match whole.split_at_checked(CALLER.len() + 1) {
            Some((outer, inner)) => (outer, inner),
            None => (whole, &[] as &[u8]),
        };
        let place = match number_of(&OWN_FIELDS, whole) {
            Some(number) => Place::Own(number),
            None if is_same(outer, b"userIdentity.") => match number_of(&CALLER_FIELDS, inner) {
                Some(number) => Place::OfCaller(number),
                None => Place::Inside,
            },
            None => Place::Inside,
        };
        Self { text, place }
    }

    /// Returns the paths with these names.
    pub(super) const fn all<const N: usize>(texts: [&'static str; N]) -> [Self; N] {
        let mut paths = [Self::new(""); N];
        let mut n = 0;
        while n < N {
            paths[n] = Self::new(texts[n]);
            n += 1;
        }
        paths
    }

    /// Returns its place in a record as AWS writes it.
    pub(super) fn place(self) -> Place {
        self.place
    }

    /// Returns true if its values are true and false.
    pub(super) fn is_flag(self) -> bool {
        FLAGS.contains(&self.text)
    }

    /// Returns the names, with a dot between two.
    pub(super) const fn text(self) -> &'static str {
        self.text
    }
}

/// Returns the number of a name in a list.
const fn number_of(names: &[&str], name: &[u8]) -> Option<usize> {
    let mut number = 0;
    while number < names.len() {
        if is_same(names[number].as_bytes(), name) {
            return Some(number);
        }
        number += 1;
    }
    None
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}

/// The place of each field of `userIdentity` by its number, 0 if it is not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallerTable([u16; CALLER_FIELDS.len()]);

impl CallerTable {
    /// Returns the table of an object; `None` if it has a name that is not known, or one twice.
    pub(super) fn of(caller: Value<'_>) -> Option<Self> {
        let mut table = Self([0; CALLER_FIELDS.len()]);
        for (place, name) in caller.placed_names() {
            let own = &mut table.0[OF_CALLER.number(name)?];
            if *own != 0 {
                return None;
            }
            *own = u16::try_from(place).ok()?;
        }
        caller.is_object().then_some(table)
    }

    /// Returns the place of the field with a number, 0 if it is not there.
    pub(super) fn place(&self, number: usize) -> u16 {
        self.0[number]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::super::derived::each_value;
    use super::super::fields::ecs_fields;
    use super::super::names::is_field;
    use super::super::record::Record;
    use super::*;

    /// Values of all kinds, also those that exports write in place of nothing.
    const VALUES: [&str; 14] = [
        r#""x""#,
        r#""y""#,
        r#""""#,
        r#""-""#,
        r#""null""#,
        r#""none""#,
        r#""None""#,
        r#""NaN""#,
        r#""\"q\"""#,
        "null",
        "true",
        "7",
        r#"["a","b"]"#,
        r#"{"userName":"u","type":"t"}"#,
    ];
    /// Names that are no field's, or a field's in another spelling.
    const OTHERS: [&str; 6] = [
        "x",
        "Arn",
        "ARN",
        "account_id",
        "eventname",
        "userIdentity.arn",
    ];

    fn object(names: Vec<&'static str>) -> impl Strategy<Value = String> {
        let values = proptest::collection::vec(select(VALUES.as_slice()), names.len());
        values.prop_map(move |values| {
            let members = names.iter().zip(values);
            let members = members.map(|(name, value)| format!(r#""{name}":{value}"#));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
    }

    /// Returns an object with some of these names, and now and then another one or one twice.
    fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = String> {
        let odd = select([names, &OTHERS[..]].concat());
        let odd = proptest::option::weighted(0.2, odd);
        let names = (subsequence(names, 0..=names.len()), odd);
        names.prop_flat_map(|(mut names, odd)| {
            names.extend(odd);
            object(names)
        })
    }

    fn record() -> impl Strategy<Value = String> {
        let caller = prop_oneof![
            6 => some_of(&CALLER_FIELDS),
            1 => select(VALUES.as_slice()).prop_map(str::to_owned),
        ];
        let request = proptest::option::weighted(0.8, select(vec!["null", r#"{"userName":"u"}"#]));
        (some_of(&OWN_FIELDS), caller, request).prop_map(|(record, caller, request)| {
            let request = request.map(|request| format!(r#""requestParameters":{request},"#));
            let rest = record.strip_prefix('{').unwrap_or_default();
            let rest = rest.replace(r#""userIdentity":"#, r#""userIdentityOf":"#);
            let rest = match request {
                Some(_) => rest.replace(r#""requestParameters":"#, r#""requestID":"#),
                None => rest,
            };
            let comma = if rest == "}" { "" } else { "," };
            let request = request.unwrap_or_default();
            format!(r#"{{{request}"userIdentity":{caller}{comma}{rest}"#)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        #[test]
        fn the_plain_way_gives_what_the_walk_gives(json in record()) {
            let mut json = json.into_bytes();
            let tape = simd_json::to_tape(&mut json).unwrap();
            let record = Record::new(Value::of(&tape));
            for is_row in [false, true] {
                for field in ecs_fields() {
                    let values = |record: &Record<'_>| {
                        let mut values = Vec::new();
                        each_value(record, is_row, field, &mut |value| values.push(value.into_text()));
                        values
                    };
                    prop_assert_eq!(values(&record), values(&record.without_tables()), "{}", field);
                }
            }
        }
    }

    #[test]
    fn a_record_as_aws_writes_it_is_plain() {
        let mut json =
            br#"{"eventName":"A","requestParameters":null,"userIdentity":{"arn":"a","type":"T"}}"#
                .to_vec();
        let tape = simd_json::to_tape(&mut json).unwrap();
        let record = Record::new(Value::of(&tape));
        let plain = |path| {
            record
                .plain(FieldPath::new(path))
                .map(|value| value.and_then(Value::as_str))
        };
        assert_eq!(plain("eventName"), Some(Some("A")));
        assert_eq!(plain("errorCode"), Some(None));
        assert_eq!(plain("userIdentity.arn"), Some(Some("a")));
        assert_eq!(plain("userIdentity.accountId"), Some(None));
        assert_eq!(plain("userIdentity.sessionContext.attributes"), None);
        assert_eq!(plain("requestParameters.userName"), None);
    }

    /// A table shows a field only to questions for that field.
    #[test]
    fn no_field_of_the_caller_is_another_spelling_of_another() {
        for name in CALLER_FIELDS {
            let fields = CALLER_FIELDS.iter().filter(|field| **field != name);
            assert!(
                !fields.into_iter().any(|field| is_field(name, field)),
                "{name}"
            );
        }
    }
}
