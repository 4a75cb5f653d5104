//! The things that a call touched: what it acted on, what it used for that, and what it made.

use std::cmp::Ordering;

/// The role of a thing in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetRole {
    /// The call acted on it.
    On,
    /// The call used it: a policy that is attached, a role that is passed, a group that a user is added to, an account
    /// that something is shared with.
    With,
    /// The call made it.
    Made,
}

/// The kind of data that a call touched: it read, copied, shared, changed or removed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Data {
    /// A secret of Secrets Manager.
    Secret,
    /// A parameter of Systems Manager.
    Parameter,
    /// A bucket, or an object in it.
    Bucket,
    /// A snapshot, an image or a volume.
    Disk,
    /// A database, a table, or a snapshot of one.
    Database,
    /// A queue.
    Queue,
    /// The code of a function, or a container image.
    Code,
}

impl TargetRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::On, Self::With, Self::Made];

    /// Returns the role with a name in outputs.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Returns its name in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::With => "with",
            Self::Made => "made",
        }
    }
}

impl Data {
    /// All kinds of data.
    pub const ALL: [Self; 7] = [
        Self::Secret,
        Self::Parameter,
        Self::Bucket,
        Self::Disk,
        Self::Database,
        Self::Queue,
        Self::Code,
    ];

    /// Returns the kind of data with a name in outputs.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Returns its name in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Parameter => "parameter",
            Self::Bucket => "bucket",
            Self::Disk => "disk",
            Self::Database => "database",
            Self::Queue => "queue",
            Self::Code => "code",
        }
    }
}

/// A thing that a call touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its role in the call.
    pub role: TargetRole,
    /// Its kind, in lower case, with underscores between words: `secret`, `db_snapshot`.
    pub kind: String,
    /// The account that its name belongs to; empty if the name is unique without an account, or if it is not known.
    pub account: String,
    /// Its name, as the log has it: cut if it is long, and not trusted.
    pub name: String,
    /// The data in it that the call touched. Nothing if the call failed.
    pub data: Option<Data>,
}

/// All things that a call touched, as far as its record names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// The first things of each role, each once.
    pub targets: Vec<Target>,
    /// The number of further things, which are left out.
    pub n_left_out: u64,
}

impl Touched {
    /// Returns the things with a role.
    pub fn with_role(&self, role: TargetRole) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(move |one| one.role == role)
    }

    /// Replaces the content by that of a copy of the event that names more. Copies in other schemas may have less. The
    /// result does not depend on the order of the copies.
    pub fn join(&mut self, other: &Self) {
        let n = |touched: &Self| touched.targets.len() as u64 + touched.n_left_out;
        let order = n(other).cmp(&n(self));
        if order.then_with(|| other.targets.cmp(&self.targets)) == Ordering::Greater {
            *self = other.clone();
        }
    }

    /// Returns the size in memory, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let texts = |one: &Target| one.kind.len() + one.account.len() + one.name.len();
        let sizes = self
            .targets
            .iter()
            .map(|one| size_of::<Target>() + texts(one));
        sizes.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(names: &[&str], n_left_out: u64) -> Touched {
        let targets = names.iter().map(|name| Target {
            role: TargetRole::On,
            kind: "secret".to_owned(),
            account: String::new(),
            name: (*name).to_owned(),
            data: None,
        });
        Touched {
            targets: targets.collect(),
            n_left_out,
        }
    }

    #[test]
    fn the_copy_that_names_more_counts_in_any_order() {
        let copies = [
            touched(&[], 0),
            touched(&["a"], 0),
            touched(&["b"], 0),
            touched(&["a"], 7),
            touched(&["a", "b"], 0),
        ];
        for reversed in [false, true] {
            let mut order: Vec<&Touched> = copies.iter().collect();
            if reversed {
                order.reverse();
            }
            let mut joined = Touched::default();
            order.into_iter().for_each(|one| joined.join(one));
            assert_eq!(joined, copies[3]);
        }
        let mut joined = copies[1].clone();
        joined.join(&copies[2]);
        assert_eq!(joined, copies[2]);
    }

    #[test]
    fn names_in_outputs_are_read_back() {
        for role in TargetRole::ALL {
            assert_eq!(TargetRole::from_name(role.name()), Some(role));
        }
        for data in Data::ALL {
            assert_eq!(Data::from_name(data.name()), Some(data));
        }
        assert_eq!(Data::from_name(""), None);
    }
}
