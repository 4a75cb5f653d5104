//! The data that a call touched.

use crate::follow::Data;

/// Calls that read, copy, share, change or remove the data in things of a kind, and not only what is known about them.
/// A star stands for any end. Source: the pages of the calls in the references that `table.txt` names.
const CALLS: [(Data, &[&str], &[&str]); 7] = [
    (
        Data::Secret,
        &["secret", "filter"],
        &[
            "GetSecretValue",
            "BatchGetSecretValue",
            "PutSecretValue",
            "UpdateSecret",
            "DeleteSecret",
            "RestoreSecret",
            "PutResourcePolicy",
            "ReplicateSecretToRegions",
        ],
    ),
    (
        Data::Parameter,
        &["parameter", "parameter_path"],
        &[
            "GetParameter*",
            "PutParameter",
            "DeleteParameter*",
            "LabelParameterVersion",
        ],
    ),
    (
        Data::Bucket,
        &["bucket", "object"],
        &[
            "GetObject*",
            "HeadObject",
            "ListObject*",
            "SelectObjectContent",
            "PutObject*",
            "CopyObject",
            "UploadPart*",
            "CompleteMultipartUpload",
            "DeleteObject*",
            "RestoreObject",
            "DeleteBucket",
            "PutBucketPolicy",
            "DeleteBucketPolicy",
            "PutBucketAcl",
            "PutBucketReplication",
            "PutBucketLifecycle*",
            "PutBucketVersioning",
            "PutBucketPublicAccessBlock",
            "DeleteBucketPublicAccessBlock",
            "PutPublicAccessBlock",
            "DeletePublicAccessBlock",
            "DeleteBucketEncryption",
            "PutBucketEncryption",
        ],
    ),
    (
        Data::Disk,
        &["snapshot", "image", "volume", "recovery_point"],
        &[
            "CreateSnapshot*",
            "CopySnapshot",
            "ModifySnapshotAttribute",
            "DeleteSnapshot",
            "GetSnapshotBlock",
            "ListSnapshotBlocks",
            "ListChangedBlocks",
            "CreateImage",
            "CopyImage",
            "ModifyImageAttribute",
            "DeregisterImage",
            "ExportImage",
            "CreateStoreImageTask",
            "CreateVolume",
            "AttachVolume",
            "DeleteVolume",
            "StartCopyJob",
            "StartRestoreJob",
            "DeleteRecoveryPoint",
        ],
    ),
    (
        Data::Database,
        &[
            "db_instance",
            "db_cluster",
            "db_snapshot",
            "db_cluster_snapshot",
            "database",
            "table",
            "table_backup",
            "table_export",
            "redshift_cluster",
            "redshift_snapshot",
            "cache_cluster",
            "replication_group",
            "cache_snapshot",
            "query",
            "resource",
        ],
        &[
            "CreateDBSnapshot",
            "CreateDBClusterSnapshot",
            "CopyDBSnapshot",
            "CopyDBClusterSnapshot",
            "ModifyDBSnapshotAttribute",
            "ModifyDBClusterSnapshotAttribute",
            "DeleteDBSnapshot",
            "DeleteDBClusterSnapshot",
            "RestoreDB*",
            "CreateDBInstanceReadReplica",
            "StartExportTask",
            "ModifyDBInstance",
            "ModifyDBCluster",
            "DeleteDBInstance",
            "DeleteDBCluster",
            "DownloadDBLogFilePortion",
            "ExecuteStatement",
            "BatchExecuteStatement",
            "GetItem",
            "BatchGetItem",
            "Query",
            "Scan",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "ExecuteTransaction",
            "CreateBackup",
            "ExportTableToPointInTime",
            "RestoreTable*",
            "DeleteTable",
            "DeleteBackup",
            "GetClusterCredentials*",
            "CreateClusterSnapshot",
            "CopyClusterSnapshot",
            "AuthorizeSnapshotAccess",
            "DeleteCluster",
            "DeleteClusterSnapshot",
            "CreateSnapshot",
            "CopySnapshot",
            "DeleteSnapshot",
            "DeleteCacheCluster",
            "DeleteReplicationGroup",
            "StartQueryExecution",
            "GetQueryResults",
            "DeleteDatabase",
        ],
    ),
    (
        Data::Queue,
        &["queue"],
        &[
            "ReceiveMessage",
            "SendMessage*",
            "DeleteMessage*",
            "PurgeQueue",
            "DeleteQueue",
            "SetQueueAttributes",
            "AddPermission",
        ],
    ),
    (
        Data::Code,
        &["function", "function_layer", "repository"],
        &[
            "GetFunction",
            "UpdateFunctionCode",
            "DeleteFunction",
            "GetLayerVersion",
            "BatchGetImage",
            "GetDownloadUrlForLayer",
            "PutImage",
            "BatchDeleteImage",
            "DeleteRepository",
            "SetRepositoryPolicy",
            "GitPull",
        ],
    ),
];

/// Returns the data that a call touched in a thing of a kind.
pub(super) fn data(kind: &str, call: &str) -> Option<Data> {
    let is_it = |own: &&str| match own.strip_suffix('*') {
        Some(beginning) => call.starts_with(beginning),
        None => *own == call,
    };
    let mut all = CALLS.iter();
    let found = all.find(|(_, kinds, calls)| kinds.contains(&kind) && calls.iter().any(is_it));
    found.map(|(data, ..)| *data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_data_touches_it_and_reading_about_it_does_not() {
        for (kind, call, expected) in [
            ("secret", "GetSecretValue", Some(Data::Secret)),
            ("secret", "DescribeSecret", None),
            ("parameter", "GetParametersByPath", Some(Data::Parameter)),
            ("bucket", "GetBucketPolicy", None),
            ("bucket", "ListObjectsV2", Some(Data::Bucket)),
            ("object", "GetObject", Some(Data::Bucket)),
            ("snapshot", "ModifySnapshotAttribute", Some(Data::Disk)),
            ("snapshot", "DescribeSnapshots", None),
            ("cache_cluster", "CreateSnapshot", Some(Data::Database)),
            ("table", "Scan", Some(Data::Database)),
            ("queue", "ReceiveMessage", Some(Data::Queue)),
            ("function", "GetFunction", Some(Data::Code)),
            ("function", "GetFunctionConfiguration", None),
            ("user", "DeleteUser", None),
        ] {
            assert_eq!(data(kind, call), expected, "{kind} {call}");
        }
    }
}
