//! Writes one scene as CloudTrail writes an event: compact JSON, with the keys in CloudTrail's order.
//!
//! The text is appended to a buffer that the caller reuses. There is no serializer: pieces of text are copied, which is
//! several times faster, and the tests parse every record as JSON.

use super::action::{Action, Catalog};
use super::identity::{By, Kind};
use super::rng;
use super::scene::Scene;
use super::template::Template;
use super::time;

/// Appends the record of a scene. The same scene gives the same bytes.
pub(super) fn write<'a>(catalog: &'a Catalog, mut scene: Scene<'a>, out: &mut Vec<u8>) {
    let scene = &mut scene;
    let action = scene.action;
    out.extend_from_slice(b"{\"eventVersion\":\"");
    out.extend_from_slice(version(scene.time.year()).as_bytes());
    out.extend_from_slice(b"\",\"userIdentity\":");
    catalog.identities.of(scene.caller.kind).fill(scene, out);
    if let Some(invoker) = scene.caller.invoker {
        text(b",\"invokedBy\":\"", invoker, out);
        out.push(b'"');
    }
    out.extend_from_slice(b"},\"eventTime\":\"");
    time::push_iso(scene.time, out);
    text(b"\",\"eventSource\":\"", action.service, out);
    text(b".amazonaws.com\",\"eventName\":\"", action.event, out);
    text(b"\",\"awsRegion\":\"", scene.place.region, out);
    out.extend_from_slice(b"\",\"sourceIPAddress\":\"");
    match scene.caller.invoker {
        Some(invoker) => out.extend_from_slice(invoker.as_bytes()),
        None => scene.caller.push_ip(scene.place.account, out),
    }
    out.extend_from_slice(b"\",\"userAgent\":\"");
    match (&action.agent, scene.caller.invoker) {
        (Some(agent), _) => agent.fill(scene, out),
        (None, Some(invoker)) => out.extend_from_slice(invoker.as_bytes()),
        (None, None) => {
            out.extend_from_slice(scene.caller.agent(scene.place.account).as_bytes());
        }
    }
    out.push(b'"');
    let error = error(catalog, scene);
    if let Some(error) = error {
        out.push(b',');
        error.fill(scene, out);
    }
    field(b"requestParameters", action.request.as_ref(), scene, out);
    let response = action.response.as_ref().filter(|_| error.is_none());
    field(b"responseElements", response, scene, out);
    if action.more.is_some() {
        field(b"additionalEventData", action.more.as_ref(), scene, out);
    }
    ids(scene, out);
    flags(scene, out);
    out.push(b'}');
}

/// Appends `requestID` and `eventID`; for S3, the id of a request is short.
fn ids(scene: &mut Scene<'_>, out: &mut Vec<u8>) {
    if !scene.action.console {
        out.extend_from_slice(b",\"requestID\":\"");
        if scene.action.service == "s3" {
            scene.rng.text(rng::UPPER, 16, out);
        } else {
            out.extend_from_slice(&scene.rng.uuid());
        }
        out.push(b'"');
    }
    out.extend_from_slice(b",\"eventID\":\"");
    out.extend_from_slice(&scene.event_id);
    out.push(b'"');
}

/// Appends everything after the ids.
fn flags(scene: &mut Scene<'_>, out: &mut Vec<u8>) {
    let action = scene.action;
    let account = scene.place.account;
    boolean(b",\"readOnly\":", action.read_only, out);
    if action.resources.is_some() {
        field(b"resources", action.resources.as_ref(), scene, out);
    }
    let event_type = match action.console {
        true => "AwsConsoleSignIn",
        false => "AwsApiCall",
    };
    text(b",\"eventType\":\"", event_type, out);
    boolean(b"\",\"managementEvent\":", !action.data, out);
    out.extend_from_slice(b",\"recipientAccountId\":\"");
    out.extend_from_slice(&account.id);
    out.push(b'"');
    if matches!(scene.caller.kind, Kind::Service | Kind::Outsider) {
        out.extend_from_slice(b",\"sharedEventID\":\"");
        out.extend_from_slice(&scene.rng.uuid());
        out.push(b'"');
    }
    // Half of the calls that stay inside a VPC are to S3, because its gateway endpoints cost nothing.
    let endpoints = if action.service == "s3" { 200 } else { 25 };
    if scene.rng.per_mille(endpoints) {
        out.extend_from_slice(b",\"vpcEndpointId\":\"vpce-0");
        let mut endpoint = scene.caller.attribute(account, 6);
        endpoint.text(rng::HEX, 16, out);
        out.push(b'"');
    }
    let category = if action.data { "Data" } else { "Management" };
    text(b",\"eventCategory\":\"", category, out);
    out.push(b'"');
    if scene.caller.invoker.is_none() && scene.rng.per_mille(800) {
        tls(scene, out);
    }
    let person = matches!(scene.caller.kind, Kind::Person | Kind::Root);
    if person && !action.console && scene.rng.per_mille(300) {
        out.extend_from_slice(b",\"sessionCredentialFromConsole\":\"true\"");
    }
}

fn tls(scene: &Scene<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"",
    );
    out.extend_from_slice(scene.action.service.as_bytes());
    if !scene.action.global {
        text(b".", scene.place.region, out);
    }
    out.extend_from_slice(b".amazonaws.com\"}");
}

/// Returns the error of the action, if it failed. Planted actions define it; other actions fail at random.
fn error<'a>(catalog: &'a Catalog, scene: &mut Scene<'a>) -> Option<&'a Template> {
    let action: &'a Action = scene.action;
    if action.weight.is_none() {
        return action.error.as_ref();
    }
    // With services at 2 %, this gives 7 % of all records.
    let share = match action.by {
        By::Service(_) => 20,
        By::Anyone | By::Person | By::Outsider | By::Aws => 85,
    };
    if action.console || !scene.rng.per_mille(share) {
        return None;
    }
    let refusals = &catalog.refusals;
    let usual = match action.service {
        _ if scene.rng.per_mille(150) => &refusals.throttled,
        "ec2" => &refusals.ec2,
        "s3" => &refusals.s3,
        _ => &refusals.other,
    };
    let own = action.error.as_ref();
    Some(own.filter(|_| scene.rng.per_mille(700)).unwrap_or(usual))
}

/// Appends `,"name":value`, with `null` if there is no value.
fn field(name: &[u8], value: Option<&Template>, scene: &mut Scene<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
    match value {
        Some(value) => value.fill(scene, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn text(before: &[u8], text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.extend_from_slice(text.as_bytes());
}

fn boolean(before: &[u8], value: bool, out: &mut Vec<u8>) {
    text(before, if value { "true" } else { "false" }, out);
}

/// Returns the version that CloudTrail wrote in most of that year; before 2021 it had fewer fields than our records.
fn version(year: i16) -> &'static str {
    match year {
        ..2023 => "1.08",
        2023 => "1.09",
        2024 => "1.10",
        _ => "1.11",
    }
}
