//! Between the program and a server: what networks and busy stores do.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Fate::Whole | Fate::Cut | Fate::Slow => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(format!("{line}\r\nConnection: close\r\n{headers}\r\n").as_bytes())?;
    upstream.write_all(&request[head.len() + 2..])?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    let body = memchr::memmem::find(&answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    match fate {
        Fate::Cut => client.write_all(&answer[..body + (answer.len() - body) / 2])?,
        Fate::Slow => {
            client.write_all(&answer[..body])?;
            for some in answer[body..].chunks((answer.len() - body).div_ceil(10).max(1)) {
                std::thread::sleep(Duration::from_millis(20));
                client.write_all(some)?;
            }
        }
        _ => client.write_all(&answer)?,
    }
    client.shutdown(Shutdown::Both)
}

fn refuse(client: &mut TcpStream, status: &str, code: &str, rest: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code>{rest}</Error>");
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close");
    client.write_all(format!("{head}\r\n\r\n{body}").as_bytes())
}
