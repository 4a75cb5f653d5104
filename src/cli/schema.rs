//! `trailsift schema`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use trailsift::case::About;
use trailsift::output::row_schema;
use trailsift::report::Report;

use super::args::SchemaOf;
use super::exit::Exit;
use super::print_json;

/// Prints the JSON Schema of an output.
pub(super) fn run(of: SchemaOf) -> anyhow::Result<Exit> {
    let schema = match of {
        SchemaOf::Alerts => row_schema(),
        SchemaOf::Report => written::<Report>(),
        SchemaOf::Case => written::<About>(),
    };
    print_json(&schema)
}

/// Returns the schema of what is written for a type.
fn written<T: JsonSchema>() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}
