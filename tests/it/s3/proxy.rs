//! Between the program and a server: what networks and busy stores do.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It comes as it is.
    Whole,
    /// The store asks to slow down.
    SlowDown,
    /// The store fails.
    Failure,
    /// The connection ends in the middle of the body.
    Cut,
    /// The connection ends before an answer.
    Closed,
    /// The body comes slowly.
    Slow,
    /// The connection is reset in the middle of the body.
    Reset,
    /// The body stops in its middle, and the connection stays open.
    Stalled,
    /// The body ends in its middle, and the head says that this is all of it.
    Short,
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// The body is another one.
    Altered(fn(&str) -> String),
    /// Something else answers, with the status of success.
    Says(&'static str),
    /// The store refuses: a status with headers, a code, and what stands behind it.
    Refused(&'static str, &'static str, &'static str),
}

/// Decides by the number of the request, its first line, and its headers.
pub(crate) type Decide = dyn Fn(usize, &str, &str) -> Fate + Send + Sync;

/// Starts a proxy before a server. It lives as long as the tests.
pub(crate) fn before(
    server: SocketAddr,
    decide: impl Fn(usize, &str, &str) -> Fate + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let decide: Arc<Decide> = Arc::new(decide);
    let n_requests = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (decide, n_requests) = (Arc::clone(&decide), Arc::clone(&n_requests));
            // One who goes away is none of the test's business.
            std::thread::spawn(move || pass(client, server, &*decide, &n_requests).ok());
        }
    });
    address
}

/// Passes one request on, and its answer back.
#[expect(clippy::too_many_lines, reason = "a fate after the other")]
fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    decide: &Decide,
    n_requests: &AtomicUsize,
) -> io::Result<()> {
    let mut request = Vec::new();
    let head = loop {
        let mut some = [0; 16 * 1024];
        let n = client.read(&mut some)?;
        if n == 0 {
            return Ok(());
        }
        request.extend_from_slice(&some[..n]);
        if let Some(at) = memchr::memmem::find(&request, b"\r\n\r\n") {
            break String::from_utf8_lossy(&request[..at + 2]).into_owned();
        }
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let end = head.len() + 2 + length.map_or(0, Result::unwrap);
    while request.len() < end {
        let mut some = vec![0; end - request.len()];
        client.read_exact(&mut some)?;
        request.extend(some);
    }
    let (line, headers) = head.split_once("\r\n").unwrap();
    let fate = decide(n_requests.fetch_add(1, Ordering::Relaxed), line, headers);
    let busy = "<Message>Reduce your rate.</Message>";
    match fate {
        Fate::SlowDown => return refuse(&mut client, "503 Slow Down", "SlowDown", busy),
        Fate::Failure => {
            let status = "500 Internal Server Error";
            return refuse(&mut client, status, "InternalError", busy);
        }
        Fate::Refused(status, code, rest) => return refuse(&mut client, status, code, rest),
        Fate::Closed => return client.shutdown(Shutdown::Both),
        Fate::Says(body) => return answer_with(&mut client, "200 OK", body),
        _ => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(format!("{line}\r\nConnection: close\r\n{headers}\r\n").as_bytes())?;
    upstream.write_all(&request[head.len() + 2..])?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    let at = memchr::memmem::find(&answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let (head, body) = answer.split_at(at);
    let half = &body[..body.len() / 2];
    match fate {
        Fate::Cut => client.write_all(&answer[..at + half.len()])?,
        Fate::CutAfter(n) => client.write_all(&answer[..answer.len().min(at + n)])?,
        Fate::Slow => {
            client.write_all(head)?;
            for some in body.chunks(body.len().div_ceil(10).max(1)) {
                std::thread::sleep(Duration::from_millis(20));
                client.write_all(some)?;
            }
        }
        Fate::Reset => {
            client.write_all(&answer[..at + half.len()])?;
            // Else what is on its way may be thrown away as well.
            std::thread::sleep(Duration::from_millis(50));
            socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
            return Ok(());
        }
        Fate::Stalled => {
            client.write_all(&answer[..at + half.len()])?;
            // Until the other side has enough of it.
            let n = client.read(&mut [0])?;
            assert_eq!(n, 0, "another request on a connection that stalls");
        }
        Fate::Short => client.write_all(&with_length(head, half))?,
        Fate::Altered(alter) => {
            let body = alter(str::from_utf8(body).unwrap());
            client.write_all(&with_length(head, body.as_bytes()))?;
        }
        _ => client.write_all(&answer)?,
    }
    client.shutdown(Shutdown::Both)
}

/// An answer of another length than its head says.
fn with_length(head: &[u8], body: &[u8]) -> Vec<u8> {
    let head = str::from_utf8(head).unwrap();
    let lines = head.trim_end().split("\r\n");
    let is_length = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
    };
    let mut answer: String = lines
        .filter(|line| !is_length(line))
        .map(|line| format!("{line}\r\n"))
        .collect();
    answer += &format!("Content-Length: {}\r\n\r\n", body.len());
    [answer.as_bytes(), body].concat()
}

fn refuse(client: &mut TcpStream, status: &str, code: &str, rest: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code>{rest}</Error>");
    answer_with(client, status, &body)
}

fn answer_with(client: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close");
    client.write_all(format!("{head}\r\n\r\n{body}").as_bytes())
}
