//! A time in which logging is stopped: no file is delivered in it, and the chains of digests are interrupted, as AWS does.
//!
//! A call to `StopLogging` is in the last log before it, and one to `StartLogging` in the first log after it.

use std::io;

use sha2::{Digest as _, Sha256};

use super::Summary;
use super::config::{Stopped, SynthConfig, SynthError};
use super::digests::{Delivered, write_gzip};
use super::identity::Account;
use super::plan::DELIVERY_SECONDS;
use super::time;

/// Writes the logs with the calls that stop and start logging, for each account. Returns what digests say of them.
pub(super) fn write(
    config: &SynthConfig,
    stopped: Stopped,
) -> Result<(Summary, Vec<Delivered>), SynthError> {
    let mut summary = Summary::default();
    let mut delivered = Vec::new();
    for account in 0..config.accounts {
        let account = String::from_utf8_lossy(&Account::new(account).id).into_owned();
        let Some(region) = config.regions.first() else {
            break;
        };
        for (call, at) in [
            ("StopLogging", stopped.from - 3 * 60),
            ("StartLogging", stopped.to + 60),
        ] {
            let log = Log {
                account: &account,
                region,
                call,
                at,
            };
            let (bytes, one) = log.write(config).map_err(SynthError::write(&config.out))?;
            summary += Summary {
                files: 1,
                records: 1,
                json_bytes: bytes.0,
                stored_bytes: bytes.1,
                ..Summary::default()
            };
            delivered.push(one);
        }
    }
    Ok((summary, delivered))
}

/// A log with one call.
struct Log<'a> {
    account: &'a str,
    region: &'a str,
    call: &'a str,
    at: i64,
}

impl Log<'_> {
    /// Writes it. Returns the bytes of its text and of its file, and what a digest says of it.
    fn write(&self, config: &SynthConfig) -> io::Result<((u64, u64), Delivered)> {
        let Self {
            account,
            region,
            call,
            at,
        } = self;
        let named = at.div_euclid(DELIVERY_SECONDS) * DELIVERY_SECONDS + DELIVERY_SECONDS;
        let (mut day, mut minute, mut second) = (Vec::new(), Vec::new(), Vec::new());
        time::push_day(time::civil(named), &mut day);
        time::push_minute(time::civil(named), &mut minute);
        time::push_iso(time::civil(*at), &mut second);
        let [day, minute, second] =
            [day, minute, second].map(|text| String::from_utf8_lossy(&text).into_owned());
        let key = format!(
            "AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{call:A<16.16}.json.gz"
        );
        let text = format!(
            concat!(
                r#"{{"Records":[{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLEMALLORY00","#,
                r#""arn":"arn:aws:iam::{account}:user/mallory","accountId":"{account}","accessKeyId":"AKIAIOSFODNN7EXAMPLE","#,
                r#""userName":"mallory"}},"eventTime":"{second}","eventSource":"cloudtrail.amazonaws.com","eventName":"{call}","#,
                r#""awsRegion":"{region}","sourceIPAddress":"203.0.113.7","userAgent":"Boto3/1.34.0","#,
                r#""requestParameters":{{"name":"account-trail"}},"responseElements":null,"requestID":"{call}-{account}","#,
                r#""eventID":"{call}-{account}-{at}","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"#,
                r#""recipientAccountId":"{account}","eventCategory":"Management"}}]}}"#
            ),
            account = account,
            second = second,
            call = call,
            region = region,
            at = at,
        );
        let n_stored = write_gzip(&config.out.join(&key), text.as_bytes())?;
        let delivered = Delivered {
            key,
            account: (*account).to_owned(),
            region: (*region).to_owned(),
            is_organization: false,
            time: named,
            hash: Sha256::digest(text.as_bytes()).into(),
            events: Some((second.clone(), second)),
        };
        Ok(((text.len() as u64, n_stored), delivered))
    }
}
