//! What an event says of identities.
//!
//! Sources: CloudTrail user guide, "CloudTrail userIdentity element"; the API references of IAM, STS and EC2 for the names
//! of parameters and of what a call answers.

use super::entity::{Entity, Kind};
use crate::event::Event;

/// The identities and things that an event names, by the part that they have in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Who acted: the user, its key, the session and the role behind it.
    pub actors: Vec<Entity>,
    /// What was acted on.
    pub on: Vec<Entity>,
    /// What was made.
    pub made: Vec<Entity>,
    /// Keys and sessions that were given out, and instances that commands were run on, whose keys can be had so.
    pub given: Vec<Entity>,
}

/// Parameters of a request that name a thing in the account, by their names.
const PARAMETERS: [(&str, Kind); 8] = [
    ("instanceId", Kind::Instance),
    ("userName", Kind::User),
    ("roleName", Kind::Role),
    ("groupName", Kind::Group),
    ("instanceProfileName", Kind::InstanceProfile),
    ("accessKeyId", Kind::AccessKey),
    ("policyArn", Kind::Policy),
    ("roleArn", Kind::Role),
];

/// What calls make, and where the answer names it: by an ARN or an id where there is one.
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

/// Calls that give out keys for a session.
const GIVING: [&str; 6] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "GetSessionToken",
    "GetFederationToken",
];

/// Calls that run commands on an instance, or let somebody in.
const REACHING: [&str; 4] = [
    "SendCommand",
    "StartSession",
    "SendSSHPublicKey",
    "SendSerialConsoleSSHPublicKey",
];

impl Traces {
    /// Of an event.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        let action = event.text("event.action").unwrap_or_default();
        let is_success = event.text("event.outcome").as_deref() == Some("success");
        let mut traces = Self {
            actors: actors(event),
            ..Self::default()
        };
        let account = event
            .text("aws.cloudtrail.recipient_account_id")
            .or_else(|| event.text("cloud.account.id"))
            .unwrap_or_default();
        traces.on(event, &account);
        if is_success {
            traces.made(event, &action, &account);
            if GIVING.contains(&&*action) {
                traces.given(event);
            }
            if REACHING.contains(&&*action) {
                let request = event.text("aws.cloudtrail.request_parameters");
                traces.instances(request, |traces| &mut traces.given);
            }
        }
        traces
    }

    fn on(&mut self, event: &Event<'_>, account: &str) {
        for (name, kind) in PARAMETERS {
            let Some(value) = event.request_parameter(name).filter(|v| !v.is_empty()) else {
                continue;
            };
            let entity = match kind {
                Kind::AccessKey | Kind::Policy | Kind::Instance => {
                    Some(Entity::by_name(kind, &value))
                }
                _ if name.ends_with("Arn") => Entity::of_arn(&value),
                _ => Some(Entity::in_account(kind, account, &value)),
            };
            self.on.extend(entity);
        }
    }

    fn made(&mut self, event: &Event<'_>, action: &str, account: &str) {
        if action == "RunInstances" {
            let answer = event.text("aws.cloudtrail.response_elements");
            self.instances(answer, |traces| &mut traces.made);
        }
        let Some((_, kind, path)) = MADE.iter().find(|(name, ..)| *name == action) else {
            return;
        };
        let answered = event.response_element(path);
        let of_answer = answered.and_then(|value| match kind {
            Kind::AccessKey => Some(Entity::by_name(*kind, &value)),
            Kind::LoginProfile => Some(Entity::in_account(*kind, account, &value)),
            _ => Entity::of_arn(&value),
        });
        // Without an answer in the record the request has the name.
        let of_request = || {
            let mut on = self.on.iter();
            let named = match kind {
                Kind::LoginProfile => on.find(|one| one.kind == Kind::User),
                _ => on.find(|one| one.kind == *kind),
            };
            named.map(|one| Entity {
                kind: *kind,
                ..one.clone()
            })
        };
        let made = of_answer.or_else(of_request);
        self.made.extend(made);
    }

    /// The instances in a text.
    fn instances(&mut self, text: Option<String>, part: fn(&mut Self) -> &mut Vec<Entity>) {
        let text = text.unwrap_or_default();
        for id in instance_ids(&text) {
            let instance = Entity::by_name(Kind::Instance, id);
            if !part(self).contains(&instance) {
                part(self).push(instance);
            }
        }
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

    /// Takes in what a copy of the event names beside.
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

    /// All that are named.
    pub fn all(&self) -> impl Iterator<Item = &Entity> {
        let parts = [&self.actors, &self.on, &self.made, &self.given];
        parts.into_iter().flatten()
    }
}

/// Who acted.
fn actors(event: &Event<'_>) -> Vec<Entity> {
    let identity = |name: &str| event.text(&format!("aws.cloudtrail.user_identity.{name}"));
    let mut actors = Vec::new();
    let kind = identity("type");
    let by_name = || {
        let name = event.text("user.name")?;
        let account = identity("account_id").or_else(|| event.text("cloud.account.id"))?;
        Some(Entity::in_account(Kind::User, &account, &name))
    };
    let arn = identity("arn");
    let named = arn.as_deref().and_then(Entity::of_arn);
    let is_user = kind.as_deref() == Some("IAMUser");
    actors.extend(named.or_else(|| by_name().filter(|_| is_user)));
    actors.extend(arn.as_deref().and_then(Entity::role_of_session));
    actors.extend(arn.as_deref().and_then(Entity::instance_of_session));
    let issuer = identity("session_context.session_issuer.arn");
    if let Some(issuer) = issuer.as_deref().and_then(Entity::of_arn)
        && !actors.contains(&issuer)
    {
        actors.push(issuer);
    }
    actors.extend(identity("access_key_id").map(|id| Entity::by_name(Kind::AccessKey, &id)));
    if kind.as_deref() == Some("AWSService") {
        let service = identity("invoked_by");
        actors.extend(service.map(|name| Entity::by_name(Kind::Service, &name)));
    }
    actors
}

/// The ids of instances in a text: `i-` and at least eight letters and digits.
fn instance_ids(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| {
        let id = word.strip_prefix("i-").unwrap_or_default();
        id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_told_by_their_ids() {
        let text = "{instancesSet={items=[{instanceId=i-0123456789abcdef0, imageId=ami-1}]}, targets=[i-01234567], x-i-0123456789}";
        let ids: Vec<&str> = instance_ids(text).collect();
        assert_eq!(ids, ["i-0123456789abcdef0", "i-01234567"]);
    }
}
