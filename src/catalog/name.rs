//! Rules for topic names (Kafka's `Topic.validate` and `Topic.hasCollisionChars`).

use std::fmt;

/// The longest topic name, in bytes: with `-<partition>.<uuid>-delete` it must fit a file name.
pub const MAX_LEN: usize = 249;

/// The topic that holds the cluster's metadata; no client may create, write or delete it.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Names of topics that the broker writes itself (Kafka's `Topic.INTERNAL_TOPICS`).
pub const INTERNAL: [&str; 3] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Why a topic name is refused; its text is Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidName<'a> {
    /// The name has no characters.
    Empty,
    /// The name is `.` or `..`.
    Dots(&'a str),
    /// The name is longer than [`MAX_LEN`].
    TooLong(&'a str),
    /// The name has a character other than ASCII letters, digits, `.`, `_` and `-`.
    IllegalCharacter(&'a str),
}

impl fmt::Display for InvalidName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic name is invalid: ")?;
        match self {
            Self::Empty => write!(f, "the empty string is not allowed"),
            Self::Dots(name) => write!(f, "'{name}' is not allowed"),
            Self::TooLong(name) => {
                write!(f, "the length of '{name}' is longer than the max allowed length {MAX_LEN}")
            }
            Self::IllegalCharacter(name) => write!(
                f,
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            ),
        }
    }
}

/// Checks a topic name by Kafka's rules.
pub fn validate(name: &str) -> Result<(), InvalidName<'_>> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    match name {
        "" => Err(InvalidName::Empty),
        "." | ".." => Err(InvalidName::Dots(name)),
        _ if name.len() > MAX_LEN => Err(InvalidName::TooLong(name)),
        _ if !name.bytes().all(legal) => Err(InvalidName::IllegalCharacter(name)),
        _ => Ok(()),
    }
}

/// The form in which two names collide: `.` and `_` become one in metric names.
pub fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

/// Whether this is one of the topics that the broker keeps for itself.
pub fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_pass() {
        for name in ["a", "A.b_c-9", "...", &"x".repeat(MAX_LEN)] {
            assert_eq!(validate(name), Ok(()));
        }
    }

    #[test]
    fn each_rule_refuses_with_its_own_reason() {
        let long = "x".repeat(MAX_LEN + 1);
        assert_eq!(validate(""), Err(InvalidName::Empty));
        assert_eq!(validate("."), Err(InvalidName::Dots(".")));
        assert_eq!(validate(".."), Err(InvalidName::Dots("..")));
        assert_eq!(validate(&long), Err(InvalidName::TooLong(&long)));
        for bad in ["a b", "a/b", "ä", "a\0", "../x"] {
            assert_eq!(validate(bad), Err(InvalidName::IllegalCharacter(bad)));
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_key("a.b"), collision_key("a_b"));
        assert_ne!(collision_key("a.b"), collision_key("a-b"));
    }
}
