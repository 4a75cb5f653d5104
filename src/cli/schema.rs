//! `trailsift schema`.

use anyhow::Context as _;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use trailsift::case::About;
use trailsift::output::row_schema;
use trailsift::report::Report;

use super::args::SchemaOf;
use super::exit::Exit;
use super::print;

/// Prints the JSON Schema of an output.
pub(super) fn run(of: SchemaOf) -> anyhow::Result<Exit> {
    let schema = match of {
        SchemaOf::Alerts => row_schema(),
        SchemaOf::Report => written::<Report>(),
        SchemaOf::Case => written::<About>(),
    };
    let mut json = serde_json::to_vec_pretty(&schema).context("the schema cannot be encoded")?;
    json.push(b'\n');
    print(&json)
}

/// Returns the schema of what is written for a type.
fn written<T: JsonSchema>() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}
