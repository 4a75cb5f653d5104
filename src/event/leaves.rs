//! The texts inside a record's request, response and resources, each with the names that lead to it, in whatever form
//! the record stores these objects: as JSON, as JSON in a string, as a printed map, or spread over separate fields.

use super::json::Value;
use super::names::{divides_fields, is_field};
use super::record::{REQUEST, Record, spread};
use super::{Event, Scalar, Schema, ecs, java_map, object_text, ocsf};

/// Maximum number of levels inside an object that are visited. The requests of AWS's services have fewer than ten.
const DEPTH_MAX: usize = 32;

/// Names that only hold a list together, in the services whose API is XML.
const LIST_NAMES: [&str; 3] = ["items", "item", "member"];

/// The names that lead to a text inside an object. Names that only hold a list together are left out.
#[derive(Debug, Clone, Copy)]
pub struct Path<'p> {
    name: &'p str,
    outer: Option<&'p Path<'p>>,
    /// The number of the object that it is a member of; 0 if that is not known.
    object: usize,
}

impl<'p> Path<'p> {
    /// Returns the name of the text itself.
    #[must_use]
    pub fn name(&self) -> &'p str {
        self.name
    }

    /// Returns whether the name of the text itself is this one.
    #[inline]
    pub(crate) fn is_named(&self, name: &str) -> bool {
        is_field(self.name, name)
    }

    /// Returns the number of the object that has the innermost member with this name, in any case of letters; nothing if
    /// no name is this one. The members of one object have the same number. It is 0 if the record does not show which
    /// object that is.
    pub(crate) fn object_with(&self, name: &str) -> Option<usize> {
        let mut next = Some(*self);
        while let Some(path) = next {
            if path.name.eq_ignore_ascii_case(name) {
                return Some(path.object);
            }
            next = path.outer.copied();
        }
        None
    }

    /// Returns whether it is a member of the object itself, and not of an object inside it.
    #[must_use]
    pub fn is_top(&self) -> bool {
        self.outer.is_none()
    }

    /// Returns the names, the innermost first.
    pub fn names(&self) -> impl Iterator<Item = &'p str> {
        let mut next = Some(*self);
        std::iter::from_fn(move || {
            let path = next?;
            next = path.outer.copied();
            Some(path.name)
        })
    }

    /// Returns true if the innermost names are these, with a dot between two: `iamInstanceProfile.name`.
    #[must_use]
    pub fn ends_with(&self, names: &str) -> bool {
        self.has_innermost(names.rsplit('.'))
    }

    /// Returns true if the innermost names are these, the innermost first.
    pub(crate) fn has_innermost<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        let mut own = self.names();
        let mut names = names.into_iter();
        names.all(|name| own.next().is_some_and(|own| is_field(own, name)))
    }
}

/// Receives texts, each with the names that lead to it.
type Visit<'v> = &'v mut dyn FnMut(&Path<'_>, &str);

impl Event<'_> {
    /// Calls `visit` with each text and whole number in the request.
    pub fn each_in_request(&self, visit: Visit<'_>) {
        self.each_in(&Place::REQUEST, visit);
    }

    /// Calls `visit` with each text and whole number in the response.
    pub fn each_in_response(&self, visit: Visit<'_>) {
        self.each_in(&Place::RESPONSE, visit);
    }

    /// Calls `visit` with the ARN of each of the record's `resources`.
    pub fn each_resource_arn(&self, visit: &mut dyn FnMut(&str)) {
        let name = match self.schema {
            Schema::CloudTrail | Schema::Ecs => "arn",
            Schema::Ocsf => "uid",
        };
        self.each_in(&Place::RESOURCES, &mut |path, text| {
            if is_field(path.name(), name) && text.starts_with("arn:") {
                visit(text);
            }
        });
    }

    fn each_in(&self, place: &Place, visit: Visit<'_>) {
        let mut walk = Walk::new(visit);
        match self.schema {
            Schema::CloudTrail => walk.record(&self.record, place.field),
            Schema::Ecs => walk.ecs(self.record.value(), place),
            Schema::Ocsf => walk.ocsf(self.record.value(), place),
        }
    }
}

/// Where each schema stores an object of a record.
struct Place {
    /// In a record as AWS writes it, and in OCSF's `unmapped`.
    field: &'static str,
    ecs: &'static str,
    ecs_flattened: &'static str,
    ocsf: &'static str,
}

impl Place {
    const REQUEST: Self = Self {
        field: REQUEST,
        ecs: "aws.cloudtrail.request_parameters",
        ecs_flattened: "aws.cloudtrail.flattened.request_parameters",
        ocsf: "api.request.data",
    };
    const RESPONSE: Self = Self {
        field: "responseElements",
        ecs: "aws.cloudtrail.response_elements",
        ecs_flattened: "aws.cloudtrail.flattened.response_elements",
        ocsf: "api.response.data",
    };
    const RESOURCES: Self = Self {
        field: "resources",
        ecs: "aws.cloudtrail.resources",
        ecs_flattened: "aws.cloudtrail.resources",
        ocsf: "resources",
    };
}

/// Calls `visit` with each text and whole number in a document, if it is an object in JSON.
pub(crate) fn each_in_document(text: &str, visit: Visit<'_>) {
    if let Ok(document) = serde_json::from_str::<serde_json::Value>(text) {
        Walk::new(visit).json(&document, None);
    }
}

/// A walk through an object.
struct Walk<'w> {
    visit: Visit<'w>,
    depth: usize,
    /// The number of objects so far.
    n_objects: usize,
}

impl<'w> Walk<'w> {
    fn new(visit: Visit<'w>) -> Self {
        Self {
            visit,
            depth: 0,
            n_objects: 0,
        }
    }
}

impl Walk<'_> {
    /// Returns the number of an object that begins here.
    fn begin_object(&mut self) -> usize {
        self.n_objects += 1;
        self.n_objects
    }

    fn record(&mut self, record: &Record<'_>, field: &str) {
        for value in record.get(field) {
            self.stored(value);
        }
        for (name, value) in spread(record, field) {
            self.spread(name, None, value);
        }
    }

    fn ecs(&mut self, document: Value<'_>, place: &Place) {
        let mut is_flattened = false;
        ecs::each_under(document, place.ecs_flattened, &mut |name, value| {
            is_flattened = true;
            self.spread(name, None, value);
        });
        // What is printed is not exact, so it counts only where nothing else is left.
        if !is_flattened {
            ecs::each_at(document, place.ecs, &mut |value| self.stored(value));
        }
    }

    fn ocsf(&mut self, document: Value<'_>, place: &Place) {
        ocsf::each_unmapped_of(document, place.field, &mut |name, value| {
            self.spread(name, None, value);
        });
        ecs::each_at(document, place.ocsf, &mut |value| self.stored(value));
    }

    /// Visits an object that may be stored as text, or several such texts in a list.
    fn stored(&mut self, value: Value<'_>) {
        match value.as_str() {
            Some(text) => self.text(text, None),
            None => {
                let texts = value.elements().filter_map(Value::as_str);
                texts.for_each(|text| self.text(text, None));
                self.value(value, None);
            }
        }
    }

    /// Visits an object that is stored as text.
    fn text(&mut self, text: &str, at: Option<&Path<'_>>) {
        match object_text::parsed(text) {
            // The text of an object, written as a string of JSON.
            Some(serde_json::Value::String(inner)) if inner.len() < text.len() => {
                self.inside(&mut |walk| walk.text(&inner, at));
            }
            Some(object) => self.json(&object, at),
            None => self.printed(text, at),
        }
    }

    /// Runs `visit` one level further inside, if that is not too far.
    fn inside(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        if self.depth < DEPTH_MAX {
            self.depth += 1;
            visit(self);
            self.depth -= 1;
        }
    }

    /// Runs `visit` for a member of an object with this number. `is_tagged` is true if the object has a member `tag`:
    /// then EC2 stores an element of a list in its member `content`.
    fn member(
        &mut self,
        name: &str,
        (object, is_tagged): (usize, bool),
        at: Option<&Path<'_>>,
        visit: &mut dyn FnMut(&mut Self, Option<&Path<'_>>),
    ) {
        let is_of_list = LIST_NAMES.contains(&name) || is_tagged && name == "content";
        let below = Path {
            name,
            outer: at,
            object,
        };
        let at = if is_of_list { at } else { Some(&below) };
        self.inside(&mut |walk| visit(walk, at));
    }

    fn leaf(&mut self, at: Option<&Path<'_>>, text: &str) {
        if let Some(at) = at.filter(|_| !text.is_empty()) {
            (self.visit)(at, text);
        }
    }

    fn value(&mut self, value: Value<'_>, at: Option<&Path<'_>>) {
        match value.scalar() {
            Some(Scalar::Text(text)) => self.leaf(at, &text),
            Some(Scalar::Integer(n)) => self.leaf(at, &n.to_string()),
            Some(Scalar::Float(_) | Scalar::Boolean(_)) | None => {}
        }
        let is_tagged = value.members().any(|(name, _)| name == "tag");
        let object = self.begin_object();
        for (name, child) in value.members() {
            self.member(name, (object, is_tagged), at, &mut |walk, at| {
                walk.value(child, at)
            });
        }
        for child in value.elements() {
            self.inside(&mut |walk| walk.value(child, at));
        }
    }

    fn json(&mut self, value: &serde_json::Value, at: Option<&Path<'_>>) {
        match value {
            serde_json::Value::String(text) => self.leaf(at, text),
            serde_json::Value::Number(n) if !n.is_f64() => self.leaf(at, &n.to_string()),
            serde_json::Value::Object(members) => {
                let is_tagged = members.contains_key("tag");
                let object = self.begin_object();
                for (name, child) in members {
                    self.member(name, (object, is_tagged), at, &mut |walk, at| {
                        walk.json(child, at)
                    });
                }
            }
            serde_json::Value::Array(elements) => {
                for child in elements {
                    self.inside(&mut |walk| walk.json(child, at));
                }
            }
            _ => {}
        }
    }

    /// Visits a value as Java or Presto print it, as well as the text allows.
    fn printed(&mut self, text: &str, at: Option<&Path<'_>>) {
        if text.ends_with('}') && (text.starts_with('{') || text.starts_with("@{")) {
            let is_tagged = java_map::entries(text).any(|(name, _)| name == "tag");
            let object = self.begin_object();
            for (name, value) in java_map::entries(text) {
                self.member(name, (object, is_tagged), at, &mut |walk, at| {
                    walk.printed(value, at)
                });
            }
        } else if text.ends_with(']') && text.starts_with('[') {
            for element in java_map::elements(text) {
                self.inside(&mut |walk| walk.printed(element, at));
            }
        } else if text != "null" {
            self.leaf(at, text);
        }
    }

    /// Visits a value whose name is a path: `instancesSet.items[].instanceId`.
    fn spread(&mut self, name: &str, at: Option<&Path<'_>>, value: Value<'_>) {
        let is_divider =
            |c: char| u8::try_from(c).is_ok_and(divides_fields) && !matches!(c, '_' | ' ' | '-');
        let name = name.trim_start_matches(is_divider);
        let (first, rest) = match name.find(is_divider) {
            Some(end) => name.split_at(end),
            None => (name, ""),
        };
        let rest = rest.trim_matches(is_divider);
        let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
        let visit = &mut |walk: &mut Self, at: Option<&Path<'_>>| match rest {
            "" => walk.value(value, at),
            rest => walk.spread(rest, at, value),
        };
        match is_number {
            true => self.inside(&mut |walk| visit(walk, at)),
            false => self.member(first, (0, false), at, visit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each text that `each` visits, with its names.
    fn seen(each: &dyn Fn(Visit<'_>)) -> Vec<String> {
        let mut seen = Vec::new();
        each(&mut |path, text| {
            let mut names: Vec<&str> = path.names().collect();
            names.reverse();
            seen.push(format!("{}={text}", names.join(".")));
        });
        seen
    }

    fn event<T>(json: &str, then: impl FnOnce(Event<'_>) -> T) -> T {
        let mut bytes = json.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut bytes).unwrap();
        let record = Record::new(Value::of(&tape));
        then(Event::recognise(record).unwrap())
    }

    fn in_request(json: &str) -> Vec<String> {
        event(json, |event| seen(&|visit| event.each_in_request(visit)))
    }

    #[test]
    fn a_request_has_the_same_texts_in_each_form() {
        let request = r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]},"force":true,"n":7}"#;
        let quoted = serde_json::to_string(request).unwrap();
        let expected = [
            "instancesSet.instanceId=i-1",
            "instancesSet.instanceId=i-2",
            "n=7",
        ];
        let raw = |request: &str| {
            format!(
                r#"{{"eventName":"StopInstances","eventVersion":"1.09","requestParameters":{request}}}"#
            )
        };
        let printed = r#""{instancesSet={items=[{instanceId=i-1}, {instanceId=i-2}]}, n=7}""#;
        let ecs = |fields: &str| {
            format!(
                r#"{{"event":{{"action":"StopInstances"}},"aws":{{"cloudtrail":{{{fields}}}}}}}"#
            )
        };
        let ocsf = |fields: &str| {
            format!(
                r#"{{"metadata":{{"product":{{"name":"CloudTrail"}}}},"api":{{"operation":"StopInstances",{fields}}}}}"#
            )
        };
        for record in [
            raw(request),
            raw(&quoted),
            raw(printed),
            ecs(&format!(r#""request_parameters":{printed}"#)),
            ecs(&format!(
                r#""request_parameters":"{{a=b}}","flattened":{{"request_parameters":{request}}}"#
            )),
            ocsf(&format!(r#""request":{{"data":{quoted}}}"#)),
            ocsf(&format!(r#""request":{{"data":{request}}}"#)),
        ] {
            assert_eq!(in_request(&record), expected, "{record}");
        }
        let spread = r#"{"eventName":"StopInstances","eventVersion":"1.09",
            "requestParameters.instancesSet.items.0.instanceId":"i-1","requestParameters.n":7}"#;
        let expected = ["instancesSet.instanceId=i-1", "n=7"];
        assert_eq!(in_request(spread), expected);
        let unmapped = r#"{"metadata":{"product":{"name":"CloudTrail"}},"api":{"operation":"StopInstances"},
            "unmapped":{"requestParameters.instancesSet.items[].instanceId":"i-1","requestParameters.n":"7"}}"#;
        assert_eq!(in_request(unmapped), expected);
    }

    #[test]
    fn a_tagged_element_of_a_list_has_the_name_of_the_list() {
        let record = r#"{"eventName":"DeleteFlowLogs","eventVersion":"1.09",
            "requestParameters":{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"fl-1"}},"content":"c"}}"#;
        let expected = [
            "DeleteFlowLogsRequest.FlowLogId.tag=1",
            "DeleteFlowLogsRequest.FlowLogId=fl-1",
            "content=c",
        ];
        assert_eq!(in_request(record), expected);
    }

    #[test]
    fn the_arns_of_resources_are_found_in_each_form() {
        for record in [
            r#"{"eventName":"Decrypt","eventVersion":"1.09","resources":[{"ARN":"arn:aws:kms:a","type":"AWS::KMS::Key"}]}"#,
            r#"{"eventName":"Decrypt","eventVersion":"1.09","resources":"[{arn=arn:aws:kms:a, accountid=1}]"}"#,
            r#"{"event":{"action":"Decrypt"},"aws":{"cloudtrail":{"resources":[{"arn":"arn:aws:kms:a"}]}}}"#,
            r#"{"event.action":"Decrypt","aws.cloudtrail.resources.arn":["arn:aws:kms:a"]}"#,
            r#"{"metadata":{"product":{"name":"CloudTrail"}},"api":{"operation":"Decrypt"},
                "resources":[{"uid":"arn:aws:kms:a","owner":{"account":{"uid":"111122223333"}}}]}"#,
        ] {
            let mut arns = Vec::new();
            event(record, |event| {
                event.each_resource_arn(&mut |arn| arns.push(arn.to_owned()));
            });
            assert_eq!(arns, ["arn:aws:kms:a"], "{record}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_not_visited() {
        for deep in [
            format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
            format!("{}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
        ] {
            let request = serde_json::to_string(&deep).unwrap();
            let record = format!(
                r#"{{"eventName":"X","eventVersion":"1.09","requestParameters":{request}}}"#
            );
            assert_eq!(in_request(&record), [""; 0]);
        }
    }

    #[test]
    fn the_end_of_a_path_is_matched_by_its_names() {
        let outer = Path {
            name: "iamInstanceProfile",
            outer: None,
            object: 1,
        };
        let path = Path {
            name: "name",
            outer: Some(&outer),
            object: 2,
        };
        assert!(path.ends_with("name") && path.ends_with("iamInstanceProfile.name"));
        assert!(!path.ends_with("keyName") && !path.ends_with("a.iamInstanceProfile.name"));
    }
}
