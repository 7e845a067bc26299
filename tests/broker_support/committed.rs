//! Committed offsets and what administrators see of groups, as one-liners.

use super::Client;
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use barnabas::wire::messages::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use barnabas::wire::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};
use barnabas::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use barnabas::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
};

/// A committed offset: topic, partition, offset, metadata.
pub type OffsetInfo = (String, i32, i64, String);

impl Client {
    /// Commits as nobody's member; gives the error of each partition.
    pub fn commit_offsets(
        &mut self,
        group: &str,
        topic: &str,
        offsets: &[(i32, i64, &str)],
    ) -> Vec<ErrorCode> {
        let request = OffsetCommitRequest { group_id: group, ..Default::default() };
        self.commit_as(9, &request, topic, offsets)
    }

    pub fn commit_as(
        &mut self,
        version: i16,
        request: &OffsetCommitRequest<'_>,
        topic: &str,
        offsets: &[(i32, i64, &str)],
    ) -> Vec<ErrorCode> {
        let partitions: Vec<_> = offsets
            .iter()
            .map(|(partition_index, committed_offset, metadata)| OffsetCommitRequestPartition {
                partition_index: *partition_index,
                committed_offset: *committed_offset,
                committed_metadata: Some(metadata),
                ..Default::default()
            })
            .collect();
        let topic_id =
            if version >= 10 { self.cluster().topics[topic].id } else { Default::default() };
        let topics = [OffsetCommitRequestTopic {
            name: topic,
            topic_id,
            partitions: Array::from(&partitions),
        }];
        let answer =
            self.call(version, &OffsetCommitRequest { topics: Array::from(&topics), ..*request });
        let response: OffsetCommitResponse<'_> = answer.read();
        let partitions = response.topics.iter().flat_map(|topic| topic.partitions.iter());
        partitions.map(|one| one.error_code).collect()
    }

    /// All offsets of a group, in order.
    pub fn committed_offsets(&mut self, group: &str) -> Vec<OffsetInfo> {
        let groups =
            [OffsetFetchRequestGroup { group_id: group, topics: None, ..Default::default() }];
        let request = OffsetFetchRequest { groups: Array::from(&groups), ..Default::default() };
        let answer = self.call(8, &request);
        let response: OffsetFetchResponse<'_> = answer.read();
        let group = response.groups.iter().next().unwrap();
        assert_eq!(group.error_code, ErrorCode::NONE);
        let mut all = Vec::new();
        for topic in group.topics {
            for one in topic.partitions {
                assert_eq!(one.error_code, ErrorCode::NONE);
                let metadata = one.metadata.unwrap_or_default().to_owned();
                let (index, offset) = (one.partition_index, one.committed_offset);
                all.push((topic.name.to_owned(), index, offset, metadata));
            }
        }
        all.sort();
        all
    }

    /// Names and states of all groups, in order; or why they are not told.
    pub fn list_groups(&mut self) -> Result<Vec<(String, String)>, ErrorCode> {
        let answer = self.call(5, &ListGroupsRequest::default());
        let response: ListGroupsResponse<'_> = answer.read();
        if response.error_code != ErrorCode::NONE {
            return Err(response.error_code);
        }
        let listed = response.groups.iter();
        let mut groups: Vec<_> =
            listed.map(|group| (group.group_id.to_owned(), group.group_state.to_owned())).collect();
        groups.sort();
        Ok(groups)
    }

    /// Error and state of a classic group.
    pub fn describe_group(&mut self, group: &str) -> (ErrorCode, String) {
        let groups = [group];
        let request = DescribeGroupsRequest { groups: Array::from(&groups), ..Default::default() };
        let answer = self.call(6, &request);
        let response: DescribeGroupsResponse<'_> = answer.read();
        let group = response.groups.iter().next().unwrap();
        (group.error_code, group.group_state.to_owned())
    }

    pub fn delete_groups(&mut self, groups: &[&str]) -> Vec<ErrorCode> {
        let answer = self.call(2, &DeleteGroupsRequest { groups_names: Array::from(groups) });
        let response: DeleteGroupsResponse<'_> = answer.read();
        response.results.iter().map(|result| result.error_code).collect()
    }
}
