//! The table of the ways in which access is given to outsiders: other accounts, everybody, and identity providers. It
//! has the calls that give such access and take it back.
//!
//! Sources: for each service the API reference that `follow/touched/table.txt` names, and the pages on resource-based
//! policies and sharing in its user guide; IAM user guide, "AWS services that work with IAM" (the column "Resource-based
//! policies"). Trust policies of roles are not here: a role is an entity of its own, see `made`.

use crate::follow::touched::{call_name, service_name};
use crate::output::{Alert, Column};

/// A way in which access is given, by its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way(pub(super) usize);

/// What is known about a way.
pub(super) struct Access {
    /// What gives the access, in words.
    pub(super) words: &'static str,
    pub(super) service: &'static str,
    /// The kinds of things that it opens.
    pub(super) kinds: &'static [&'static str],
    /// Calls that replace a whole policy.
    pub(super) set: &'static [&'static str],
    /// Calls that let in more, and may take back what they name so.
    pub(super) add: &'static [&'static str],
    /// Calls that take all of it back.
    pub(super) remove: &'static [&'static str],
    /// The member of a record with the id of what one call gave, and the calls that take that back.
    pub(super) by_id: Option<(&'static str, &'static [&'static str])>,
    /// The commands that show and end it, without `aws`: see [`Way::commands`].
    pub(super) commands: &'static [&'static str],
}

/// What has no entries of its own.
const NO_ACCESS: Access = Access {
    words: "",
    service: "",
    kinds: &[],
    set: &[],
    add: &[],
    remove: &[],
    by_id: None,
    commands: &[],
};

pub(super) const ALL: [Access; 24] = [
    Access {
        words: "bucket policy",
        service: "s3",
        kinds: &["bucket"],
        set: &["PutBucketPolicy"],
        remove: &["DeleteBucketPolicy", "DeleteBucket"],
        commands: &[
            "s3api get-bucket-policy --bucket NAME",
            "s3api delete-bucket-policy --bucket NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "access control list",
        service: "s3",
        kinds: &["bucket"],
        set: &["PutBucketAcl"],
        remove: &["DeleteBucket"],
        commands: &[
            "s3api get-bucket-acl --bucket NAME",
            "s3api put-bucket-acl --bucket NAME --acl private",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "replication to another account",
        service: "s3",
        kinds: &["bucket"],
        set: &["PutBucketReplication"],
        remove: &["DeleteBucketReplication", "DeleteBucket"],
        commands: &[
            "s3api get-bucket-replication --bucket NAME",
            "s3api delete-bucket-replication --bucket NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "policy of the access point",
        service: "s3",
        kinds: &["access_point"],
        set: &["PutAccessPointPolicy"],
        remove: &["DeleteAccessPointPolicy", "DeleteAccessPoint"],
        commands: &["s3control delete-access-point-policy --account-id ACCOUNT --name NAME"],
        ..NO_ACCESS
    },
    Access {
        words: "key policy",
        service: "kms",
        kinds: &["kms_key"],
        set: &["PutKeyPolicy"],
        commands: &["kms get-key-policy --region REGION --key-id NAME --policy-name default"],
        ..NO_ACCESS
    },
    Access {
        words: "grant",
        service: "kms",
        kinds: &["kms_key"],
        add: &["CreateGrant"],
        by_id: Some(("grantId", &["RevokeGrant", "RetireGrant"])),
        commands: &[
            "kms list-grants --region REGION --key-id NAME",
            "kms revoke-grant --region REGION --key-id NAME --grant-id ID",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "shared snapshot",
        service: "ec2",
        kinds: &["snapshot"],
        add: &["ModifySnapshotAttribute"],
        remove: &["ResetSnapshotAttribute", "DeleteSnapshot"],
        commands: &[
            "ec2 reset-snapshot-attribute --region REGION --attribute createVolumePermission --snapshot-id NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "shared image",
        service: "ec2",
        kinds: &["image"],
        add: &["ModifyImageAttribute"],
        remove: &["ResetImageAttribute", "DeregisterImage"],
        commands: &[
            "ec2 reset-image-attribute --region REGION --attribute launchPermission --image-id NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "shared database snapshot",
        service: "rds",
        kinds: &["db_snapshot"],
        add: &["ModifyDBSnapshotAttribute"],
        remove: &["DeleteDBSnapshot"],
        commands: &[
            "rds modify-db-snapshot-attribute --region REGION --db-snapshot-identifier NAME --attribute-name restore --values-to-remove WHOM",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "shared cluster snapshot",
        service: "rds",
        kinds: &["db_cluster_snapshot"],
        add: &["ModifyDBClusterSnapshotAttribute"],
        remove: &["DeleteDBClusterSnapshot"],
        commands: &[
            "rds modify-db-cluster-snapshot-attribute --region REGION --db-cluster-snapshot-identifier NAME --attribute-name restore --values-to-remove WHOM",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "shared snapshot",
        service: "redshift",
        kinds: &["redshift_snapshot", "db_cluster_snapshot", "snapshot"],
        add: &["AuthorizeSnapshotAccess"],
        remove: &["RevokeSnapshotAccess", "DeleteClusterSnapshot"],
        commands: &[
            "redshift revoke-snapshot-access --region REGION --snapshot-identifier NAME --account-with-restore-access WHOM",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "topic policy",
        service: "sns",
        kinds: &["topic"],
        set: &["SetTopicAttributes"],
        add: &["AddPermission"],
        remove: &["DeleteTopic"],
        by_id: Some(("label", &["RemovePermission"])),
        commands: &[
            "sns get-topic-attributes --region REGION --topic-arn arn:aws:sns:REGION:ACCOUNT:NAME",
            "sns remove-permission --region REGION --topic-arn arn:aws:sns:REGION:ACCOUNT:NAME --label ID",
        ],
    },
    Access {
        words: "queue policy",
        service: "sqs",
        kinds: &["queue"],
        set: &["SetQueueAttributes"],
        add: &["AddPermission"],
        remove: &["DeleteQueue"],
        by_id: Some(("label", &["RemovePermission"])),
        commands: &[
            "sqs get-queue-attributes --region REGION --attribute-names Policy --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/NAME",
            "sqs remove-permission --region REGION --queue-url https://sqs.REGION.amazonaws.com/ACCOUNT/NAME --label ID",
        ],
    },
    Access {
        words: "policy of the secret",
        service: "secretsmanager",
        kinds: &["secret"],
        set: &["PutResourcePolicy"],
        remove: &["DeleteResourcePolicy", "DeleteSecret"],
        commands: &[
            "secretsmanager get-resource-policy --region REGION --secret-id NAME",
            "secretsmanager delete-resource-policy --region REGION --secret-id NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "repository policy",
        service: "ecr",
        kinds: &["repository"],
        set: &["SetRepositoryPolicy"],
        remove: &["DeleteRepositoryPolicy", "DeleteRepository"],
        commands: &[
            "ecr get-repository-policy --region REGION --repository-name NAME",
            "ecr delete-repository-policy --region REGION --repository-name NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "vault policy",
        service: "backup",
        kinds: &["backup_vault"],
        set: &["PutBackupVaultAccessPolicy"],
        remove: &["DeleteBackupVaultAccessPolicy", "DeleteBackupVault"],
        commands: &[
            "backup get-backup-vault-access-policy --region REGION --backup-vault-name NAME",
            "backup delete-backup-vault-access-policy --region REGION --backup-vault-name NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "policy of the file system",
        service: "elasticfilesystem",
        kinds: &["file_system"],
        set: &["PutFileSystemPolicy"],
        remove: &["DeleteFileSystemPolicy", "DeleteFileSystem"],
        commands: &[
            "efs describe-file-system-policy --region REGION --file-system-id NAME",
            "efs delete-file-system-policy --region REGION --file-system-id NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "policy of the table",
        service: "dynamodb",
        kinds: &["table"],
        set: &["PutResourcePolicy"],
        remove: &["DeleteResourcePolicy", "DeleteTable"],
        commands: &[
            "dynamodb delete-resource-policy --region REGION --resource-arn arn:aws:dynamodb:REGION:ACCOUNT:table/NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "shared document",
        service: "ssm",
        kinds: &["document"],
        add: &["ModifyDocumentPermission"],
        remove: &["DeleteDocument"],
        commands: &[
            "ssm modify-document-permission --region REGION --name NAME --permission-type Share --account-ids-to-remove WHOM",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "resource share",
        service: "ram",
        kinds: &["resource_share"],
        add: &["CreateResourceShare", "AssociateResourceShare"],
        remove: &["DeleteResourceShare"],
        commands: &["ram get-resource-shares --region REGION --resource-owner SELF"],
        ..NO_ACCESS
    },
    Access {
        words: "transfer to another account",
        service: "route53domains",
        kinds: &["domain"],
        add: &["TransferDomainToAnotherAwsAccount"],
        remove: &["CancelDomainTransferToAnotherAwsAccount"],
        commands: &[
            "route53domains cancel-domain-transfer-to-another-aws-account --region us-east-1 --domain-name NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "sign-in for its users",
        service: "iam",
        kinds: &["saml_provider"],
        add: &["CreateSAMLProvider"],
        remove: &["DeleteSAMLProvider"],
        commands: &[
            "iam delete-saml-provider --saml-provider-arn arn:aws:iam::ACCOUNT:saml-provider/NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "sign-in for its users",
        service: "iam",
        kinds: &["oidc_provider"],
        add: &["CreateOpenIDConnectProvider"],
        remove: &["DeleteOpenIDConnectProvider"],
        commands: &[
            "iam delete-open-id-connect-provider --open-id-connect-provider-arn arn:aws:iam::ACCOUNT:oidc-provider/NAME",
        ],
        ..NO_ACCESS
    },
    Access {
        words: "sign-in with its certificates",
        service: "rolesanywhere",
        kinds: &["trust_anchor"],
        add: &["CreateTrustAnchor"],
        commands: &["rolesanywhere list-trust-anchors --region REGION"],
        ..NO_ACCESS
    },
];

impl Way {
    pub(super) fn access(self) -> Option<&'static Access> {
        ALL.get(self.0)
    }

    /// Returns what gives the access, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        self.access().map_or("", |access| access.words)
    }

    /// Returns the kind of things that it opens, in words.
    #[must_use]
    pub fn kind(self) -> String {
        let kinds = self.access().map_or(&[][..], |access| access.kinds);
        kinds
            .first()
            .map_or_else(String::new, |kind| kind.replace('_', " "))
    }

    /// Returns the commands that show and end the access, without `aws`. In their words are `NAME` for the name of the
    /// thing, `ACCOUNT`, `REGION`, `WHOM` for the outsider, and `ID` for the id of what the call gave.
    #[must_use]
    pub fn commands(self) -> &'static [&'static str] {
        self.access().map_or(&[], |access| access.commands)
    }
}

/// Returns whether a call gives access to outsiders, or may give it.
pub(in crate::case) fn lets_in(alert: &Alert) -> bool {
    is_call(alert, &|access, call| {
        access.set.contains(&call) || access.add.contains(&call)
    })
}

/// Returns whether a call gives access to outsiders or takes it back, or may do so.
pub(in crate::case) fn is_about_access(alert: &Alert) -> bool {
    is_call(alert, &|access, call| {
        let by_id = access.by_id.map_or(&[][..], |(_, calls)| calls);
        let all = [access.set, access.add, access.remove, by_id];
        all.iter().any(|calls| calls.contains(&call))
    })
}

fn is_call(alert: &Alert, is_one: &dyn Fn(&Access, &str) -> bool) -> bool {
    let text = |column| alert.text(column).unwrap_or_default();
    let call = call_name(text(Column::EventAction));
    let service = service_name(text(Column::EventProvider));
    let mut of_service = ALL.iter().filter(|access| access.service == service);
    of_service.any(|access| is_one(access, call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Kind;

    #[test]
    fn each_way_has_calls_that_give_access_and_commands() {
        for (n, access) in ALL.iter().enumerate() {
            let calls = || access.set.iter().chain(access.add);
            assert!(calls().next().is_some(), "{}", access.words);
            assert!(
                !access.kinds.is_empty() && !access.commands.is_empty(),
                "{n}"
            );
            // A kind that is followed would be removed as an entity.
            let mut kinds = access.kinds.iter();
            assert!(kinds.all(|kind| Kind::from_name(kind).is_none()), "{n}");
            for other in &ALL[..n] {
                let is_same = other.service == access.service && other.kinds == access.kinds;
                let shared = |call: &&str| other.set.contains(call) || other.add.contains(call);
                assert!(!is_same || !calls().any(shared), "{}", access.words);
            }
        }
    }
}
