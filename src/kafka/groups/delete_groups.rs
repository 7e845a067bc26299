//! DeleteGroups (PROTOCOL 5.2): the answer's body.

use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::delete_groups::{DeletableGroupResult, DeleteGroupsResponse};

/// Writes the body of the answer: what became of each group.
pub(super) fn write(results: &[(&str, ErrorCode)], version: i16, out: &mut Writer) {
    let results: Vec<_> = results
        .iter()
        .map(|(group_id, error_code)| DeletableGroupResult { group_id, error_code: *error_code })
        .collect();
    let results = Array::from(&results);
    DeleteGroupsResponse { throttle_time_ms: 0, results }.encode(out, version);
}
