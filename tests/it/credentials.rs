//! Where credentials for a bucket come from, each way; and the commands of the documentation.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use bytes::Bytes;

use crate::lake::{Lake, TRAILSIFT, attach};
use crate::s3::memory::MemoryS3;
use crate::s3::{ACCESS_KEY, SECRET_KEY, Server, tls};

/// What `aws sso login` leaves of a session named `corp`: AWS's tools look below the SHA-1 of that name (their own
/// documentation, "SSO token provider").
const SSO_TOKEN: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

/// Gives credentials as SSO's portal, STS, a container's agent and an instance's metadata service do, to whom shows
/// what each of them wants to see.
fn giver() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || give(client).ok());
        }
    });
    address
}

fn give(mut client: TcpStream) -> io::Result<()> {
    let (mut request, mut some) = (Vec::new(), [0; 16 * 1024]);
    let text = loop {
        let n = client.read(&mut some)?;
        request.extend_from_slice(&some[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break text;
        }
    };
    let answer = answer(&text).unwrap_or_default();
    let status = if answer.is_empty() {
        "404 Not Found"
    } else {
        "200 OK"
    };
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\
        x-aws-ec2-metadata-token-ttl-seconds: 21600"
    );
    client.write_all(format!("{head}\r\n\r\n{answer}").as_bytes())
}

fn answer(request: &str) -> Option<String> {
    let (line, rest) = request.split_once("\r\n")?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    let camel = |code: &str| {
        format!(
            r#"{{{code}"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}","Token":"t","Expiration":"2099-01-01T00:00:00Z"}}"#
        )
    };
    let sts = |action: &str| {
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
             <AccessKeyId>{ACCESS_KEY}</AccessKeyId><SecretAccessKey>{SECRET_KEY}</SecretAccessKey>\
             <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
             <AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/Reader/x</Arn>\
             <AssumedRoleId>AROAEXAMPLE:x</AssumedRoleId></AssumedRoleUser></{action}Result></{action}Response>"
        )
    };
    match (method, path) {
        ("GET", "/federation/credentials") if rest.contains("x-amz-sso_bearer_token: of-login") => {
            Some(format!(
                r#"{{"roleCredentials":{{"accessKeyId":"{ACCESS_KEY}","secretAccessKey":"{SECRET_KEY}","sessionToken":"t","expiration":4070908800000}}}}"#
            ))
        }
        ("POST", "/")
            if rest.contains("Action=AssumeRoleWithWebIdentity&")
                && rest.contains("WebIdentityToken=of-the-pod") =>
        {
            Some(sts("AssumeRoleWithWebIdentity"))
        }
        ("POST", "/")
            if rest.contains("Action=AssumeRole&")
                && rest.contains("Credential=AKIAI44QH8DHBEXAMPLE/") =>
        {
            Some(sts("AssumeRole"))
        }
        ("GET", "/container") => Some(camel("")),
        ("PUT", "/latest/api/token") => Some("of-the-instance".to_owned()),
        ("GET", "/latest/meta-data/iam/security-credentials/") => Some("reader".to_owned()),
        ("GET", "/latest/meta-data/iam/security-credentials/reader")
            if rest.contains("x-aws-ec2-metadata-token: of-the-instance") =>
        {
            Some(camel(r#""Code":"Success","#))
        }
        _ => None,
    }
}

/// A home with the configuration of a person who logs in by SSO, and some other profiles.
fn home(lake: &Lake) {
    let aws = lake.beside(".aws");
    fs::create_dir_all(aws.join("sso/cache")).unwrap();
    let json =
        format!(r#"{{"Version":1,"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}"}}"#);
    fs::write(lake.beside("credentials.json"), json).unwrap();
    let config = format!(
        "[profile security]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Reader\n\
         region = us-east-1\n\
         [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n\
         [profile process]\ncredential_process = cat {}\n\
         [profile keys]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n\
         [profile weak]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = x\n\
         [profile role]\nrole_arn = arn:aws:iam::111122223333:role/Reader\nsource_profile = weak\nregion = us-east-1\n",
        lake.beside("credentials.json").display(),
    );
    fs::write(aws.join("config"), config).unwrap();
    let token = r#"{"accessToken":"of-login","expiresAt":"2099-01-01T00:00:00Z","region":"us-east-1","startUrl":"https://example.awsapps.com/start"}"#;
    fs::write(lake.beside(SSO_TOKEN), token).unwrap();
    fs::write(lake.beside("token"), "of-the-pod").unwrap();
}

/// Has a command find nothing but what lies in a home, and the services at their addresses here.
fn at_home<'a>(
    command: &'a mut Command,
    home: &Path,
    server: &Server,
    giver: SocketAddr,
) -> &'a mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", home)
        .env(
            "AWS_ENDPOINT_URL_S3",
            format!("http://{}", server.address()),
        )
        .env("AWS_ENDPOINT_URL_SSO", format!("http://{giver}"))
        .env("AWS_ENDPOINT_URL_STS", format!("http://{giver}"))
        .env(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            format!("http://{giver}"),
        )
}

#[test]
fn credentials_are_found_where_the_tools_of_aws_find_them() {
    let object = ("a".to_owned(), Bytes::from(attach("1")));
    let server = Server::of_memory(MemoryS3::from_iter([object]));
    let giver = giver();
    let lake = Lake::new();
    home(&lake);
    let container = format!("http://{giver}/container");
    let token = lake.beside("token").display().to_string();
    let role = "arn:aws:iam::111122223333:role/Reader";
    for variables in [
        &[("AWS_PROFILE", "security")] as &[(&str, &str)],
        &[("AWS_PROFILE", "process")],
        &[("AWS_PROFILE", "keys")],
        &[("AWS_PROFILE", "role")],
        &[
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ],
        &[
            ("AWS_ROLE_ARN", role),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
            ("AWS_REGION", "us-east-1"),
        ],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)],
        // Of the instance.
        &[],
    ] {
        let mut command = lake.command(&["s3://trail"]);
        at_home(&mut command, &lake.beside(""), &server, giver).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{variables:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        lake.hunted(output).exits(0).finds(&["1"]);
    }
    // A login that has ended.
    fs::remove_file(lake.beside(SSO_TOKEN)).unwrap();
    let mut command = lake.command(&["s3://trail"]);
    at_home(&mut command, &lake.beside(""), &server, giver).env("AWS_PROFILE", "security");
    lake.hunted(command.output().unwrap())
        .exits(3)
        .says("run `aws sso login` with the same profile");
}

#[test]
fn a_named_profile_wins_over_keys_of_the_environment() {
    let object = ("a".to_owned(), Bytes::from(attach("1")));
    let server = Server::of_memory(MemoryS3::from_iter([object]));
    let giver = giver();
    let lake = Lake::new();
    home(&lake);
    for profile in ["security", "process", "keys", "role"] {
        let mut command = lake.command(&["s3://trail", "--profile", profile]);
        at_home(&mut command, &lake.beside(""), &server, giver)
            .env("AWS_PROFILE", "none")
            .env("AWS_ACCESS_KEY_ID", "AKIAI44QH8DHBEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "of-another-account");
        lake.hunted(command.output().unwrap())
            .exits(0)
            .finds(&["1"]);
    }
    // One that is not there is no reason to take others.
    let mut command = lake.command(&["s3://trail", "--profile", "nobody"]);
    at_home(&mut command, &lake.beside(""), &server, giver)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    lake.hunted(command.output().unwrap())
        .exits(3)
        .says("nobody");
}

#[test]
fn a_bundle_of_certificates_is_trusted_for_buckets_and_credentials() {
    let object = ("a".to_owned(), Bytes::from(attach("1")));
    let server = Server::of_memory(MemoryS3::from_iter([object]));
    let (bucket, sts) = (tls::before(server.address()), tls::before(giver()));
    let lake = Lake::new();
    home(&lake);
    let authority = tls::authority().display().to_string();
    let config = fs::read(lake.beside(".aws/config")).unwrap();
    let config = String::from_utf8(config).unwrap();
    let config = config.replace("[profile role]\n", "[profile role]\nca_bundle = BUNDLE\n");
    let of_profile = config.replace("BUNDLE", &authority);
    let hunt = |config: &str, variables: &[(&str, &str)]| {
        fs::write(lake.beside(".aws/config"), config).unwrap();
        let mut command = lake.command(&["s3://trail", "--retry-time", "1"]);
        at_home(&mut command, &lake.beside(""), &server, sts)
            .env("AWS_ENDPOINT_URL_S3", format!("https://{bucket}"))
            .env("AWS_ENDPOINT_URL_STS", format!("https://{sts}"))
            .env("AWS_PROFILE", "role")
            .envs(variables.iter().copied());
        lake.hunted(command.output().unwrap())
    };
    let without = config.replace("ca_bundle = BUNDLE\n", "");
    hunt(&without, &[("AWS_CA_BUNDLE", &authority)])
        .exits(0)
        .finds(&["1"]);
    hunt(&of_profile, &[]).exits(0).finds(&["1"]);
    hunt(
        &without,
        &[("AWS_PROFILE", "keys"), ("AWS_CA_BUNDLE", &authority)],
    )
    .exits(0)
    .finds(&["1"]);
    // Nobody trusts it by itself.
    hunt(&without, &[("AWS_PROFILE", "keys")]).exits(3);
    for (bundle, words) in [
        ("/nowhere/ca.pem", "the CA bundle /nowhere/ca.pem"),
        ("/dev/null", "holds no certificate"),
    ] {
        hunt(&without, &[("AWS_CA_BUNDLE", bundle)])
            .exits(3)
            .says(words);
        hunt(&config.replace("BUNDLE", bundle), &[])
            .exits(3)
            .says(words);
    }
}

/// The commands for a bucket and for a ledger as the documentation prints them, except the login, which needs a person.
#[test]
fn the_documented_commands_lead_from_a_login_to_the_alerts_of_a_bucket() {
    let key = "my-trail-bucket/AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/a.json.gz";
    let lake = Lake::new().gzip("b.json.gz", attach("1"));
    home(&lake);
    let object = lake.beside(key);
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::create_dir(lake.beside("my-results")).unwrap();
    fs::rename(lake.beside("logs/b.json.gz"), object).unwrap();
    let server = Server::of_folder(&lake.beside(""));
    let giver = giver();
    let pages = [
        include_str!("../../docs/src/buckets.md"),
        include_str!("../../docs/src/nightly.md"),
    ];
    let blocks = pages.map(|page| {
        let (_, block) = page.split_once(" tests/it/credentials.rs runs ").unwrap();
        block.split_once("\n```\n").unwrap().0
    });
    let commands: Vec<&str> = blocks
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    assert!(commands[0].starts_with("aws sso login"), "{commands:?}");
    assert_eq!(commands.len(), 9, "{commands:?}");
    let bin = Path::new(TRAILSIFT).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(bin.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = Command::new("sh");
    command
        .current_dir(lake.beside(""))
        .args(["-e", "-c", &commands[1..].join("\n")]);
    let command = at_home(&mut command, &lake.beside(""), &server, giver);
    let output = command.env("PATH", path.unwrap()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("requests to list"),
        "what a hunt would take: {stdout}"
    );
    for file in [
        "alerts.parquet",
        "my-results/alerts.parquet",
        "my-results/report.json",
        "alerts-1.parquet",
    ] {
        assert!(
            lake.beside(file).try_exists().unwrap(),
            "{file} is missing: {stderr}"
        );
    }
    // By each way but the last two, which find nothing new.
    assert_eq!(stderr.matches("alerts      1\n").count(), 3, "{stderr}");
    assert_eq!(stderr.matches("alerts      none\n").count(), 2, "{stderr}");
}
