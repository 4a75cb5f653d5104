//! What kind of event an action is, for Elastic.

use std::collections::HashMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("categories.txt");

/// The categories and types of an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kind {
    category: Option<&'static str>,
    /// With spaces between them.
    types: &'static str,
}

impl Kind {
    pub(super) fn category(self) -> Option<&'static str> {
        self.category
    }

    pub(super) fn types(self) -> impl Iterator<Item = &'static str> {
        self.types.split(' ').filter(|name| *name != "-")
    }
}

static KINDS: LazyLock<HashMap<&str, Kind>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let mut kinds = HashMap::new();
    for line in lines {
        let mut columns = line.splitn(3, " | ");
        let category = columns.next();
        let types = columns.next().unwrap_or_default();
        let actions = columns.next().unwrap_or_default().split(' ');
        kinds.extend(actions.map(|action| (action, Kind { category, types })));
    }
    kinds
});

/// Returns the kind of an action. Actions that are not in the table have no category.
pub(super) fn kind_of(action: &str) -> Kind {
    let other = Kind {
        category: None,
        types: "info",
    };
    KINDS.get(action).copied().unwrap_or(other)
}

/// Returns the category of an action, if it has one.
pub(crate) fn category_of(action: &str) -> Option<&'static str> {
    kind_of(action).category()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_the_kind_of_the_table_or_none() {
        let kind = |action| {
            let kind = kind_of(action);
            (kind.category(), kind.types().collect::<Vec<_>>())
        };
        assert_eq!(kind("CreateUser"), (Some("iam"), vec!["user", "creation"]));
        assert_eq!(kind("PutObject"), (Some("file"), vec!["change"]));
        assert_eq!(kind("Publish"), (Some("api"), vec![]));
        assert_eq!(kind("CreateRole"), (None, vec!["info"]));
        assert_eq!(kind("-"), (None, vec!["info"]));
        assert_eq!(KINDS.len(), 91);
    }
}
