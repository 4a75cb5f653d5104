//! Builds archives and runs hunts over them, so that a test reads as a story.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program.
pub(crate) const TRAILSIFT: &str = env!("CARGO_BIN_EXE_trailsift");

/// A record that matches, with this event id.
pub(crate) fn attach(id: &str) -> String {
    attach_with(id, "AWSCompromisedKeyQuarantineV2")
}

/// A successful AttachUserPolicy of any policy.
pub(crate) fn attach_with(id: &str, policy: &str) -> String {
    format!(
        concat!(
            r#"{{"eventVersion":"1.09","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","#,
            r#""arn":"arn:aws:iam::111122223333:user/ops","accountId":"111122223333","#,
            r#""accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"ops"}},"#,
            r#""eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com","#,
            r#""eventName":"AttachUserPolicy","awsRegion":"us-east-1","#,
            r#""sourceIPAddress":"203.0.113.7","userAgent":"aws-internal/3","#,
            r#""requestParameters":{{"userName":"alice","#,
            r#""policyArn":"arn:aws:iam::aws:policy/{policy}"}},"responseElements":null,"#,
            r#""requestID":"r","eventID":"{id}","readOnly":false,"eventType":"AwsApiCall","#,
            r#""managementEvent":true,"recipientAccountId":"111122223333","#,
            r#""eventCategory":"Management"}}"#
        ),
        policy = policy,
        id = id
    )
}

/// A record that has nothing to do with the rule.
pub(crate) fn other(id: &str) -> String {
    attach_with(id, "ReadOnlyAccess").replace("AttachUserPolicy", "ListUsers")
}

/// A delivery file's text.
pub(crate) fn delivery(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// One gzip member.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// One zstd frame with a checksum.
pub(crate) fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A folder with an archive in it, and a folder beside it for what a run writes.
pub(crate) struct Lake {
    folder: tempfile::TempDir,
}

impl Lake {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        Self { folder }
    }

    /// The archive.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// A path beside the archive.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a file as it is.
    pub(crate) fn file(self, name: &str, stored: impl AsRef<[u8]>) -> Self {
        let path = self.logs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, stored).unwrap();
        self
    }

    /// Adds a gzip file.
    pub(crate) fn gzip(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.file(name, gzip(text.as_ref()))
    }

    /// Cuts a file off.
    pub(crate) fn cut_at(self, name: &str, len: usize) -> Self {
        let path = self.logs().join(name);
        let stored = fs::read(&path).unwrap();
        fs::write(path, &stored[..len]).unwrap();
        self
    }

    /// The command that hunts this archive, with NDJSON and a report beside it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(TRAILSIFT);
        command
            .current_dir(self.folder.path())
            .args(["hunt", "-o", "alerts.ndjson", "--report", "report.json"])
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// The program as a user who may not do everything: the present one, or `nobody` where that is root.
    /// Nothing where root cannot become another.
    pub(crate) fn unprivileged(&self) -> Option<Command> {
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut command = if is_root {
            // The folder of the build may be closed to others; the archive's is opened to them.
            let program = self.beside("trailsift");
            // Not twice: a copy onto a link to itself would empty it.
            if !program.try_exists().unwrap() {
                fs::hard_link(TRAILSIFT, &program)
                    .or_else(|_| fs::copy(TRAILSIFT, &program).map(drop))
                    .unwrap();
            }
            fs::set_permissions(self.folder.path(), Permissions::from_mode(0o777)).unwrap();
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(TRAILSIFT)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        let can_run = Command::new("setpriv").arg("--version").output().is_ok();
        (can_run || !is_root).then_some(command)
    }

    /// Hunts the archive.
    pub(crate) fn hunt(&self, args: &[&str]) -> Hunt {
        let output = self.command(args).arg("logs").output().unwrap();
        self.hunted(output)
    }

    /// The rows that a run wrote, wherever it did: those of an older output that it left as it was are none of them.
    fn written(&self, report: &Value) -> Vec<Value> {
        let output = &report["outputs"][0];
        match output["fate"].as_str() {
            Some("kept" | "no_rows") => Vec::new(),
            Some("incomplete") => rows(&self.beside(output["written_to"].as_str().unwrap())),
            _ => rows(&self.beside("alerts.ndjson")),
        }
    }

    /// What a run of [`Lake::command`] came to.
    pub(crate) fn hunted(&self, output: Output) -> Hunt {
        let report = fs::read(self.beside("report.json")).ok();
        let report = report.map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap());
        Hunt {
            exit: output.status.code(),
            alerts: self.written(&report),
            report,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The rows of an NDJSON file without the run's id, which differs from run to run; none if it is not there.
pub(crate) fn rows(path: &Path) -> Vec<Value> {
    let mut rows = rows_with_run(path);
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.remove("run_id");
    }
    rows
}

/// The rows of an NDJSON file; none if it is not there.
pub(crate) fn rows_with_run(path: &Path) -> Vec<Value> {
    let ndjson = fs::read(path).unwrap_or_default();
    serde_json::Deserializer::from_slice(&ndjson)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// What a run came to.
pub(crate) struct Hunt {
    pub(crate) exit: Option<i32>,
    pub(crate) alerts: Vec<Value>,
    pub(crate) report: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Hunt {
    /// Asserts the exit code, and that the report agrees with it.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, Some(code), "{}", self.stderr);
        if code == 0 || code == 3 {
            assert_eq!(self.report["complete"], code == 0, "{}", self.report);
            assert_eq!(self.report["alerts"], self.alerts.len());
        }
        self
    }

    /// Asserts the event ids of the first and the last alert, whatever is between them.
    #[track_caller]
    pub(crate) fn begins_and_ends_with(&self, first: &str, last: &str) {
        let id = |row: &Value| row["event_id"].as_str().unwrap().to_owned();
        let ids: Vec<_> = self.alerts.iter().map(id).collect();
        let ends = [ids.first(), ids.last()].map(|id| id.map(String::as_str));
        assert_eq!(ends, [Some(first), Some(last)], "{ids:?}");
    }

    /// Asserts the event ids of the alerts, in their order.
    #[track_caller]
    pub(crate) fn finds(self, ids: &[&str]) -> Self {
        let found: Vec<_> = self
            .alerts
            .iter()
            .map(|row| row["event_id"].as_str().unwrap())
            .collect();
        assert_eq!(found, ids, "{}", self.stderr);
        self
    }

    /// Asserts the codes of the diagnostics, in their order, and that each was printed too.
    #[track_caller]
    pub(crate) fn tells(self, codes: &[&str]) -> Self {
        let diagnostics = self.report["diagnostics"].as_array().unwrap();
        let told: Vec<_> = diagnostics
            .iter()
            .map(|d| d["code"].as_str().unwrap())
            .collect();
        assert_eq!(told, codes, "{}", self.stderr);
        for diagnostic in diagnostics {
            let source = diagnostic["source"].as_str().unwrap();
            assert!(
                self.stderr.contains(source),
                "{source} is not in {}",
                self.stderr
            );
        }
        self
    }

    /// Asserts a text on standard output.
    #[track_caller]
    pub(crate) fn shows(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "{text:?} is not in {}",
            self.stdout
        );
        self
    }

    /// Asserts a text on standard error.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "{text:?} is not in {}",
            self.stderr
        );
        self
    }
}
