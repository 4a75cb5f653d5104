//! Entities that a log names.

use schemars::JsonSchema;
use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

/// The kind of an entity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An IAM user, by its name in its account.
    User,
    /// An access key, by its id. This includes the keys of sessions.
    AccessKey,
    /// A session of a role or of a federated user, by its ARN.
    Session,
    /// The actions in the console that belong to a session, by the session's ARN. The console uses its own keys for
    /// them.
    ConsoleSession,
    /// A role, by its name in its account.
    Role,
    /// A user's console password, by the user.
    LoginProfile,
    /// A managed policy, by its ARN.
    Policy,
    /// A group, by its name in its account.
    Group,
    /// An instance profile, by its name in its account.
    InstanceProfile,
    /// An EC2 instance, by its id.
    Instance,
    /// The root user of an account.
    Root,
    /// An AWS service, by its name.
    Service,
    /// A principal for which the log gives only an id, by that id.
    Principal,
}

impl Kind {
    /// Returns its name in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::AccessKey => "access_key",
            Self::Session => "session",
            Self::ConsoleSession => "console_session",
            Self::Role => "role",
            Self::LoginProfile => "login_profile",
            Self::Policy => "policy",
            Self::Group => "group",
            Self::InstanceProfile => "instance_profile",
            Self::Instance => "instance",
            Self::Root => "root",
            Self::Service => "service",
            Self::Principal => "principal",
        }
    }

    /// Returns the kind with a name in outputs.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(name).ok() // a name that no version of the program used is not a kind
    }
}

/// An entity that a log names.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Entity {
    /// The kind of the entity.
    pub kind: Kind,
    /// The account that its name belongs to; empty if the name is unique without an account.
    #[serde(rename = "account_id")]
    pub account: String,
    /// Its name.
    pub name: String,
}

impl Entity {
    /// Creates an entity with its name in an account.
    #[must_use]
    pub fn in_account(kind: Kind, account: &str, name: &str) -> Self {
        Self {
            kind,
            account: account.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Creates an entity whose name is unique without an account.
    #[must_use]
    pub fn by_name(kind: Kind, name: &str) -> Self {
        Self::in_account(kind, "", name)
    }

    /// Returns the entity that an ARN of IAM or STS names; for a session this is the session, not its role.
    #[must_use]
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (_, _, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, path) = resource.split_once('/').unwrap_or((resource, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        let kind = match (service, kind) {
            ("iam", "root") => return Some(Self::in_account(Kind::Root, account, "root")),
            ("iam", "user") => Kind::User,
            ("iam", "role") => Kind::Role,
            ("iam", "group") => Kind::Group,
            ("iam", "instance-profile") => Kind::InstanceProfile,
            ("iam", "policy") => return Some(Self::by_name(Kind::Policy, arn)),
            ("sts", "assumed-role" | "federated-user") => {
                return Some(Self::by_name(Kind::Session, arn));
            }
            _ => return None,
        };
        (!name.is_empty()).then(|| Self::in_account(kind, account, name))
    }

    /// Returns the console session that belongs to a session's ARN.
    #[must_use]
    pub fn console_session(arn: &str) -> Option<Self> {
        let session = Self::of_arn(arn).filter(|one| one.kind == Kind::Session)?;
        Some(Self {
            kind: Kind::ConsoleSession,
            ..session
        })
    }

    /// Returns the role in a session's ARN.
    #[must_use]
    pub fn role_of_session(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(4);
        let (account, resource) = (parts.next()?, parts.next()?);
        let role = resource.strip_prefix("assumed-role/")?.split('/').next()?;
        Some(Self::in_account(Kind::Role, account, role))
    }

    /// Returns the EC2 instance whose own session this ARN names. AWS names such a session after the instance.
    #[must_use]
    pub fn instance_of_session(arn: &str) -> Option<Self> {
        let (session, name) = arn.rsplit_once('/')?;
        let is_instance = session.contains(":assumed-role/") && name.starts_with("i-");
        is_instance.then(|| Self::by_name(Kind::Instance, name))
    }

    /// Returns whether an investigation that knows this entity searches for its actions, or for what was done to it.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        match self.kind {
            Kind::User
            | Kind::AccessKey
            | Kind::ConsoleSession
            | Kind::Role
            | Kind::LoginProfile
            | Kind::Policy
            | Kind::Group
            | Kind::InstanceProfile
            | Kind::Instance => true,
            Kind::Session | Kind::Root | Kind::Service | Kind::Principal => false,
        }
    }

    /// Returns the text that is in each event in which the entity acts or is acted on.
    #[must_use]
    pub fn needle(&self) -> &str {
        match self.kind {
            // This is the name of the session or policy itself; the account before it is in each record.
            Kind::ConsoleSession | Kind::Policy => self.name.rsplit('/').next().unwrap_or_default(),
            _ => &self.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_thing_in_its_account() {
        for (arn, expected) in [
            (
                "arn:aws:iam::111122223333:user/alice",
                Some(Entity::in_account(Kind::User, "111122223333", "alice")),
            ),
            (
                "arn:aws-cn:iam::111122223333:user/a/path/alice",
                Some(Entity::in_account(Kind::User, "111122223333", "alice")),
            ),
            (
                "arn:aws:iam::111122223333:root",
                Some(Entity::in_account(Kind::Root, "111122223333", "root")),
            ),
            (
                "arn:aws:iam::aws:policy/X",
                Some(Entity::by_name(Kind::Policy, "arn:aws:iam::aws:policy/X")),
            ),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:iam::111122223333:user/", None),
            ("alice", None),
        ] {
            assert_eq!(Entity::of_arn(arn), expected, "{arn}");
        }
        let session = "arn:aws:sts::111122223333:assumed-role/ops/alice";
        assert_eq!(
            Entity::of_arn(session),
            Some(Entity::by_name(Kind::Session, session))
        );
        let role = Entity::in_account(Kind::Role, "111122223333", "ops");
        assert_eq!(Entity::role_of_session(session), Some(role));
    }
}
