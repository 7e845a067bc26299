//! The group APIs: what is asked of the group coordinator, and what it answers.

mod consumer_group_describe;
mod consumer_group_heartbeat;
mod delete_groups;
mod describe_groups;
mod list_groups;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
#[cfg(test)]
mod tests;
