//! How a typed accessor of the broker's configuration takes its value. Pure.

use super::value::Value;

/// A type that an accessor gives.
pub(super) trait Scalar: Sized {
    /// The value, if it is of this type.
    fn from_value(value: &Value) -> Option<Self>;
}

impl Scalar for bool {
    fn from_value(value: &Value) -> Option<bool> {
        if let Value::Boolean(value) = value { Some(*value) } else { None }
    }
}

impl Scalar for f64 {
    fn from_value(value: &Value) -> Option<f64> {
        if let Value::Double(value) = value { Some(*value) } else { None }
    }
}

impl Scalar for i32 {
    fn from_value(value: &Value) -> Option<i32> {
        if let Value::Int(value) = value { Some(*value) } else { None }
    }
}

impl Scalar for i64 {
    fn from_value(value: &Value) -> Option<i64> {
        if let Value::Long(value) = value { Some(*value) } else { None }
    }
}
