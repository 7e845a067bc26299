//! wire
pub mod records;
