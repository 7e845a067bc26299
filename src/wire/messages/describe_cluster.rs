//! The brokers of the cluster, for admin clients.
//!
//! Endpoint types from v1: 1 brokers, 2 controllers (KIP-919); fenced brokers from v2.
//! Schemas: `DescribeClusterRequest.json`, `DescribeClusterResponse.json`.

message! {
    request 60, versions 0..=2, flexible 0..;

    /// Asks for the nodes of the cluster.
    pub struct DescribeClusterRequest {
        include_cluster_authorized_operations: bool,
        /// 1 brokers, 2 controllers.
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }
}

message! {
    response 60, versions 0..=2, flexible 0..;

    /// The nodes of the cluster.
    pub struct DescribeClusterResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        error_message: str nullable = None,
        endpoint_type: i8 [1..] = 1,
        cluster_id: str,
        controller_id: i32 = -1,
        brokers: [DescribeClusterBroker<'a>],
        cluster_authorized_operations: i32 = i32::MIN,
    }

    /// A node and where it listens.
    pub struct DescribeClusterBroker<'a> {
        broker_id: i32,
        host: str,
        port: i32,
        rack: str nullable = None,
        is_fenced: bool [2..],
    }
}
