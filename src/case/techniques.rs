//! The MITRE ATT&CK technique that a call can be a step of.
//!
//! The table was made for this program from the techniques' pages for the cloud (attack.mitre.org, version 15, platform
//! IaaS): each page names the calls, or what they do, under "Procedure Examples" and "Detection". A call is no proof of
//! an attack.

/// A technique, and the tactic that it is listed under here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Technique {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The tactic.
    pub tactic: &'static str,
}

const fn of(id: &'static str, name: &'static str, tactic: &'static str) -> Technique {
    Technique { id, name, tactic }
}

const ADDITIONAL_CREDENTIALS: Technique = of(
    "T1098.001",
    "Account Manipulation: Additional Cloud Credentials",
    "Persistence",
);
const ADDITIONAL_ROLES: Technique = of(
    "T1098.003",
    "Account Manipulation: Additional Cloud Roles",
    "Privilege Escalation",
);
const CREATE_ACCOUNT: Technique = of("T1136.003", "Create Account: Cloud Account", "Persistence");
const DISABLE_LOGS: Technique = of(
    "T1562.008",
    "Impair Defenses: Disable or Modify Cloud Logs",
    "Defense Evasion",
);
const DISABLE_FIREWALL: Technique = of(
    "T1562.007",
    "Impair Defenses: Disable or Modify Cloud Firewall",
    "Defense Evasion",
);
const DISABLE_TOOLS: Technique = of(
    "T1562.001",
    "Impair Defenses: Disable or Modify Tools",
    "Defense Evasion",
);
const SECRETS: Technique = of(
    "T1555.006",
    "Credentials from Password Stores: Cloud Secrets Management Stores",
    "Credential Access",
);
const METADATA: Technique = of(
    "T1552.005",
    "Unsecured Credentials: Cloud Instance Metadata API",
    "Credential Access",
);
const UNSECURED: Technique = of("T1552", "Unsecured Credentials", "Credential Access");
const CREATE_INSTANCE: Technique = of(
    "T1578.002",
    "Modify Cloud Compute Infrastructure: Create Cloud Instance",
    "Defense Evasion",
);
const CREATE_SNAPSHOT: Technique = of(
    "T1578.001",
    "Modify Cloud Compute Infrastructure: Create Snapshot",
    "Defense Evasion",
);
const TRANSFER: Technique = of("T1537", "Transfer Data to Cloud Account", "Exfiltration");
const STORAGE: Technique = of("T1530", "Data from Cloud Storage", "Collection");
const DESTRUCTION: Technique = of("T1485", "Data Destruction", "Impact");
const RECOVERY: Technique = of("T1490", "Inhibit System Recovery", "Impact");
const ACCESS_REMOVAL: Technique = of("T1531", "Account Access Removal", "Impact");
const HIJACKING: Technique = of("T1496", "Resource Hijacking", "Impact");
const COMMANDS: Technique = of("T1651", "Cloud Administration Command", "Execution");
const SERVERLESS: Technique = of("T1648", "Serverless Execution", "Execution");
const VALID_ACCOUNTS: Technique = of(
    "T1078.004",
    "Valid Accounts: Cloud Accounts",
    "Initial Access",
);
const TOKENS: Technique = of(
    "T1550.001",
    "Use Alternate Authentication Material: Application Access Token",
    "Lateral Movement",
);
const ACCOUNT_DISCOVERY: Technique =
    of("T1087.004", "Account Discovery: Cloud Account", "Discovery");
const PERMISSIONS: Technique = of(
    "T1069.003",
    "Permission Groups Discovery: Cloud Groups",
    "Discovery",
);
const INFRASTRUCTURE: Technique = of("T1580", "Cloud Infrastructure Discovery", "Discovery");
const SERVICES: Technique = of("T1526", "Cloud Service Discovery", "Discovery");
const STORAGE_DISCOVERY: Technique = of("T1619", "Cloud Storage Object Discovery", "Discovery");
const REGIONS: Technique = of(
    "T1535",
    "Unused/Unsupported Cloud Regions",
    "Defense Evasion",
);

/// Calls by their names.
const CALLS: [(&str, Technique); 84] = [
    ("CreateAccessKey", ADDITIONAL_CREDENTIALS),
    ("CreateLoginProfile", ADDITIONAL_CREDENTIALS),
    ("UpdateLoginProfile", ADDITIONAL_CREDENTIALS),
    ("ImportKeyPair", ADDITIONAL_CREDENTIALS),
    ("CreateKeyPair", ADDITIONAL_CREDENTIALS),
    ("CreateServiceSpecificCredential", ADDITIONAL_CREDENTIALS),
    ("UploadSSHPublicKey", ADDITIONAL_CREDENTIALS),
    ("CreateVirtualMFADevice", ADDITIONAL_CREDENTIALS),
    ("EnableMFADevice", ADDITIONAL_CREDENTIALS),
    ("GetFederationToken", ADDITIONAL_CREDENTIALS),
    ("CreateUser", CREATE_ACCOUNT),
    ("CreateRole", CREATE_ACCOUNT),
    ("AttachUserPolicy", ADDITIONAL_ROLES),
    ("AttachRolePolicy", ADDITIONAL_ROLES),
    ("AttachGroupPolicy", ADDITIONAL_ROLES),
    ("PutUserPolicy", ADDITIONAL_ROLES),
    ("PutRolePolicy", ADDITIONAL_ROLES),
    ("PutGroupPolicy", ADDITIONAL_ROLES),
    ("AddUserToGroup", ADDITIONAL_ROLES),
    ("UpdateAssumeRolePolicy", ADDITIONAL_ROLES),
    ("CreatePolicyVersion", ADDITIONAL_ROLES),
    ("SetDefaultPolicyVersion", ADDITIONAL_ROLES),
    ("AddRoleToInstanceProfile", ADDITIONAL_ROLES),
    ("DeleteUserPermissionsBoundary", ADDITIONAL_ROLES),
    ("StopLogging", DISABLE_LOGS),
    ("DeleteTrail", DISABLE_LOGS),
    ("UpdateTrail", DISABLE_LOGS),
    ("PutEventSelectors", DISABLE_LOGS),
    ("DeleteFlowLogs", DISABLE_LOGS),
    ("DeleteEventDataStore", DISABLE_LOGS),
    ("DeleteDetector", DISABLE_TOOLS),
    ("UpdateDetector", DISABLE_TOOLS),
    ("StopConfigurationRecorder", DISABLE_TOOLS),
    ("DeleteConfigurationRecorder", DISABLE_TOOLS),
    ("DisableSecurityHub", DISABLE_TOOLS),
    ("LeaveOrganization", DISABLE_TOOLS),
    ("AuthorizeSecurityGroupIngress", DISABLE_FIREWALL),
    ("AuthorizeSecurityGroupEgress", DISABLE_FIREWALL),
    ("DeleteWebACL", DISABLE_FIREWALL),
    ("GetSecretValue", SECRETS),
    ("BatchGetSecretValue", SECRETS),
    ("GetParameter", SECRETS),
    ("GetParameters", SECRETS),
    ("GetParametersByPath", SECRETS),
    ("ListSecrets", SECRETS),
    ("DescribeParameters", SECRETS),
    ("GetPasswordData", UNSECURED),
    ("DescribeInstanceAttribute", METADATA),
    ("RunInstances", CREATE_INSTANCE),
    ("CreateSnapshot", CREATE_SNAPSHOT),
    ("CreateDBSnapshot", CREATE_SNAPSHOT),
    ("ModifySnapshotAttribute", TRANSFER),
    ("ModifyDBSnapshotAttribute", TRANSFER),
    ("ModifyImageAttribute", TRANSFER),
    ("PutBucketReplication", TRANSFER),
    ("PutBucketPolicy", TRANSFER),
    ("GetObject", STORAGE),
    ("DeleteObject", DESTRUCTION),
    ("DeleteObjects", DESTRUCTION),
    ("DeleteBucket", DESTRUCTION),
    ("TerminateInstances", DESTRUCTION),
    ("DeleteDBInstance", DESTRUCTION),
    ("DeleteDBCluster", DESTRUCTION),
    ("ScheduleKeyDeletion", RECOVERY),
    ("DeleteSnapshot", RECOVERY),
    ("PutBucketVersioning", RECOVERY),
    ("PutBucketLifecycle", RECOVERY),
    ("DeleteLoginProfile", ACCESS_REMOVAL),
    ("DeleteAccessKey", ACCESS_REMOVAL),
    ("DeleteUser", ACCESS_REMOVAL),
    ("RequestSpotInstances", HIJACKING),
    ("CreateCluster", HIJACKING),
    ("InvokeModel", HIJACKING),
    ("SendCommand", COMMANDS),
    ("StartSession", COMMANDS),
    ("CreateFunction20150331", SERVERLESS),
    ("UpdateFunctionCode20150331v2", SERVERLESS),
    ("ConsoleLogin", VALID_ACCOUNTS),
    ("AssumeRole", TOKENS),
    ("GetSessionToken", TOKENS),
    ("ListBuckets", STORAGE_DISCOVERY),
    ("ListObjects", STORAGE_DISCOVERY),
    ("ListObjectsV2", STORAGE_DISCOVERY),
    ("EnableRegion", REGIONS),
];

/// Returns the technique that a call of a service can be a step of, if the call succeeds.
#[must_use]
pub fn technique(service: &str, call: &str) -> Option<Technique> {
    let by_name = CALLS.iter().find(|(name, _)| *name == call);
    if let Some((_, technique)) = by_name {
        return Some(*technique);
    }
    let reads = ["Get", "List", "Describe"]
        .iter()
        .any(|verb| call.starts_with(verb));
    let service = service.split('.').next().unwrap_or_default();
    match service {
        _ if !reads => None,
        "iam" if call.contains("Polic") || call.contains("Group") => Some(PERMISSIONS),
        "iam" | "sts" | "organizations" | "sso" | "identitystore" => Some(ACCOUNT_DISCOVERY),
        "ec2" | "rds" | "lambda" | "eks" | "ecs" | "elasticloadbalancing" => Some(INFRASTRUCTURE),
        _ => Some(SERVICES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stands_once_and_its_technique_is_one() {
        for (n, (name, technique)) in CALLS.iter().enumerate() {
            assert!(CALLS[..n].iter().all(|(other, _)| other != name), "{name}");
            let id = technique.id.strip_prefix('T').unwrap();
            assert!(
                id.replace('.', "").bytes().all(|b| b.is_ascii_digit()),
                "{id}"
            );
        }
    }

    #[test]
    fn calls_that_only_read_are_discovery_and_unknown_others_are_none() {
        let id = |service, call| technique(service, call).map(|technique| technique.id);
        assert_eq!(id("iam.amazonaws.com", "ListUsers"), Some("T1087.004"));
        assert_eq!(
            id("iam.amazonaws.com", "ListAttachedUserPolicies"),
            Some("T1069.003")
        );
        assert_eq!(id("ec2.amazonaws.com", "DescribeInstances"), Some("T1580"));
        assert_eq!(
            id("iam.amazonaws.com", "CreateAccessKey"),
            Some("T1098.001")
        );
        assert_eq!(id("iam.amazonaws.com", "TagUser"), None);
    }
}
