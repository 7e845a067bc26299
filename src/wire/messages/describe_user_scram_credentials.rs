//! SCRAM credentials, looked up: which there are, not what they are.
//!
//! KIP-554.
//! Schemas: `DescribeUserScramCredentialsRequest.json`, `DescribeUserScramCredentialsResponse.json`.

message! {
    request 50, versions 0..=0, flexible 0..;

    /// Asks about users; null or none for all.
    pub struct DescribeUserScramCredentialsRequest<'a> {
        users: [UserName<'a>] nullable,
    }

    /// One user.
    pub struct UserName<'a> {
        name: str,
    }
}

message! {
    response 50, versions 0..=0, flexible 0..;

    /// The users.
    pub struct DescribeUserScramCredentialsResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        error_message: str nullable,
        results: [DescribeUserScramCredentialsResult<'a>],
    }

    /// The credentials of one user.
    pub struct DescribeUserScramCredentialsResult<'a> {
        user: str,
        error_code: error,
        error_message: str nullable,
        credential_infos: [CredentialInfo],
    }

    /// What may be told of one.
    pub struct CredentialInfo {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8,
        iterations: i32,
    }
}
