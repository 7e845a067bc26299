//! `meta.properties`: whose a data directory is (Kafka's MetaProperties.java, version 1).

use std::io;
use std::path::Path;
use std::str::FromStr;

use super::data_dir::write_atomically;
use super::data_dir_error::DataDirError;
use crate::log::read_text;
use crate::wire::uuid::Uuid;

/// The file's name.
pub const META: &str = "meta.properties";
/// More than this the file never has.
const MAX_BYTES: u64 = 1 << 20;

/// What `meta.properties` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The cluster's id, stable for ever.
    pub cluster_id: String,
    /// The node that owns the directory.
    pub node_id: i32,
    /// The directory's own id.
    pub directory_id: Uuid,
}

/// Reads the file of a data directory; `None` if it has none.
///
/// # Errors
/// When it cannot be read or does not make sense.
pub fn read_meta(path: &Path) -> Result<Option<Meta>, DataDirError> {
    let text = match read_text(&path.join(META), MAX_BYTES) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => {
            return Err(DataDirError::Io(path.to_owned(), "read meta.properties in it", why));
        }
    };
    parse_meta(&text).map(Some).map_err(|why| DataDirError::Meta(path.to_owned(), why))
}

fn parse_meta(text: &str) -> Result<Meta, String> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
    let get = |key: &str| {
        let found = pairs.iter().find(|(k, _)| k.trim() == key).map(|(_, v)| v.trim());
        found.ok_or_else(|| format!("it has no {key}"))
    };
    match get("version")? {
        "1" => {}
        other => return Err(format!("version {other} is not known, only 1")),
    }
    let node_id = get("node.id")?;
    let directory_id = get("directory.id")?;
    Ok(Meta {
        cluster_id: get("cluster.id")?.to_owned(),
        node_id: node_id.parse().map_err(|_| format!("node.id '{node_id}' is not a number"))?,
        directory_id: Uuid::from_str(directory_id)
            .map_err(|_| format!("directory.id '{directory_id}' is not an id"))?,
    })
}

/// Replaces the file of a data directory.
///
/// # Errors
/// When it cannot be written.
pub fn write_meta(path: &Path, meta: &Meta, keep: bool) -> io::Result<()> {
    let Meta { cluster_id, node_id, directory_id } = meta;
    let text = format!(
        "#\nversion=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory_id}\n"
    );
    write_atomically(path, META, text.as_bytes(), keep)
}
