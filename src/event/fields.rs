//! The ECS fields of a CloudTrail record, and where they come from.

use std::borrow::Cow;

use super::known::Known;
use super::plain::FieldPath;
use super::record::{REQUEST, near};

/// Where an ECS field comes from.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// It is the same for all records.
    Constant(&'static str),
    /// It is copied from this path of fields.
    Copied(FieldPath),
    /// It is this object, printed.
    Printed(&'static str),
    /// It is all leaves of this object.
    Leaves(&'static str),
    /// It is this field of each resource.
    Resource(&'static str),
    /// Of a sign-in, it is whether this is anything but "No".
    LoginFlag(&'static str),
    /// Of a sign-in, it is where that led to.
    LoginTo,
    Account,
    Address,
    Category,
    Kind,
    Outcome,
    /// Whom and what a call names.
    Related,
    /// What a call of IAM is about.
    Target,
    UserId,
    UserName,
}

use Origin::{
    Account, Address, Category, Constant, Copied, Kind, Leaves, LoginFlag, LoginTo, Outcome,
    Printed, Related, Resource, Target, UserId, UserName,
};

const fn copied(path: &'static str) -> Origin {
    Copied(FieldPath::new(path))
}

/// ECS fields, and where they come from.
const ORIGINS: [(&str, Origin); 63] = [
    ("event.dataset", Constant("aws.cloudtrail")),
    ("data_stream.dataset", Constant("aws.cloudtrail")),
    ("event.kind", Constant("event")),
    ("event.module", Constant("aws")),
    ("event.outcome", Outcome),
    ("event.category", Category),
    ("event.type", Kind),
    ("user.name", UserName),
    ("user.id", UserId),
    ("cloud.account.id", Account),
    ("source.ip", Address),
    ("aws.cloudtrail.request_parameters", Printed(REQUEST)),
    (
        "aws.cloudtrail.response_elements",
        Printed("responseElements"),
    ),
    (
        "aws.cloudtrail.additional_eventdata",
        Printed("additionalEventData"),
    ),
    (
        "aws.cloudtrail.service_event_details",
        Printed("serviceEventDetails"),
    ),
    (
        "aws.cloudtrail.flattened.request_parameters",
        Leaves(REQUEST),
    ),
    (
        "aws.cloudtrail.flattened.response_elements",
        Leaves("responseElements"),
    ),
    (
        "aws.cloudtrail.flattened.additional_eventdata",
        Leaves("additionalEventData"),
    ),
    (
        "aws.cloudtrail.flattened.service_event_details",
        Leaves("serviceEventDetails"),
    ),
    ("aws.cloudtrail.resources.arn", Resource("ARN")),
    ("aws.cloudtrail.resources.account_id", Resource("accountId")),
    ("aws.cloudtrail.resources.type", Resource("type")),
    (
        "aws.cloudtrail.console_login.additional_eventdata.mfa_used",
        LoginFlag("MFAUsed"),
    ),
    (
        "aws.cloudtrail.console_login.additional_eventdata.mobile_version",
        LoginFlag("MobileVersion"),
    ),
    (
        "aws.cloudtrail.console_login.additional_eventdata.login_to",
        LoginTo,
    ),
    (
        "aws.cloudtrail.session_credential_from_console",
        copied("sessionCredentialFromConsole"),
    ),
    ("event.action", copied("eventName")),
    ("event.provider", copied("eventSource")),
    ("event.id", copied("eventID")),
    ("@timestamp", copied("eventTime")),
    ("user.target.name", copied("requestParameters.userName")),
    ("user.target.id", copied("responseElements.user.userId")),
    ("user.changes.name", copied("requestParameters.newUserName")),
    ("group.id", copied("responseElements.group.groupId")),
    ("group.name", copied("requestParameters.groupName")),
    ("source.address", copied("sourceIPAddress")),
    ("user_agent.original", copied("userAgent")),
    ("cloud.region", copied("awsRegion")),
    ("tls.cipher", copied("tlsDetails.cipherSuite")),
    (
        "tls.client.server_name",
        copied("tlsDetails.clientProvidedHostHeader"),
    ),
    ("aws.cloudtrail.error_code", copied("errorCode")),
    ("aws.cloudtrail.error_message", copied("errorMessage")),
    ("aws.cloudtrail.event_version", copied("eventVersion")),
    ("aws.cloudtrail.event_type", copied("eventType")),
    ("aws.cloudtrail.event_category", copied("eventCategory")),
    ("aws.cloudtrail.request_id", copied("requestID")),
    (
        "aws.cloudtrail.recipient_account_id",
        copied("recipientAccountId"),
    ),
    ("aws.cloudtrail.shared_event_id", copied("sharedEventID")),
    ("aws.cloudtrail.read_only", copied("readOnly")),
    ("aws.cloudtrail.management_event", copied("managementEvent")),
    ("aws.cloudtrail.vpc_endpoint_id", copied("vpcEndpointId")),
    ("aws.cloudtrail.api_version", copied("apiVersion")),
    (
        "aws.cloudtrail.user_identity.type",
        copied("userIdentity.type"),
    ),
    (
        "aws.cloudtrail.user_identity.arn",
        copied("userIdentity.arn"),
    ),
    (CALLER_ACCOUNT, copied("userIdentity.accountId")),
    (
        "aws.cloudtrail.user_identity.access_key_id",
        copied("userIdentity.accessKeyId"),
    ),
    (
        "aws.cloudtrail.user_identity.invoked_by",
        copied("userIdentity.invokedBy"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.mfa_authenticated",
        copied("userIdentity.sessionContext.attributes.mfaAuthenticated"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.creation_date",
        copied("userIdentity.sessionContext.attributes.creationDate"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
        copied("userIdentity.sessionContext.sessionIssuer.arn"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.type",
        copied("userIdentity.sessionContext.sessionIssuer.type"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.principal_id",
        copied("userIdentity.sessionContext.sessionIssuer.principalId"),
    ),
    (
        "aws.cloudtrail.user_identity.session_context.session_issuer.account_id",
        copied("userIdentity.sessionContext.sessionIssuer.accountId"),
    ),
];

/// The numbers of the ECS fields.
static ECS: Known<{ ORIGINS.len() }, 512> = {
    let mut names = [""; ORIGINS.len()];
    let mut number = 0;
    while number < ORIGINS.len() {
        names[number] = ORIGINS[number].0;
        number += 1;
    }
    Known::new(names, 0xa6eb_8c9f)
};

/// A field that rows have and Elastic's documents do not: there it is `cloud.account.id` alone.
const CALLER_ACCOUNT: &str = "aws.cloudtrail.user_identity.account_id";

/// The beginnings of ECS fields that are inside an object, and that object.
const FLATTENED: [(&str, &str); 4] = [
    ("aws.cloudtrail.flattened.request_parameters.", REQUEST),
    (
        "aws.cloudtrail.flattened.response_elements.",
        "responseElements",
    ),
    (
        "aws.cloudtrail.flattened.additional_eventdata.",
        "additionalEventData",
    ),
    (
        "aws.cloudtrail.flattened.service_event_details.",
        "serviceEventDetails",
    ),
];

/// Returns where an ECS field comes from.
pub(super) fn origin(field: &str) -> Option<Origin> {
    match field {
        "cloud.provider" => Some(Constant("aws")),
        "entity.target.id" => Some(Target),
        "related.entity" => Some(Related),
        _ => ECS.number(field).map(|number| ORIGINS[number].1),
    }
}

/// An ECS field that is looked up once for many records.
#[derive(Clone, Copy)]
pub(crate) struct EcsField {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
}

impl EcsField {
    /// Returns a field by its name; `None` if no record has it.
    pub(crate) fn new(name: &'static str) -> Option<Self> {
        let origin = origin(name)?;
        Some(Self { name, origin })
    }
}

/// Returns the object that an ECS field is inside of, and its path there.
pub(super) fn flattened(field: &str) -> Option<(&'static str, &str)> {
    let mut objects = FLATTENED.iter();
    objects.find_map(|(prefix, object)| Some((*object, field.strip_prefix(prefix)?)))
}

/// Returns whether a record may have this ECS field, or others inside it.
pub(crate) fn is_ecs_field(name: &str) -> bool {
    let is_field = origin(name).is_some() || flattened(name).is_some();
    is_field || fields_under(name).next().is_some()
}

/// Returns CloudTrail's own name of the field whose values an ECS field has.
pub(crate) fn own_name(ecs: &str) -> Option<&'static str> {
    match origin(ecs)? {
        Copied(path) => Some(path.text()),
        Printed(path) => Some(path),
        UserName => Some("userIdentity.userName"),
        UserId => Some("userIdentity.principalId"),
        _ => None,
    }
}

/// Returns the ECS field that was probably meant by a name that is none: the same in other letters, or with one letter
/// less, more or different.
pub(crate) fn near_ecs_field(name: &str) -> Option<&'static str> {
    match is_ecs_field(name) {
        true => None,
        false => near(name, ORIGINS.iter().map(|(name, _)| *name)),
    }
}

/// Returns the ECS field with the values of a field of CloudTrail's own.
pub(crate) fn ecs_name(own: &str) -> Option<Cow<'static, str>> {
    let inside = FLATTENED.iter().find_map(|(prefix, object)| {
        let path = own.strip_prefix(object)?.strip_prefix('.')?;
        Some(Cow::Owned(format!("{prefix}{path}")))
    });
    let is_it = |origin: &Origin| match origin {
        Copied(path) => path.text() == own,
        Printed(path) => *path == own,
        UserName => own == "userIdentity.userName",
        UserId => own == "userIdentity.principalId",
        _ => false,
    };
    let mut origins = ORIGINS.iter().filter(|(_, origin)| is_it(origin));
    inside.or_else(|| origins.next().map(|(name, _)| Cow::Borrowed(*name)))
}

/// Returns the ECS fields that have a place in records.
#[cfg(test)]
pub(super) fn ecs_fields() -> impl Iterator<Item = &'static str> {
    ORIGINS.iter().map(|(name, _)| *name)
}

/// Returns the fields of Elastic's documents that are inside this one.
pub(crate) fn fields_under(field: &str) -> impl Iterator<Item = &'static str> {
    let names = ORIGINS.iter().map(|(name, _)| *name);
    let of_elastic = names.filter(|name| *name != CALLER_ACCOUNT);
    of_elastic.filter(move |name| {
        let rest = name.strip_prefix(field);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_have_the_ecs_field_with_their_values() {
        for (own, ecs) in [
            ("eventName", Some("event.action")),
            (
                "requestParameters",
                Some("aws.cloudtrail.request_parameters"),
            ),
            (
                "requestParameters.a.b",
                Some("aws.cloudtrail.flattened.request_parameters.a.b"),
            ),
            ("userIdentity.arn", Some("aws.cloudtrail.user_identity.arn")),
            ("userIdentity.userName", Some("user.name")),
            ("userIdentity", None),
            ("requestParametersX", None),
        ] {
            assert_eq!(ecs_name(own).as_deref(), ecs, "{own}");
        }
        assert_eq!(own_name("event.action"), Some("eventName"));
        assert_eq!(own_name("user.name"), Some("userIdentity.userName"));
        assert_eq!(own_name("eventName"), None);
        assert!(is_ecs_field("event.action") && is_ecs_field("aws.cloudtrail.resources"));
        assert!(!is_ecs_field("eventName"));
        let under = fields_under("aws.cloudtrail.resources");
        assert_eq!(under.count(), 3);
        let mut of_caller = fields_under("aws.cloudtrail.user_identity");
        assert!(is_ecs_field(CALLER_ACCOUNT) && !of_caller.any(|name| name == CALLER_ACCOUNT));
    }
}
