//! DescribeUserScramCredentials (PROTOCOL 5.5; Kafka's `ScramImage`): who has credentials, by the
//! metadata. Nothing here makes one or asks for one; a Kafka may have left some.

use std::collections::BTreeMap;

use super::call::{Call, bounded, decode, respond};
use crate::broker::Shared;
use crate::catalog::Image;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_user_scram_credentials::{
    CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
};

type Row<'a> = (&'a str, Result<Vec<CredentialInfo>, (ErrorCode, String)>);

/// Answers the request.
///
/// # Errors
/// When the body cannot be read, or it names too many users.
pub fn handle(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: DescribeUserScramCredentialsRequest<'_> = decode(call, body)?;
    let users = request.users.unwrap_or_default();
    bounded(body, users.len())?;
    // How often each is named.
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    users.iter().for_each(|user| *named.entry(user.name).or_default() += 1);
    let image = shared.image();
    let known = credentials(&image);
    let rows: Vec<Row<'_>> = match named.is_empty() {
        true => known.iter().map(|(user, infos)| (*user, Ok(infos.clone()))).collect(),
        false => named.iter().map(|(user, times)| (*user, one(&known, user, *times))).collect(),
    };
    let results: Vec<DescribeUserScramCredentialsResult<'_>> = rows.iter().map(result).collect();
    respond(
        call,
        &DescribeUserScramCredentialsResponse {
            results: Array::from(&results),
            ..Default::default()
        },
        out,
    );
    Ok(())
}

/// Credentials by their users.
fn credentials(image: &Image) -> BTreeMap<&str, Vec<CredentialInfo>> {
    let mut known: BTreeMap<&str, Vec<CredentialInfo>> = BTreeMap::new();
    for it in image.scram_credentials() {
        let info = CredentialInfo { mechanism: it.mechanism, iterations: it.iterations };
        known.entry(it.name).or_default().push(info);
    }
    known
}

fn one(
    known: &BTreeMap<&str, Vec<CredentialInfo>>,
    user: &str,
    times: usize,
) -> Result<Vec<CredentialInfo>, (ErrorCode, String)> {
    let twice = "Cannot describe SCRAM credentials for the same user twice in a single request: ";
    let missing = "Attempt to describe a user credential that does not exist: ";
    if times > 1 {
        return Err((ErrorCode::DUPLICATE_RESOURCE, format!("{twice}{user}")));
    }
    let missing = || (ErrorCode::RESOURCE_NOT_FOUND, format!("{missing}{user}"));
    known.get(user).cloned().ok_or_else(missing)
}

fn result<'r>((user, row): &'r Row<'_>) -> DescribeUserScramCredentialsResult<'r> {
    match row {
        Ok(infos) => DescribeUserScramCredentialsResult {
            user,
            credential_infos: Array::from(infos),
            ..Default::default()
        },
        Err((error_code, message)) => DescribeUserScramCredentialsResult {
            user,
            error_code: *error_code,
            error_message: Some(message),
            ..Default::default()
        },
    }
}
