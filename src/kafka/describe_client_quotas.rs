//! DescribeClientQuotas (PROTOCOL 16; Kafka's `ClientQuotasImage`): the quotas that the metadata
//! names. Nothing here sets one or acts upon one; a Kafka may have left some.

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::catalog::{ApiError, Image};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntityData,
    EntryData, ValueData,
};

const USER: &str = "user";
const CLIENT_ID: &str = "client-id";
const IP: &str = "ip";

/// What is asked of one type of entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted<'a> {
    /// This name, or with `None` the default.
    Name(Option<&'a str>),
    /// Whatever name it has.
    Any,
}

/// Entity types and what is asked of them; each type once.
type Filter<'a> = Vec<(&'a str, Wanted<'a>)>;
/// The quotas of one entity.
type Entry<'i> = (Vec<EntityData<'i>>, Vec<ValueData<'i>>);

/// Answers the request.
///
/// # Errors
/// When the body cannot be read.
pub fn handle(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: DescribeClientQuotasRequest<'_> = decode(call, body)?;
    let filter = match filter(request.components) {
        Ok(filter) => filter,
        Err(why) => {
            let response = DescribeClientQuotasResponse {
                error_code: why.code,
                error_message: why.message.as_deref(),
                entries: None,
                ..Default::default()
            };
            respond(call, &response, out);
            return Ok(());
        }
    };
    let image = shared.image();
    let found = matching(&image, &filter, request.strict);
    let mut entries = Vec::with_capacity(found.len());
    for (entity, values) in &found {
        entries.push(EntryData { entity: Array::from(entity), values: Array::from(values) });
    }
    let response =
        DescribeClientQuotasResponse { entries: Some(Array::from(&entries)), ..Default::default() };
    respond(call, &response, out);
    Ok(())
}

/// The filter that the components are, checked as Kafka checks them: one after the other.
fn filter<'a>(components: Array<'a, ComponentData<'a>>) -> Result<Filter<'a>, ApiError> {
    let invalid = |message: String| ApiError::new(ErrorCode::INVALID_REQUEST, message);
    let mut filter = Filter::new();
    for component in components.iter() {
        let kind = component.entity_type;
        if kind.is_empty() {
            return Err(invalid("Invalid empty entity type.".into()));
        }
        if filter.iter().any(|(known, _)| *known == kind) {
            let message = format!("Entity type {kind} cannot appear more than once in the filter.");
            return Err(invalid(message));
        }
        if ![IP, USER, CLIENT_ID].contains(&kind) {
            let message = format!("Unsupported entity type {kind}");
            return Err(ApiError::new(ErrorCode::UNSUPPORTED_VERSION, message));
        }
        filter.push((kind, wanted(&component).map_err(invalid)?));
    }
    let has = |kind| filter.iter().any(|(known, _)| *known == kind);
    if has(IP) && (has(USER) || has(CLIENT_ID)) {
        return Err(invalid(
            "Invalid entity filter component combination. IP filter component should not be used \
             with user or clientId filter component."
                .into(),
        ));
    }
    assert!(filter.len() <= 2, "three types, and one of them stands alone");
    Ok(filter)
}

fn wanted<'a>(component: &ComponentData<'a>) -> Result<Wanted<'a>, String> {
    match (component.match_type, component.r#match) {
        (0, Some(name)) => Ok(Wanted::Name(Some(name))),
        (0, None) => {
            Err("Request specified MATCH_TYPE_EXACT, but set match string to null.".into())
        }
        (1, None) => Ok(Wanted::Name(None)),
        (1, Some(_)) => {
            Err("Request specified MATCH_TYPE_DEFAULT, but also specified a match string.".into())
        }
        (2, None) => Ok(Wanted::Any),
        (2, Some(_)) => {
            Err("Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.".into())
        }
        (other, _) => Err(format!("Unknown match type {other}")),
    }
}

/// The quotas of all entities that the filter lets through, entity by entity.
fn matching<'i>(image: &'i Image, filter: &Filter<'_>, strict: bool) -> Vec<Entry<'i>> {
    let mut found: Vec<Entry<'i>> = Vec::new();
    for quota in image.quotas() {
        let part = |part: crate::wire::metadata_records::EntityData<'i>| EntityData {
            entity_type: part.entity_type,
            entity_name: part.entity_name,
        };
        let entity: Vec<EntityData<'i>> = quota.entity.iter().map(part).collect();
        if !matches(&entity, filter, strict) {
            continue;
        }
        let value = ValueData { key: quota.key, value: quota.value };
        match found.last_mut() {
            // Those of one entity stand beside each other.
            Some((last, values)) if *last == entity => values.push(value),
            _ => found.push((entity, vec![value])),
        }
    }
    found
}

fn matches(entity: &[EntityData<'_>], filter: &Filter<'_>, strict: bool) -> bool {
    let has = |(kind, wanted): &(&str, Wanted<'_>)| {
        let part = entity.iter().find(|part| part.entity_type == *kind);
        part.is_some_and(|part| match wanted {
            Wanted::Name(name) => part.entity_name == *name,
            Wanted::Any => true,
        })
    };
    filter.iter().all(has) && (!strict || entity.len() == filter.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity<'a>(parts: &[(&'a str, Option<&'a str>)]) -> Vec<EntityData<'a>> {
        let part = |&(entity_type, entity_name): &_| EntityData { entity_type, entity_name };
        parts.iter().map(part).collect()
    }

    #[test]
    fn a_filter_lets_through_what_has_all_that_it_names() {
        let alice = entity(&[(USER, Some("alice"))]);
        let default = entity(&[(USER, None)]);
        let both = entity(&[(CLIENT_ID, Some("c")), (USER, Some("alice"))]);
        let let_through = |filter: Filter<'_>, strict| {
            [&alice, &default, &both].map(|entity| matches(entity, &filter, strict))
        };
        assert_eq!(let_through(vec![], false), [true; 3]);
        assert_eq!(let_through(vec![], true), [false; 3]);
        let named = vec![(USER, Wanted::Name(Some("alice")))];
        assert_eq!(let_through(named.clone(), false), [true, false, true]);
        assert_eq!(let_through(named, true), [true, false, false]);
        assert_eq!(let_through(vec![(USER, Wanted::Name(None))], false), [false, true, false]);
        assert_eq!(let_through(vec![(USER, Wanted::Any)], true), [true, true, false]);
        let pair = vec![(USER, Wanted::Any), (CLIENT_ID, Wanted::Name(Some("c")))];
        assert_eq!(let_through(pair, true), [false, false, true]);
        assert_eq!(let_through(vec![(IP, Wanted::Any)], false), [false; 3]);
    }
}
