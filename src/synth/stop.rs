//! A time in which logging is stopped: no file is delivered in it, and the chains of digests are interrupted, as AWS does.
//!
//! A call to `StopLogging` is in the last log before it, and one to `StartLogging` in the first log after it.

use std::io;

use sha2::{Digest as _, Sha256};

use super::Summary;
use super::config::{SynthConfig, SynthError};
use super::digests::{Delivered, write_gzip};
use super::identity::Account;
use super::plan::DELIVERY_SECONDS;
use super::time;

const HOUR: i64 = 3600;
/// The seconds between the first event of a file and its delivery, at most.
const REACH: i64 = 15 * 60;

/// The time in which logging is stopped, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl SynthConfig {
    /// Returns the time in which logging is stopped: in the middle, twenty minutes after an hour.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        let hours = i64::from(self.stopped_hours);
        let from = time::midnight(self.start) + i64::from(self.days) * 12 * HOUR + 20 * 60;
        let to = from + hours * HOUR;
        (hours > 0).then_some(Stopped { from, to })
    }
}

impl Stopped {
    /// Returns when a file is delivered that would be delivered at this time: not while logging is stopped.
    pub(super) fn delivery(self, at: i64) -> i64 {
        let first = self.from - DELIVERY_SECONDS;
        let last = self.to + REACH;
        match (first..=last).contains(&at) {
            true => {
                at + (last - first).div_euclid(DELIVERY_SECONDS) * DELIVERY_SECONDS
                    + DELIVERY_SECONDS
            }
            false => at,
        }
    }
}

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
                r#""awsRegion":"{region}","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.15.0","#,
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
