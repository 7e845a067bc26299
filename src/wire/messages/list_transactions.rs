//! Transactions that a coordinator knows.
//!
//! KIP-664, KIP-994, KIP-1152.
//! Schemas: `ListTransactionsRequest.json`, `ListTransactionsResponse.json`.

message! {
    request 66, versions 0..=2, flexible 0..;

    /// Asks for transactions; an empty filter lets all through.
    pub struct ListTransactionsRequest<'a> {
        state_filters: [str],
        producer_id_filters: [i64],
        duration_filter: i64 [1..] = -1,
        transactional_id_pattern: str [2..] nullable = None,
    }
}

message! {
    response 66, versions 0..=2, flexible 0..;

    /// The transactions.
    pub struct ListTransactionsResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        unknown_state_filters: [str],
        transaction_states: [TransactionState<'a>],
    }

    /// One of them.
    pub struct TransactionState<'a> {
        transactional_id: str,
        producer_id: i64,
        transaction_state: str,
    }
}
