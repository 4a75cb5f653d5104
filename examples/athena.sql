-- Athena: a table over a dataset of alerts (-o s3://my-results/alerts/), and queries of it.
CREATE EXTERNAL TABLE quarantines (
    rule_id string, rule_name string, rule_version int, severity string, risk_score int,
    mitre_tactic_ids array<string>, mitre_technique_ids array<string>, rule_pack string, rule_file string,
    rule_authors array<string>, rule_tags array<string>, rule_notes array<string>, alert_id string,
    event_time timestamp, event_time_text string, event_id string, event_action string, event_provider string, event_outcome string,
    event_version string, account_id string, recipient_account_id string, aws_region string, target_user_name string,
    policy_arn string, policy_name string, resource string, matched_field string, actor_type string, actor_name string,
    actor_arn string, actor_principal_id string, actor_account_id string, actor_access_key_id string, invoked_by string,
    source_address string, source_ip string, user_agent string, request_id string, shared_event_id string,
    request_parameters string, raw_event string, log_file_path string, log_file_member string, log_status string, record_index bigint,
    log_offset bigint, sighting bigint, run_id string
) STORED AS PARQUET LOCATION 's3://my-results/alerts/';

-- Each quarantine, once.
SELECT account_id, target_user_name, event_time, policy_name FROM quarantines WHERE sighting = 1 ORDER BY event_time;

-- Quarantines that a person or program attached, and not AWS.
SELECT event_time, account_id, target_user_name, actor_arn, source_address
FROM quarantines WHERE sighting = 1 AND source_address <> 'AWS Internal' ORDER BY event_time;
