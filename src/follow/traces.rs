//! The identities in an event.
//!
//! Sources: CloudTrail user guide, "CloudTrail userIdentity element"; the API references of IAM, STS and EC2 for the
//! names of parameters and of response elements.

use super::entity::{Entity, Kind};
use crate::event::{Event, Fields as _, Scalar};

/// The entities that an event names, by their role in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityRefs {
    /// The actors: the user, its key, and the session with its role.
    pub actors: Vec<Entity>,
    /// The entities that were acted on.
    pub on: Vec<Entity>,
    /// The entities that were created.
    pub made: Vec<Entity>,
    /// Keys and sessions that were issued, and instances that commands were run on, because their keys can be obtained
    /// this way.
    pub given: Vec<Entity>,
}

const IAM: &str = "iam.amazonaws.com";
const STS: &str = "sts.amazonaws.com";
const SIGN_IN: &str = "signin.amazonaws.com";

/// Request parameters that name an entity in the account. They apply only to the given service, because other services
/// have their own users.
const PARAMETERS: [(&str, &str, Kind); 7] = [
    (IAM, "userName", Kind::User),
    (IAM, "roleName", Kind::Role),
    (IAM, "groupName", Kind::Group),
    (IAM, "instanceProfileName", Kind::InstanceProfile),
    (IAM, "accessKeyId", Kind::AccessKey),
    (IAM, "policyArn", Kind::Policy),
    (STS, "roleArn", Kind::Role),
];

/// Calls of IAM that create entities, with the place in the response that names the entity: by an ARN or an id if there
/// is one.
const MADE: [(&str, Kind, &str); 7] = [
    ("CreateUser", Kind::User, "user.arn"),
    ("CreateAccessKey", Kind::AccessKey, "accessKey.accessKeyId"),
    ("CreateRole", Kind::Role, "role.arn"),
    ("CreatePolicy", Kind::Policy, "policy.arn"),
    ("CreateGroup", Kind::Group, "group.arn"),
    (
        "CreateInstanceProfile",
        Kind::InstanceProfile,
        "instanceProfile.arn",
    ),
    (
        "CreateLoginProfile",
        Kind::LoginProfile,
        "loginProfile.userName",
    ),
];

/// Calls of IAM that change or remove the console password of the user that they name.
const OF_PASSWORDS: [&str; 2] = ["UpdateLoginProfile", "DeleteLoginProfile"];

/// Calls of STS that issue keys for a session.
const GIVING: [&str; 6] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "GetSessionToken",
    "GetFederationToken",
];

/// Calls that run commands on an instance or give access to it, with the name that precedes its id in the request.
const REACHING: [(&str, &str); 4] = [
    ("SendCommand", "instanceIds"),
    ("StartSession", "target"),
    ("SendSSHPublicKey", "instanceId"),
    ("SendSerialConsoleSSHPublicKey", "instanceId"),
];

impl EntityRefs {
    /// Returns the entities of an event.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        let action = event.text("event.action").unwrap_or_default();
        let service = event.text("event.provider").unwrap_or_default();
        let is_success = event.text("event.outcome").as_deref() == Some("success");
        let mut traces = Self {
            actors: actors(event, &service),
            ..Self::default()
        };
        let account = event
            .text("aws.cloudtrail.recipient_account_id")
            .or_else(|| event.text("cloud.account.id"))
            .unwrap_or_default();
        traces.on(event, &service, &account);
        let request = || {
            event
                .text("aws.cloudtrail.request_parameters")
                .unwrap_or_default()
        };
        match &*service {
            IAM if is_success => traces.made(event, &action, &account),
            STS if is_success && GIVING.contains(&&*action) => traces.given(event),
            // This token opens the console with the session's keys.
            SIGN_IN if is_success && action == "GetSigninToken" => {
                let arns = texts(event, "aws.cloudtrail.user_identity.arn");
                let sessions = arns.iter().filter_map(|arn| Entity::console_session(arn));
                traces.given.extend(sessions);
            }
            "ec2.amazonaws.com" => {
                traces.on.extend(instances(&request(), "instanceId"));
                if is_success && action == "RunInstances" {
                    let answer = event.text("aws.cloudtrail.response_elements");
                    let answer = answer.unwrap_or_default();
                    traces.made.extend(instances(&answer, "instanceId"));
                }
            }
            "ssm.amazonaws.com" | "ec2-instance-connect.amazonaws.com" if is_success => {
                let reaching = REACHING.iter().find(|(name, _)| *name == action);
                if let Some((_, before)) = reaching {
                    traces.given.extend(instances(&request(), before));
                }
            }
            _ => {}
        }
        traces
    }

    fn on(&mut self, event: &Event<'_>, service: &str, account: &str) {
        for (_, name, kind) in PARAMETERS.iter().filter(|(of, ..)| *of == service) {
            let Some(value) = event.request_parameter(name).filter(|v| !v.is_empty()) else {
                continue;
            };
            let entity = match kind {
                Kind::AccessKey | Kind::Policy => Some(Entity::by_name(*kind, &value)),
                _ if name.ends_with("Arn") => Entity::of_arn(&value),
                _ => Some(Entity::in_account(*kind, account, &value)),
            };
            self.on.extend(entity);
        }
        let action = event.text("event.action").unwrap_or_default();
        if service == IAM && OF_PASSWORDS.contains(&&*action) {
            let users = self.on.iter().filter(|one| one.kind == Kind::User);
            let passwords = users.map(|user| Entity {
                kind: Kind::LoginProfile,
                ..user.clone()
            });
            self.on.extend(passwords.collect::<Vec<_>>());
        }
    }

    fn made(&mut self, event: &Event<'_>, action: &str, account: &str) {
        let Some((_, kind, path)) = MADE.iter().find(|(name, ..)| *name == action) else {
            return;
        };
        let of_answer = || {
            let value = event.response_element(path)?;
            match kind {
                Kind::AccessKey => Some(Entity::by_name(*kind, &value)),
                Kind::LoginProfile => Some(Entity::in_account(*kind, account, &value)),
                _ => Entity::of_arn(&value),
            }
        };
        // The name in the request is used first, because the entity was created with this name. A response that is
        // printed text may contain words chosen by the caller.
        let named = match kind {
            Kind::LoginProfile => Kind::User,
            other => *other,
        };
        let is_by_name = !matches!(kind, Kind::AccessKey | Kind::Policy);
        let of_request = self.on.iter().find(|one| is_by_name && one.kind == named);
        let of_request = of_request.map(|one| Entity {
            kind: *kind,
            ..one.clone()
        });
        self.made.extend(of_request.or_else(of_answer));
    }

    fn given(&mut self, event: &Event<'_>) {
        let key = event.response_element("credentials.accessKeyId");
        self.given
            .extend(key.map(|key| Entity::by_name(Kind::AccessKey, &key)));
        for path in ["assumedRoleUser.arn", "federatedUser.arn"] {
            let arn = event.response_element(path);
            self.given.extend(arn.and_then(|arn| Entity::of_arn(&arn)));
        }
    }

    /// Adds the entities that a copy of the event names.
    pub fn join(&mut self, other: &Self) {
        let parts = [
            (&mut self.actors, &other.actors),
            (&mut self.on, &other.on),
            (&mut self.made, &other.made),
            (&mut self.given, &other.given),
        ];
        for (own, others) in parts {
            for one in others {
                if !own.contains(one) {
                    own.push(one.clone());
                }
            }
        }
    }

    /// Returns the entities by their role: actors, acted on, created, issued.
    #[must_use]
    pub fn parts(&self) -> [&Vec<Entity>; 4] {
        [&self.actors, &self.on, &self.made, &self.given]
    }

    /// Returns all entities.
    pub fn all(&self) -> impl Iterator<Item = &Entity> {
        self.parts().into_iter().flatten()
    }
}

/// Returns the actors. If a key occurs twice in a record, every reading counts.
fn actors(event: &Event<'_>, service: &str) -> Vec<Entity> {
    let identity = |name: &str| texts(event, &format!("aws.cloudtrail.user_identity.{name}"));
    let mut actors = Vec::new();
    let kinds = identity("type");
    let by_name = || {
        let account = identity("account_id").into_iter().next();
        let account = account.or_else(|| event.text("cloud.account.id"))?;
        let names = texts(event, "user.name").into_iter();
        let users = names.map(|name| Entity::in_account(Kind::User, &account, &name));
        Some(users.collect::<Vec<_>>())
    };
    let arns = identity("arn");
    actors.extend(arns.iter().filter_map(|arn| Entity::of_arn(arn)));
    if actors.is_empty() && kinds.iter().any(|kind| kind == "IAMUser") {
        actors.extend(by_name().into_iter().flatten());
    }
    for arn in &arns {
        actors.extend(Entity::role_of_session(arn));
        actors.extend(Entity::instance_of_session(arn));
    }
    // After a user switches roles in the console, the role's keys count as the user's own.
    let switched = event.text("aws.cloudtrail.flattened.additional_eventdata.SwitchFrom");
    actors.extend(switched.as_deref().and_then(Entity::of_arn));
    let from_console = event.text("aws.cloudtrail.session_credential_from_console");
    if service == SIGN_IN || from_console.as_deref() == Some("true") {
        actors.extend(arns.iter().filter_map(|arn| Entity::console_session(arn)));
    }
    let issuers = identity("session_context.session_issuer.arn");
    for issuer in issuers.iter().filter_map(|arn| Entity::of_arn(arn)) {
        if !actors.contains(&issuer) {
            actors.push(issuer);
        }
    }
    let keys = identity("access_key_id").into_iter();
    actors.extend(keys.map(|id| Entity::by_name(Kind::AccessKey, &id)));
    if kinds.iter().any(|kind| kind == "AWSService") {
        let services = identity("invoked_by").into_iter();
        actors.extend(services.map(|name| Entity::by_name(Kind::Service, &name)));
    }
    actors
}

/// Returns all values of a field that are texts.
fn texts(event: &Event<'_>, field: &str) -> Vec<String> {
    let mut texts = Vec::new();
    event.each_value(field, &mut |value| {
        if let Scalar::Text(text) = value
            && !texts.iter().any(|other| *other == text)
        {
            texts.push(text.into_owned());
        }
    });
    texts
}

/// Returns the instances whose ids come directly after this name in a text, as a single id or as a list.
fn instances(text: &str, name: &str) -> Vec<Entity> {
    let is_of_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut found: Vec<Entity> = Vec::new();
    for rest in text.split(name).skip(1) {
        // The name is followed by `=` or `":`, possibly by brackets and quotes, and then by a list.
        let rest = rest.trim_start_matches(['"', '\\', ':', '=', '[', ' ']);
        for word in rest
            .split([',', ']'])
            .map(|word| word.trim_matches(['"', '\\', ' ', '}', '{']))
        {
            let id = word.strip_prefix("i-").unwrap_or_default();
            if id.len() < 8 || !word.chars().all(is_of_id) {
                break;
            }
            let instance = Entity::by_name(Kind::Instance, word);
            if !found.contains(&instance) {
                found.push(instance);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_told_by_the_names_before_their_ids() {
        let ids = |text: &str, name: &str| -> Vec<String> {
            instances(text, name)
                .into_iter()
                .map(|one| one.name)
                .collect()
        };
        let printed =
            "{instancesSet={items=[{instanceId=i-0123456789abcdef0, tag=i-0aaaaaaaaaaaaaaaa}]}}";
        assert_eq!(ids(printed, "instanceId"), ["i-0123456789abcdef0"]);
        let json = r#"{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0","a":"i-0aaaaaaaa"}]}}"#;
        assert_eq!(ids(json, "instanceId"), ["i-0123456789abcdef0"]);
        let list = "{instanceIds=[i-01234567, i-12345678], comment=see i-0aaaaaaaaaaaaaaaa}";
        assert_eq!(ids(list, "instanceIds"), ["i-01234567", "i-12345678"]);
        assert_eq!(ids("{target=i-01234567}", "target"), ["i-01234567"]);
        assert!(ids("{target=mi-01234567}", "target").is_empty());
    }
}
