//! The calls that change what can be used or who may do what, with what each does: one table for all parts of a case.
//!
//! Sources: the API references of IAM, EC2 and Lambda. Calls that create entities are not here: an event names these.

use crate::follow::Kind;

/// What a call does to something that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::case) enum Effect {
    /// It gives a policy to an entity of this kind.
    Give(Kind),
    /// It takes a policy from an entity of this kind.
    Take(Kind),
    /// It removes an entity of this kind.
    Remove(Kind),
    /// It switches an entity of this kind off.
    Stop(Kind),
    /// It switches an entity of this kind on.
    Start(Kind),
    /// It sets whether a key is active.
    SetKey,
    /// It adds a user to a group.
    Join,
    /// It removes a user from a group.
    Leave,
    /// It replaces something in an entity of this kind.
    Change(Change, Kind),
    /// It lets others call a function.
    Permit,
    /// It takes that back.
    Forbid,
    /// It removes a function.
    RemoveFunction,
}

/// Something in an entity that a call replaces, whoever had set it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The policy of a role that says who may use it.
    Trust,
    /// The console password of a user.
    Password,
    /// The version of a policy that is in use, or a new version.
    Version,
    /// The status of a key: it was made active.
    Activation,
}

/// The calls, each with its effect.
const EFFECTS: [(&str, Effect); 37] = [
    ("AttachUserPolicy", Effect::Give(Kind::User)),
    ("AttachRolePolicy", Effect::Give(Kind::Role)),
    ("AttachGroupPolicy", Effect::Give(Kind::Group)),
    ("PutUserPolicy", Effect::Give(Kind::User)),
    ("PutRolePolicy", Effect::Give(Kind::Role)),
    ("PutGroupPolicy", Effect::Give(Kind::Group)),
    ("DetachUserPolicy", Effect::Take(Kind::User)),
    ("DetachRolePolicy", Effect::Take(Kind::Role)),
    ("DetachGroupPolicy", Effect::Take(Kind::Group)),
    ("DeleteUserPolicy", Effect::Take(Kind::User)),
    ("DeleteRolePolicy", Effect::Take(Kind::Role)),
    ("DeleteGroupPolicy", Effect::Take(Kind::Group)),
    ("DeleteUser", Effect::Remove(Kind::User)),
    ("DeleteAccessKey", Effect::Remove(Kind::AccessKey)),
    ("DeleteLoginProfile", Effect::Remove(Kind::LoginProfile)),
    ("DeleteRole", Effect::Remove(Kind::Role)),
    ("DeletePolicy", Effect::Remove(Kind::Policy)),
    ("DeleteGroup", Effect::Remove(Kind::Group)),
    (
        "DeleteInstanceProfile",
        Effect::Remove(Kind::InstanceProfile),
    ),
    ("TerminateInstances", Effect::Remove(Kind::Instance)),
    ("StopInstances", Effect::Stop(Kind::Instance)),
    ("StartInstances", Effect::Start(Kind::Instance)),
    ("UpdateAccessKey", Effect::SetKey),
    ("AddUserToGroup", Effect::Join),
    ("RemoveUserFromGroup", Effect::Leave),
    (
        "UpdateAssumeRolePolicy",
        Effect::Change(Change::Trust, Kind::Role),
    ),
    (
        "UpdateLoginProfile",
        Effect::Change(Change::Password, Kind::User),
    ),
    (
        "CreatePolicyVersion",
        Effect::Change(Change::Version, Kind::Policy),
    ),
    (
        "SetDefaultPolicyVersion",
        Effect::Change(Change::Version, Kind::Policy),
    ),
    // Lambda's names of calls end with the version of its API.
    ("AddPermission", Effect::Permit),
    ("AddPermission20150331", Effect::Permit),
    ("AddPermission20150331v2", Effect::Permit),
    ("RemovePermission", Effect::Forbid),
    ("RemovePermission20150331", Effect::Forbid),
    ("RemovePermission20150331v2", Effect::Forbid),
    ("DeleteFunction", Effect::RemoveFunction),
    ("DeleteFunction20150331", Effect::RemoveFunction),
];

/// Returns what a call does, if it is one of these.
pub(in crate::case) fn effect(call: &str) -> Option<Effect> {
    let found = EFFECTS.iter().find(|(name, _)| *name == call);
    found.map(|(_, effect)| *effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_in_the_table_once() {
        for (n, (name, _)) in EFFECTS.iter().enumerate() {
            let others = &EFFECTS[..n];
            assert!(others.iter().all(|(other, _)| other != name), "{name}");
            assert!(effect(name).is_some());
        }
        assert_eq!(effect("ListUsers"), None);
    }
}
