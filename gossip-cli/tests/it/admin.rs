//! The admin port against those who may not use it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Node, PATIENCE, Scratch, finish, program, run};

/// Sends a request as it stands and returns the status line of the answer.
fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn get(address: &str, headers: &str) -> String {
    raw(address, &format!("GET /v1/status HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"))
}

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let node = Node::start(&[]);
    let (admin, host) = (node.admin(), format!("Host: {}\r\n", node.admin()));
    assert!(get(admin, &host).contains("200"));
    assert!(get(admin, "Host: evil.example\r\n").contains("403"));
    assert!(get(admin, &format!("{host}Host: evil.example\r\n")).contains("403"));
    assert!(get(admin, &format!("{host}Origin: http://evil.example\r\n")).contains("403"));
    assert!(get(admin, &format!("{host}Origin: http://{admin}\r\n")).contains("200"));
    assert!(get(admin, "").contains("40"), "HTTP/1.1 asks for a Host");
    assert!(raw(admin, "nonsense\r\n\r\n").contains("400"));
    let large = format!(
        "POST /v1/kv/write HTTP/1.1\r\n{host}Connection: close\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
    );
    assert!(raw(admin, &large).contains("413"));
    let form = format!(
        "POST /v1/leave HTTP/1.1\r\n{host}Origin: null\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    assert!(raw(admin, &form).contains("403"));
    node.run(&["status"]).code(0);
}

#[test]
fn a_token_opens_what_is_open_to_others() {
    let scratch = Scratch::new();
    let token = scratch.file("token", "0123456789abcdef0123456789abcdef\n");
    let other = scratch.file("other", "fedcba9876543210fedcba9876543210\n");
    let refused = run(&["node", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"]).code(2);
    assert!(refused.stderr.contains("--admin-token-file"), "{refused:?}");

    let node = Node::start(&["--admin-token-file", &token]);
    let refused = node.run(&["status"]).code(1);
    assert!(refused.stderr.contains("GOSSIP_ADMIN_TOKEN_FILE"), "{refused:?}");
    node.run(&["--admin-token-file", &other, "status"]).code(1);
    node.run(&["--admin-token-file", &token, "status"]).code(0);
    let mut command = program(&["status"]);
    command.env("GOSSIP_ADMIN", node.admin()).env("GOSSIP_ADMIN_TOKEN_FILE", &token);
    finish(command, b"").code(0);
    node.run(&["--admin-token-file", &scratch.path("absent"), "status"]).code(2);
}
