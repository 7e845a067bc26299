//! A producer id and epoch, for idempotent and transactional producers.
//!
//! v6 (two-phase commit, KIP-939) is not stable.
//! Schemas: `InitProducerIdRequest.json`, `InitProducerIdResponse.json`.

message! {
    request 22, versions 0..=6, flexible 2..;

    /// Asks for a producer id, or for the next epoch of one.
    pub struct InitProducerIdRequest<'a> {
        transactional_id: str nullable,
        transaction_timeout_ms: i32,
        /// -1 unless the epoch of a known producer is to be bumped.
        producer_id: i64 [3..] = -1,
        producer_epoch: i16 [3..] = -1,
        enable2_pc: bool [6..],
        keep_prepared_txn: bool [6..],
    }
}

message! {
    response 22, versions 0..=6, flexible 2..;

    /// The producer id and its epoch.
    pub struct InitProducerIdResponse {
        throttle_time_ms: i32,
        error_code: error,
        producer_id: i64 = -1,
        producer_epoch: i16,
        ongoing_txn_producer_id: i64 [6..] = -1,
        ongoing_txn_producer_epoch: i16 [6..] = -1,
    }
}
