//! What README says of the program is what the program says of itself.

use std::path::Path;

use barnabas::kafka::apis;

const BEGIN: &str = "<!-- apis:begin -->\n";
const END: &str = "<!-- apis:end -->";

#[test]
fn the_table_of_apis_is_the_one_that_dispatches() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let expected = apis::markdown_table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table, expected, "README.md is out of date: run make docs");
}
