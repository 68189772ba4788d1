//! The values of a statement.

/// A key, its value, and their positions.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) key: String,
    pub(crate) key_at: usize,
    pub(crate) value: Value,
    pub(crate) at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Symbol(String),
    Bool(bool),
    Nil,
    Number(String),
}
