//! Callers, with their addresses and programs, accounts and partitions. All are invented.
//!
//! Account ids are of the documentation's kind (`111122223333`), access keys and unique ids end in `EXAMPLE`, and
//! addresses come from the blocks that RFC 5737 and RFC 3849 reserve for documentation. An account has few callers, the
//! same in every file and for every seed: real archives repeat themselves, which is why they compress so well.

use super::rng::{self, Rng, nth};
use super::template::Template;
use super::time::push_decimal;

/// The organization whose trail delivers some events again.
pub(super) const ORGANIZATION: &str = "o-exampleorg";

/// Callers of each kind in an account; callers with low numbers call most often.
const CALLERS: u64 = 24;

/// First names of people.
pub(super) const PEOPLE: [&str; 20] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim",
    "laura", "mallory", "nora", "olivia", "peggy", "rupert", "sybil", "trent", "wendy",
];

/// Words in the names of systems, buckets, functions and roles.
pub(super) const WORDS: [&str; 24] = [
    "billing",
    "catalog",
    "checkout",
    "courier",
    "gateway",
    "harbor",
    "ingest",
    "inventory",
    "ledger",
    "lighthouse",
    "mailer",
    "metrics",
    "orchard",
    "orders",
    "payments",
    "pricing",
    "quarry",
    "reports",
    "search",
    "sessions",
    "signup",
    "telemetry",
    "tides",
    "warehouse",
];

/// Services that act on behalf of a caller.
const DELEGATES: [&str; 6] = [
    "autoscaling.amazonaws.com",
    "cloudformation.amazonaws.com",
    "AWS Internal",
    "ecs.amazonaws.com",
    "lambda.amazonaws.com",
    "backup.amazonaws.com",
];

/// User agents of programs.
const PROGRAMS: [&str; 7] = [
    "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#arm64 api/ec2#1.173.0",
    "Boto3/1.34.140 md/Botocore#1.34.140 ua/2.0 os/linux#6.1.97 md/arch#x86_64 lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.140",
    "aws-sdk-java/2.26.20 Linux/5.10.220 OpenJDK_64-Bit_Server_VM/21.0.3+9 Java/21.0.3 vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/standard",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.1",
    "aws-sdk-nodejs/2.1654.0 linux/v20.15.0 promise",
    "aws-sdk-rust/1.3.2 os/linux lang/rust/1.79.0",
    "amazon-ssm-agent/3.3.551.0 aws-sdk-go/1.54.10 (go1.22.5; linux; amd64)",
];

/// User agents of people.
const CLIENTS: [&str; 5] = [
    "aws-cli/2.17.9 md/awscrt#0.20.11 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "console.amazonaws.com",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0",
    "aws-cli/1.33.23 Python/3.10.12 Linux/6.5.0 botocore/1.34.141",
];

/// A set of regions with its own accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Partition {
    Aws,
    China,
    GovCloud,
}

impl Partition {
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Aws, Self::China, Self::GovCloud]
            .into_iter()
            .find(|partition| partition.name() == name)
    }

    /// Returns the name used in an ARN.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::GovCloud => "aws-us-gov",
        }
    }

    /// Returns the region in the events of global services.
    pub(super) fn home(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::China => "cn-north-1",
            Self::GovCloud => "us-gov-west-1",
        }
    }
}

/// An AWS account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) number: u64,
    pub(super) id: [u8; 12],
}

impl Account {
    /// Creates an account. The first 576 accounts have ids like `111122223333`; after that the id is the number itself,
    /// padded with zeros.
    pub(super) fn new(number: u64) -> Self {
        let mut id = [b'0'; 12];
        if number < 9 * 8 * 8 {
            let first = number % 9;
            let second = (first + 1 + number / 9 % 8) % 9;
            let third = (second + 1 + number / 72) % 9;
            for (block, digit) in id.chunks_exact_mut(4).zip([first, second, third]) {
                block.fill(b'1' + (digit % 9) as u8);
            }
        } else {
            let mut rest = number;
            for place in id.iter_mut().rev() {
                *place = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        Self { number, id }
    }
}

/// The callers that may perform an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The mix of a production account.
    Anyone,
    Person,
    /// A service on its own behalf.
    Service(&'static str),
    /// A caller of another account.
    Outsider,
    /// AWS itself, in the name of the user that the action is about.
    Aws,
}

/// The kind of a caller in CloudTrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A role that was assumed by a program, by a person, or by a service for its caller.
    Program,
    Person,
    Delegate,
    User,
    Root,
    Federated,
    Service,
    Outsider,
    Victim,
}

/// One caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) kind: Kind,
    pub(super) number: u64,
    /// The service that called, if the caller did not call itself.
    pub(super) invoker: Option<&'static str>,
}

impl Caller {
    /// Draws a caller that may perform the action.
    pub(super) fn draw(by: By, rng: &mut Rng) -> Self {
        let number = rng.below(CALLERS).min(rng.below(CALLERS));
        let kind = match by {
            By::Anyone => match rng.below(100) {
                0..58 => Kind::Program,
                58..72 => Kind::Person,
                72..82 => Kind::Delegate,
                82..95 => Kind::User,
                95..98 => Kind::Root,
                _ => Kind::Federated,
            },
            By::Person if rng.per_mille(600) => Kind::Person,
            By::Person => Kind::User,
            By::Service(_) => Kind::Service,
            By::Outsider => Kind::Outsider,
            By::Aws => Kind::Victim,
        };
        let invoker = match (by, kind) {
            (By::Service(name), _) => Some(name),
            (By::Aws, _) => Some("AWS Internal"),
            (_, Kind::Delegate) => Some(*rng.pick(&DELEGATES)),
            _ => None,
        };
        Self {
            kind,
            number,
            invoker,
        }
    }

    /// Returns a stream that is always the same for this caller; `what` separates the caller's attributes.
    pub(super) fn attribute(&self, account: Account, what: u64) -> Rng {
        Rng::of(&[account.number, self.kind as u64, self.number, what])
    }

    /// Appends the name of the user or of the role.
    pub(super) fn push_name(&self, out: &mut Vec<u8>) {
        let &word = nth(&WORDS, self.number);
        let (name, suffix) = match self.kind {
            Kind::Program => (word, "-runtime"),
            Kind::Person => ("AWSReservedSSO_", word),
            Kind::Delegate => ("AWSServiceRoleFor-", word),
            Kind::Outsider => ("partner-", word),
            Kind::User | Kind::Root | Kind::Federated | Kind::Service | Kind::Victim => {
                return push_person(self.number, out);
            }
        };
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
    }

    /// Appends the name of the session: a person's email address, an instance, or a job.
    pub(super) fn push_session(&self, account: Account, out: &mut Vec<u8>) {
        let mut rng = self.attribute(account, 1);
        match (self.kind, self.number % 3) {
            (Kind::Person, _) => {
                push_person(self.number, out);
                out.extend_from_slice(b"@example.com");
            }
            (Kind::Delegate, _) => out.extend_from_slice(b"AutoScaling"),
            (_, 0) => {
                out.extend_from_slice(b"i-0");
                rng.text(rng::HEX, 16, out);
            }
            (_, 1) => {
                out.extend_from_slice(b"deploy-");
                push_decimal(rng.between(1000, 99_999), out);
            }
            _ => {
                out.extend_from_slice(b"botocore-session-");
                push_decimal(rng.between(1_700_000_000, 1_799_999_999), out);
            }
        }
    }

    /// Appends the IP address.
    pub(super) fn push_ip(&self, account: Account, out: &mut Vec<u8>) {
        let mut rng = self.attribute(account, 2);
        if rng.per_mille(30) {
            out.extend_from_slice(b"2001:db8:");
            rng.text(rng::HEX, 4, out);
            out.extend_from_slice(b"::");
            return push_decimal(rng.between(1, 99), out);
        }
        out.extend_from_slice(
            rng.pick(&["192.0.2.", "198.51.100.", "203.0.113."])
                .as_bytes(),
        );
        push_decimal(rng.between(1, 254), out);
    }

    /// Returns the program that the caller used.
    pub(super) fn agent(&self, account: Account) -> &'static str {
        let mut rng = self.attribute(account, 3);
        let agents: &[&str] = match self.kind {
            Kind::Program | Kind::Outsider | Kind::Federated => &PROGRAMS,
            _ => &CLIENTS,
        };
        let agent: &&str = rng.pick(agents);
        agent
    }
}

/// Appends the name of a person; from the twenty-first on, names have numbers.
pub(super) fn push_person(number: u64, out: &mut Vec<u8>) {
    let people = PEOPLE.len() as u64;
    out.extend_from_slice(nth(&PEOPLE, number).as_bytes());
    if number >= people {
        out.push(b'-');
        push_decimal(number / people + 1, out);
    }
}

/// The `userIdentity` of each kind of caller, without the common end: `invokedBy`, if a service called, and the brace.
pub(super) struct Identities {
    role: Template,
    user: Template,
    root: Template,
    federated: Template,
    service: Template,
    outsider: Template,
    victim: Template,
}

impl Identities {
    pub(super) fn new() -> Self {
        Self {
            role: Template::new(concat!(
                r#"{"type":"AssumedRole","principalId":"AROA<actorid>EXAMPLE:<session>","arn":"<me>","accountId":"<account>","accessKeyId":"ASIA<actorkey>EXAMPLE","#,
                r#""sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA<actorid>EXAMPLE","arn":"arn:<partition>:iam::<account>:role/<actor>","accountId":"<account>","userName":"<actor>"},"#,
                r#""webIdFederationData":{},"attributes":{"creationDate":"<since>","mfaAuthenticated":"false"}}"#,
            )),
            user: Template::new(
                r#"{"type":"IAMUser","principalId":"AIDA<actorid>EXAMPLE","arn":"<me>","accountId":"<account>","accessKeyId":"AKIA<actorkey>EXAMPLE","userName":"<actor>""#,
            ),
            root: Template::new(concat!(
                r#"{"type":"Root","principalId":"<account>","arn":"<me>","accountId":"<account>","accessKeyId":"ASIA<actorkey>EXAMPLE","#,
                r#""sessionContext":{"sessionIssuer":{},"webIdFederationData":{},"attributes":{"creationDate":"<since>","mfaAuthenticated":"true"}}"#,
            )),
            federated: Template::new(concat!(
                r#"{"type":"FederatedUser","principalId":"<account>:<actor>","arn":"<me>","accountId":"<account>","accessKeyId":"ASIA<actorkey>EXAMPLE","#,
                r#""sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"AIDA<actorid>EXAMPLE","arn":"arn:<partition>:iam::<account>:user/broker","accountId":"<account>","userName":"broker"},"#,
                r#""webIdFederationData":{},"attributes":{"creationDate":"<since>","mfaAuthenticated":"false"}}"#,
            )),
            service: Template::new(r#"{"type":"AWSService""#),
            outsider: Template::new(
                r#"{"type":"AWSAccount","principalId":"AROA<actorid>EXAMPLE:<session>","accountId":"999988887777""#,
            ),
            victim: Template::new(concat!(
                r#"{"type":"IAMUser","principalId":"AIDA<userid>EXAMPLE","arn":"<me>","accountId":"<account>","accessKeyId":"ASIA<actorkey>EXAMPLE","userName":"<user>","#,
                r#""sessionContext":{"sessionIssuer":{},"webIdFederationData":{},"attributes":{"creationDate":"<time>","mfaAuthenticated":"false"}}"#,
            )),
        }
    }

    /// Returns the text for this kind.
    pub(super) fn of(&self, kind: Kind) -> &Template {
        match kind {
            Kind::Program | Kind::Person | Kind::Delegate => &self.role,
            Kind::User => &self.user,
            Kind::Root => &self.root,
            Kind::Federated => &self.federated,
            Kind::Service => &self.service,
            Kind::Outsider => &self.outsider,
            Kind::Victim => &self.victim,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn accounts_never_share_an_id() {
        let ids: BTreeSet<[u8; 12]> = (0..3000).map(|n| Account::new(n).id).collect();
        assert_eq!(ids.len(), 3000);
        assert_eq!(&Account::new(0).id, b"111122223333");
        assert_eq!(&Account::new(2999).id, b"000000002999");
    }

    #[test]
    fn people_beyond_the_list_are_numbered() {
        let name = |number| {
            let mut out = Vec::new();
            push_person(number, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!([name(0), name(20), name(41)], ["alice", "alice-2", "bob-3"]);
    }
}
