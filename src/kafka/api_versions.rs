//! ApiVersions (PROTOCOL 2.5): what is served, in which versions.
//!
//! Any version is answered; one that we do not know gets the body of v0 with UNSUPPORTED_VERSION and
//! only its own entry, so that the client can ask again.

use super::apis::{self, SERVED};
use super::call::{Call, begin, finish, respond};
use crate::broker::Shared;
use crate::catalog::SUPPORTED_FEATURES;
use crate::wire::api::ApiKey;
use crate::wire::codec::{Array, Message, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};

/// Clients of this version read a feature whose lowest supported level is 0.
const READS_LEVEL_ZERO: i16 = 4;

/// Answers the request, whatever it holds; name and version of the client's software, if it tells them.
pub fn handle<'r>(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'r>,
    out: &mut Writer,
) -> Option<(&'r str, &'r str)> {
    if !apis::serves(ApiKey::ApiVersions, call.version()) {
        let own = [entry(ApiKey::ApiVersions)];
        fail(call, 0, ErrorCode::UNSUPPORTED_VERSION, &own, out);
        return None;
    }
    match ApiVersionsRequest::decode(body, call.version()) {
        Ok(request) if call.version() < 3 || is_valid(&request) => {
            answer(shared, call, out);
            let software = (request.client_software_name, request.client_software_version);
            (call.version() >= 3).then_some(software)
        }
        _ => {
            fail(call, call.version(), ErrorCode::INVALID_REQUEST, &[], out);
            None
        }
    }
}

fn answer(shared: &Shared, call: &Call<'_>, out: &mut Writer) {
    let keys: Vec<ApiVersion> = SERVED.iter().map(|api| entry(api.key)).collect();
    // Older clients cannot read a feature whose lowest level is 0 (KAFKA-17492).
    let readable = |least: i16| least != 0 || call.version() >= READS_LEVEL_ZERO;
    let supported: Vec<SupportedFeatureKey<'_>> = SUPPORTED_FEATURES
        .into_iter()
        .filter(|(_, least, _)| readable(*least))
        .map(|(name, min_version, max_version)| SupportedFeatureKey {
            name,
            min_version,
            max_version,
        })
        .collect();
    let image = shared.image();
    let levels: Vec<(&str, i16)> = SUPPORTED_FEATURES
        .iter()
        .filter_map(|(name, ..)| Some((*name, *image.features().get(*name)?)))
        .collect();
    // A client keeps the features of the highest one that it has seen.
    let finalized_features_epoch = shared.metadata_offset();
    drop(image);
    let finalized: Vec<FinalizedFeatureKey<'_>> = levels
        .iter()
        .map(|(name, level)| FinalizedFeatureKey {
            name,
            max_version_level: *level,
            min_version_level: *level,
        })
        .collect();
    let response = ApiVersionsResponse {
        api_keys: Array::from(&keys),
        supported_features: Array::from(&supported),
        finalized_features_epoch,
        finalized_features: Array::from(&finalized),
        ..Default::default()
    };
    respond(call, &response, out);
}

fn fail(call: &Call<'_>, version: i16, code: ErrorCode, keys: &[ApiVersion], out: &mut Writer) {
    let response =
        ApiVersionsResponse { error_code: code, api_keys: Array::from(keys), ..Default::default() };
    begin(ApiKey::ApiVersions, version, call.header.correlation_id, out);
    response.encode(out, version);
    finish(out);
}

fn entry(key: ApiKey) -> ApiVersion {
    ApiVersion {
        api_key: key as i16,
        min_version: apis::advertised_min(key),
        max_version: apis::advertised_max(key),
    }
}

/// Kafka's pattern `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?` on both names.
fn is_valid(request: &ApiVersionsRequest<'_>) -> bool {
    let name = |name: &str| {
        let ends = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.');
        inner && ends(name.bytes().next()) && ends(name.bytes().next_back())
    };
    name(request.client_software_name) && name(request.client_software_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_follow_the_pattern() {
        let valid = |name, version| {
            is_valid(&ApiVersionsRequest {
                client_software_name: name,
                client_software_version: version,
            })
        };
        assert!(valid("librdkafka", "2.15.0"));
        assert!(valid("a", "1"));
        assert!(!valid("", "1"));
        assert!(!valid("-a", "1") && !valid("a-", "1") && !valid("a", ".1") && !valid("a b", "1"));
    }
}
