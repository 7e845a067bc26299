//! Topics to be removed, by name or, from v6 on, by id.
//!
//! Two shapes: a list of names up to v5, a list of structs from v6 on.
//! Schemas: `DeleteTopicsRequest.json`, `DeleteTopicsResponse.json`.

message! {
    request 20, versions 1..=6, flexible 4..;

    /// Topics to delete.
    pub struct DeleteTopicsRequest<'a> {
        topics: [DeleteTopicState<'a>] [6..],
        topic_names: [str] [..=5],
        timeout_ms: i32,
    }

    /// A topic by name or by id.
    pub struct DeleteTopicState<'a> {
        name: str nullable = None,
        topic_id: uuid,
    }
}

message! {
    response 20, versions 1..=6, flexible 4..;

    /// What became of each topic.
    pub struct DeleteTopicsResponse<'a> {
        throttle_time_ms: i32,
        responses: [DeletableTopicResult<'a>],
    }

    /// A deleted topic, or why it is still there.
    pub struct DeletableTopicResult<'a> {
        name: str nullable [6..],
        topic_id: uuid [6..],
        error_code: error,
        error_message: str [5..] nullable = None,
    }
}
