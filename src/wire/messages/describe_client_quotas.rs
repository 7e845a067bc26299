//! Quotas, looked up.
//!
//! KIP-546.
//! Schemas: `DescribeClientQuotasRequest.json`, `DescribeClientQuotasResponse.json`.

message! {
    request 48, versions 0..=1, flexible 1..;

    /// Asks for the quotas of the entities that all components let through.
    pub struct DescribeClientQuotasRequest<'a> {
        components: [ComponentData<'a>],
        /// Leaves out entities with types that no component names.
        strict: bool,
    }

    /// What is asked of one type of entity.
    pub struct ComponentData<'a> {
        entity_type: str,
        /// 0 this name, 1 the default, 2 any name.
        match_type: i8,
        r#match: str nullable,
    }
}

message! {
    response 48, versions 0..=1, flexible 1..;

    /// The quotas.
    pub struct DescribeClientQuotasResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        error_message: str nullable,
        entries: [EntryData<'a>] nullable,
    }

    /// The quotas of one entity.
    pub struct EntryData<'a> {
        entity: [EntityData<'a>],
        values: [ValueData<'a>],
    }

    /// A part of what they apply to; a null is the default.
    pub struct EntityData<'a> {
        entity_type: str,
        entity_name: str nullable,
    }

    /// One quota.
    pub struct ValueData<'a> {
        key: str,
        value: f64,
    }
}
