//! Where a transport listens, what it tells others, and why it refuses.

use gossip_core::id::Endpoints;

use super::*;

fn check(listen: &str, advertise: Option<&str>, expected: &str) {
    let advertise = advertise.map(|address| address.parse().expect("an address"));
    let listen = listen.parse().expect("an address");
    let error = UdpTransport::bind(UdpConfig { advertise, ..UdpConfig::new(listen) })
        .expect_err("a refused configuration");
    let text = error.to_string();
    assert!(text.contains(&listen.to_string()), "names {listen}: {text}");
    assert!(text.contains(expected), "says {expected:?}: {text}");
}

#[tokio::test]
async fn refusals_name_the_address_and_the_next_step() {
    check("0.0.0.0:0", None, "set `advertise`");
    check("[::]:0", None, "set `advertise`");
    check("127.0.0.1:0", Some("0.0.0.0:7000"), "advertise one address of this machine");
    check("127.0.0.1:0", Some("[::1]:7000"), "same family");
    check("192.0.2.1:0", None, "an address that this machine has");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = bind(UdpConfig::new(taken));
    check(&taken.to_string(), None, "stop the process that uses it");
}

#[test]
fn without_a_runtime_it_refuses() {
    let error = UdpTransport::bind(loopback()).expect_err("no runtime");
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn an_advertised_address_is_what_others_hear_of() {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let advertise = Some(SocketAddr::from(([192, 0, 2, 7], 7_000)));
    let transport = bind(UdpConfig { advertise, ..UdpConfig::new(any) });
    assert_eq!(transport.endpoints(), Endpoints::datagram("192.0.2.7:7000".parse().unwrap()));
}

#[tokio::test]
async fn port_0_in_the_advertised_address_is_the_bound_port() {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let advertise = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let wide = bind(UdpConfig { advertise, ..UdpConfig::new(any) });
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"hello", wide.endpoints().datagram[0]).unwrap();
    assert_eq!(wide.recv().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_granted_buffers_are_told() {
    let small = bind(UdpConfig { socket_buffer_bytes: 32 << 10, ..loopback() }).socket_buffers();
    let large = bind(UdpConfig { socket_buffer_bytes: 128 << 10, ..loopback() }).socket_buffers();
    assert!(small.receive < large.receive && small.send < large.send, "{small:?} {large:?}");
}
