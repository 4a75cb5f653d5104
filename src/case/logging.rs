//! Calls that switch logs or detectors off, or change what they record.

use crate::case::CaseEvent;
use crate::follow::TargetRole;
use crate::follow::touched::{call_name, service_name};
use crate::output::Column;

/// Calls by service, and what each does. Source: the pages of the calls in the references that `table.txt` names.
const CALLS: [(&str, &[&str], &str); 38] = [
    ("cloudtrail", &["StopLogging"], "stopped a trail"),
    ("cloudtrail", &["DeleteTrail"], "deleted a trail"),
    ("cloudtrail", &["UpdateTrail"], "changed a trail"),
    (
        "cloudtrail",
        &["PutEventSelectors", "PutInsightSelectors"],
        "changed what a trail records",
    ),
    (
        "cloudtrail",
        &["DeleteEventDataStore"],
        "deleted an event data store",
    ),
    (
        "cloudtrail",
        &["StopEventDataStoreIngestion"],
        "stopped an event data store",
    ),
    (
        "cloudtrail",
        &["UpdateEventDataStore"],
        "changed an event data store",
    ),
    (
        "cloudtrail",
        &["DeleteChannel"],
        "deleted a channel of CloudTrail Lake",
    ),
    ("ec2", &["DeleteFlowLogs"], "deleted flow logs"),
    (
        "route53resolver",
        &["DeleteResolverQueryLogConfig"],
        "deleted the log of DNS queries",
    ),
    (
        "route53resolver",
        &["DisassociateResolverQueryLogConfig"],
        "detached the log of DNS queries",
    ),
    (
        "guardduty",
        &["DeleteDetector"],
        "deleted a detector of GuardDuty",
    ),
    (
        "guardduty",
        &["UpdateDetector"],
        "changed a detector of GuardDuty",
    ),
    (
        "guardduty",
        &[
            "StopMonitoringMembers",
            "DeleteMembers",
            "DisassociateMembers",
        ],
        "removed accounts from GuardDuty",
    ),
    (
        "guardduty",
        &[
            "DisassociateFromMasterAccount",
            "DisassociateFromAdministratorAccount",
        ],
        "left GuardDuty's administrator account",
    ),
    (
        "guardduty",
        &["DeletePublishingDestination"],
        "stopped the export of GuardDuty's findings",
    ),
    (
        "guardduty",
        &["CreateFilter", "UpdateFilter"],
        "hid findings of GuardDuty by a filter",
    ),
    (
        "guardduty",
        &["CreateIPSet", "UpdateIPSet"],
        "changed the addresses that GuardDuty trusts",
    ),
    (
        "config",
        &["StopConfigurationRecorder"],
        "stopped the recorder of AWS Config",
    ),
    (
        "config",
        &["DeleteConfigurationRecorder"],
        "deleted the recorder of AWS Config",
    ),
    (
        "config",
        &["DeleteDeliveryChannel"],
        "deleted the delivery channel of AWS Config",
    ),
    (
        "config",
        &["DeleteConfigRule"],
        "deleted a rule of AWS Config",
    ),
    ("logs", &["DeleteLogGroup"], "deleted a log group"),
    ("logs", &["DeleteLogStream"], "deleted a log stream"),
    (
        "logs",
        &["PutRetentionPolicy"],
        "changed how long logs are kept",
    ),
    (
        "logs",
        &["DeleteSubscriptionFilter"],
        "deleted a subscription of logs",
    ),
    (
        "monitoring",
        &["DeleteAlarms", "DisableAlarmActions"],
        "switched alarms off",
    ),
    (
        "events",
        &["DeleteRule", "DisableRule", "RemoveTargets"],
        "switched a rule of EventBridge off",
    ),
    (
        "securityhub",
        &["DisableSecurityHub"],
        "switched Security Hub off",
    ),
    ("macie2", &["DisableMacie"], "switched Macie off"),
    (
        "access-analyzer",
        &["DeleteAnalyzer"],
        "deleted an access analyzer",
    ),
    (
        "detective",
        &["DeleteGraph"],
        "deleted the graph of Detective",
    ),
    ("inspector2", &["Disable"], "switched Inspector off"),
    (
        "wafv2",
        &["DeleteLoggingConfiguration"],
        "deleted the log of a web ACL",
    ),
    (
        "waf",
        &["DeleteLoggingConfiguration"],
        "deleted the log of a web ACL",
    ),
    (
        "bedrock",
        &["DeleteModelInvocationLoggingConfiguration"],
        "deleted the log of model calls",
    ),
    (
        "organizations",
        &["LeaveOrganization"],
        "left the organization and its trails",
    ),
    (
        "organizations",
        &[
            "DisableAWSServiceAccess",
            "DeregisterDelegatedAdministrator",
        ],
        "took a service's access to the organization away",
    ),
];

/// Calls that remove the content of a bucket, or let others remove it, and so attack a log that is kept there.
const BUCKET_CALLS: [(&str, &str); 9] = [
    (
        "PutBucketLifecycle",
        "set when objects expire in a bucket that seems to have logs",
    ),
    (
        "PutBucketLifecycleConfiguration",
        "set when objects expire in a bucket that seems to have logs",
    ),
    ("DeleteBucket", "deleted a bucket that seems to have logs"),
    (
        "DeleteObject",
        "deleted an object in a bucket that seems to have logs",
    ),
    (
        "DeleteObjects",
        "deleted objects in a bucket that seems to have logs",
    ),
    (
        "DeleteBucketPolicy",
        "deleted the policy of a bucket that seems to have logs",
    ),
    (
        "PutBucketPolicy",
        "changed the policy of a bucket that seems to have logs",
    ),
    (
        "PutBucketVersioning",
        "changed the versioning of a bucket that seems to have logs",
    ),
    (
        "PutBucketEncryption",
        "changed the encryption of a bucket that seems to have logs",
    ),
];

/// Returns how a call attacks logs or detectors, in words that follow the caller's name. This does not say whether the
/// call was refused.
#[must_use]
pub fn attacks_logging(event: &CaseEvent) -> Option<&'static str> {
    let service = service_name(event.alert.text(Column::EventProvider)?);
    let call = call_name(event.alert.text(Column::EventAction)?);
    if service == "s3" {
        return on_bucket(event, call);
    }
    let mut all = CALLS.iter();
    let found = all.find(|(of, calls, _)| *of == service && calls.contains(&call));
    found.map(|(.., what)| *what)
}

/// Words in the names of buckets that have logs.
const LOG_WORDS: [&str; 6] = ["accesslogs", "log", "logging", "logs", "trail", "trails"];

fn on_bucket(event: &CaseEvent, call: &str) -> Option<&'static str> {
    let request = event
        .alert
        .text(Column::RequestParameters)
        .unwrap_or_default();
    // Without this part of the request, a bucket's own log is switched off.
    if call == "PutBucketLogging" && !request.contains("LoggingEnabled") {
        return Some("switched the access log of a bucket off");
    }
    let (_, what) = BUCKET_CALLS.iter().find(|(name, _)| *name == call)?;
    let mut on = event.story.touched.with_role(TargetRole::On);
    let is_of_log = on.any(|one| {
        // CloudTrail's own folder tells a log, and so does the name that people give such a bucket.
        let bucket = one.name.split('/').next().unwrap_or_default();
        let bucket = bucket.to_ascii_lowercase();
        let mut words = bucket.split(|c: char| !c.is_ascii_alphanumeric());
        let has_word = words.any(|word| LOG_WORDS.contains(&word));
        has_word || bucket.contains("cloudtrail") || one.name.contains("AWSLogs/")
    });
    is_of_log.then_some(*what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_against_logs_is_in_the_table_once() {
        let mut all: Vec<(&str, &str)> = Vec::new();
        for (service, calls, what) in CALLS {
            assert!(!what.is_empty());
            for call in calls {
                assert!(!all.contains(&(service, call)), "{service} {call}");
                all.push((service, call));
            }
        }
    }
}
