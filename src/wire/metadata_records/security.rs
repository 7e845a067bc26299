//! Metadata records about ACLs, credentials and tokens.
//!
//! KIP-801, KIP-900.
//! Schemas: the files of the same names in Kafka's `metadata` module.

message! {
    metadata 18, versions 0..=0, flexible 0..;

    /// An ACL.
    pub struct AccessControlEntryRecord<'a> {
        id: uuid,
        resource_type: i8,
        resource_name: str,
        pattern_type: i8,
        principal: str,
        host: str,
        operation: i8,
        permission_type: i8,
    }
}

message! {
    metadata 19, versions 0..=0, flexible 0..;

    /// An ACL is gone.
    pub struct RemoveAccessControlEntryRecord {
        id: uuid,
    }
}

message! {
    metadata 11, versions 0..=0, flexible 0..;

    /// A SCRAM credential.
    pub struct UserScramCredentialRecord<'a> {
        name: str,
        mechanism: i8,
        salt: bytes,
        stored_key: bytes,
        server_key: bytes,
        iterations: i32,
    }
}

message! {
    metadata 22, versions 0..=0, flexible 0..;

    /// A SCRAM credential is gone.
    pub struct RemoveUserScramCredentialRecord<'a> {
        name: str,
        mechanism: i8,
    }
}

message! {
    metadata 10, versions 0..=0, flexible 0..;

    /// A delegation token.
    pub struct DelegationTokenRecord<'a> {
        owner: str,
        requester: str,
        renewers: [str],
        issue_timestamp: i64,
        max_timestamp: i64,
        expiration_timestamp: i64,
        token_id: str,
    }
}

message! {
    metadata 26, versions 0..=0, flexible 0..;

    /// A delegation token is gone.
    pub struct RemoveDelegationTokenRecord<'a> {
        token_id: str,
    }
}
