//! The thing that an ARN names.
//!
//! Source: AWS's Service Authorization Reference, which lists for each service the forms of the ARNs of its resource
//! types.

use crate::follow::Kind;

/// A thing that an ARN names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: String,
    pub(super) account: String,
    pub(super) name: String,
}

/// Resource types whose kind is not the type itself: service, type in the ARN, kind. An empty type is that of a service
/// whose ARNs have none.
const KINDS: [(&str, &str, &str); 46] = [
    ("s3", "", "bucket"),
    ("sns", "", "topic"),
    ("sqs", "", "queue"),
    ("apigateway", "", "api"),
    ("lambda", "layer", "function_layer"),
    ("lambda", "event-source-mapping", "event_source_mapping"),
    ("rds", "db", "db_instance"),
    ("rds", "cluster", "db_cluster"),
    ("rds", "snapshot", "db_snapshot"),
    ("rds", "cluster-snapshot", "db_cluster_snapshot"),
    ("rds", "pg", "db_parameter_group"),
    ("rds", "subgrp", "db_subnet_group"),
    ("redshift", "cluster", "redshift_cluster"),
    ("redshift", "snapshot", "redshift_snapshot"),
    ("elasticache", "cluster", "cache_cluster"),
    ("elasticache", "replicationgroup", "replication_group"),
    ("elasticache", "snapshot", "cache_snapshot"),
    ("elasticache", "user", "cache_user"),
    ("kms", "key", "kms_key"),
    ("kms", "alias", "kms_alias"),
    ("iam", "mfa", "mfa_device"),
    ("iam", "sms-mfa", "mfa_device"),
    ("iam", "saml-provider", "saml_provider"),
    ("iam", "oidc-provider", "oidc_provider"),
    ("iam", "root", "root"),
    ("sts", "assumed-role", "session"),
    ("sts", "federated-user", "session"),
    ("ec2", "vpc-flow-log", "flow_log"),
    ("cloudtrail", "eventdatastore", "event_data_store"),
    ("eks", "access-policy", "access_policy"),
    ("eks", "cluster-access-policy", "access_policy"),
    ("ecs", "service", "ecs_service"),
    ("ecs", "task", "ecs_task"),
    ("ecs", "container-instance", "container_instance"),
    ("logs", "destination", "log_destination"),
    ("sso", "permissionSet", "permission_set"),
    ("sso", "instance", "identity_center"),
    ("identitystore", "user", "identity_user"),
    ("identitystore", "group", "identity_group"),
    ("bedrock", "foundation-model", "model"),
    ("bedrock", "custom-model", "model"),
    ("backup", "recovery-point", "recovery_point"),
    ("route53", "hostedzone", "hosted_zone"),
    ("config", "config-recorder", "configuration_recorder"),
    ("apigateway", "restapis", "rest_api"),
    ("resource-groups", "group", "resource_group"),
];

/// Returns the thing that an ARN names. A policy keeps its ARN as its name, because policies of AWS and of an account
/// may have the same name.
pub(super) fn named(arn: &str) -> Option<Named> {
    let arn = arn.trim();
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
    let (_, service) = (parts.next()?, parts.next()?);
    let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    if resource.is_empty() || service.is_empty() {
        return None;
    }
    let (kind, name) = kind_and_name(service, resource);
    let name = match (service, kind.as_str()) {
        ("iam", "policy") => arn.to_owned(),
        ("sts", "session") => arn.to_owned(),
        _ => name,
    };
    (!name.is_empty()).then(|| Named {
        kind,
        account: account.to_owned(),
        name,
    })
}

/// Returns the kind for a resource type of a service. Users, roles and the like of other services are not those of IAM,
/// which a case follows.
pub(super) fn own_kind(service: &str, kind: &str) -> String {
    let kind = kind.replace('-', "_");
    let is_followed = Kind::from_name(&kind).is_some();
    match is_followed && !matches!(service, "iam" | "sts" | "ec2") {
        true => format!("{}_{kind}", service.replace('-', "_")),
        false => kind,
    }
}

fn kind_and_name(service: &str, resource: &str) -> (String, String) {
    let of_service = |kind: &str| {
        let mut kinds = KINDS.iter();
        kinds.find_map(|(of, name, own)| (*of == service && *name == kind).then_some(*own))
    };
    if service == "s3" {
        let kind = if resource.contains('/') {
            "object"
        } else {
            "bucket"
        };
        return (kind.to_owned(), resource.to_owned());
    }
    let resource = resource.trim_start_matches('/');
    let divided = resource.split_once([':', '/']);
    let Some((kind, name)) =
        divided.filter(|_| of_service("").is_none_or(|_| service == "apigateway"))
    else {
        // Without a type the service says what it is, as for queues; `root` is both.
        let kind = of_service(resource)
            .or_else(|| of_service(""))
            .unwrap_or(service);
        return (kind.replace('-', "_"), resource.to_owned());
    };
    let own = of_service(kind).map_or_else(|| own_kind(service, kind), str::to_owned);
    let first = |divider: char| name.split(divider).next().unwrap_or_default();
    let name = match (service, kind) {
        // A parameter whose name has levels begins with a slash, which an ARN leaves out.
        ("ssm", "parameter") if name.contains('/') => format!("/{name}"),
        ("iam", "user" | "role" | "group" | "instance-profile") => {
            name.rsplit('/').next().unwrap_or_default().to_owned()
        }
        // A version, or a stream of the log group, may follow.
        ("lambda", "function") | ("logs", "log-group") => first(':').to_owned(),
        // What is inside a table, and the id of a stack, follow.
        ("dynamodb", "table") | ("cloudformation", "stack") | ("apigateway", _) => {
            first('/').to_owned()
        }
        _ => name.to_owned(),
    };
    (own, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "111122223333";

    /// ARNs, each with the kind, account and name of what it names.
    const ARNS: &[(&str, &str, &str, &str)] = &[
        ("arn:aws:s3:::logs-example", "bucket", "", "logs-example"),
        (
            "arn:aws:s3:::logs-example/a/b",
            "object",
            "",
            "logs-example/a/b",
        ),
        (
            "arn:aws:sqs:eu-west-1:111122223333:orders",
            "queue",
            ONE,
            "orders",
        ),
        (
            "arn:aws-cn:sns:cn-north-1:111122223333:alarms",
            "topic",
            ONE,
            "alarms",
        ),
        (
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-a1b2c3",
            "secret",
            ONE,
            "prod/db-a1b2c3",
        ),
        (
            "arn:aws:ssm:eu-west-1:111122223333:parameter/a/b",
            "parameter",
            ONE,
            "/a/b",
        ),
        (
            "arn:aws:ssm:eu-west-1:111122223333:parameter/a",
            "parameter",
            ONE,
            "a",
        ),
        (
            "arn:aws:lambda:eu-west-1:111122223333:function:pay:3",
            "function",
            ONE,
            "pay",
        ),
        (
            "arn:aws:rds:eu-west-1:111122223333:cluster-snapshot:s",
            "db_cluster_snapshot",
            ONE,
            "s",
        ),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/t/index/i",
            "table",
            ONE,
            "t",
        ),
        (
            "arn:aws:kms:eu-west-1:111122223333:key/12ab",
            "kms_key",
            ONE,
            "12ab",
        ),
        (
            "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:*",
            "log_group",
            ONE,
            "/a/b",
        ),
        (
            "arn:aws:iam::111122223333:user/a/path/alice",
            "user",
            ONE,
            "alice",
        ),
        ("arn:aws:iam::111122223333:root", "root", ONE, "root"),
        (
            "arn:aws:iam::aws:policy/AdministratorAccess",
            "policy",
            "aws",
            "arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        (
            "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1",
            "security_group",
            ONE,
            "sg-1",
        ),
        (
            "arn:aws:apigateway:eu-west-1::/restapis/abc/stages/x",
            "rest_api",
            "",
            "abc",
        ),
        (
            "arn:aws:newservice:eu-west-1:111122223333:box/b",
            "box",
            ONE,
            "b",
        ),
        (
            "arn:aws:newservice:eu-west-1:111122223333:b",
            "newservice",
            ONE,
            "b",
        ),
        (
            "arn:aws:quicksight:eu-west-1:111122223333:user/default/x",
            "quicksight_user",
            ONE,
            "default/x",
        ),
    ];

    #[test]
    fn an_arn_names_a_thing_of_a_kind_in_an_account() {
        for (arn, kind, account, name) in ARNS {
            let expected = Named {
                kind: (*kind).to_owned(),
                account: (*account).to_owned(),
                name: (*name).to_owned(),
            };
            assert_eq!(named(arn), Some(expected), "{arn}");
        }
        for text in [
            "",
            "arn:",
            "arn:aws:s3",
            "arn:aws:s3:::",
            "alice",
            "arn:aws::::x",
            "arn:aws:iam::1:user/",
        ] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
