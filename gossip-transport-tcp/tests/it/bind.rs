//! Where a transport listens, what it tells others, and why it refuses.

use gossip_core::id::Endpoints;

use super::*;

fn check(listen: &str, advertise: Option<&str>, expected: &str) {
    let advertise = advertise.map(|address| address.parse().expect("an address"));
    let listen = listen.parse().expect("an address");
    let error = TcpTransport::bind(TcpConfig { advertise, ..TcpConfig::new(listen) })
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
    let holder = bind(loopback());
    check(&endpoint(&holder).to_string(), None, "stop the process that uses it");
}

#[tokio::test]
async fn frames_have_a_largest_size() {
    for frame_bytes in [0, (1 << 30) + 1] {
        let limits = TcpLimits { frame_bytes, ..TcpLimits::default() };
        let error = TcpTransport::bind(TcpConfig { limits, ..loopback() }).unwrap_err();
        assert!(error.to_string().contains(&format!("{frame_bytes} bytes")), "{error}");
    }
}

#[test]
fn without_a_runtime_it_refuses() {
    let error = TcpTransport::bind(loopback()).expect_err("no runtime");
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn an_advertised_address_is_what_others_hear_of() {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let advertise = Some(SocketAddr::from(([192, 0, 2, 7], 7_000)));
    let transport = bind(TcpConfig { advertise, ..TcpConfig::new(any) });
    let stream = vec!["192.0.2.7:7000".parse().unwrap()];
    assert_eq!(transport.endpoints(), Endpoints { datagram: Vec::new(), stream });
}

#[tokio::test]
async fn port_0_in_the_advertised_address_is_the_bound_port() {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let advertise = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let (wide, sender) = (bind(TcpConfig { advertise, ..TcpConfig::new(any) }), bind(loopback()));
    assert_eq!(sender.send(vec![transmit(stream(&wide), &filled(1, 10))]), accepted(1));
    let mut heard = Heard::default();
    heard.until("the frame", &wide, |heard| heard.frames.len() == 1).await;
}

#[tokio::test]
async fn addresses_of_no_use_are_unroutable() {
    let a = bind(loopback());
    let addresses = ["[::1]:7000", "127.0.0.1:0", "0.0.0.0:7000"];
    let mut batch: Vec<_> =
        addresses.map(|to| transmit(Address::Stream(to.parse().unwrap()), &filled(1, 10))).into();
    batch.push(transmit(Address::Socket("127.0.0.1:7000".parse().unwrap()), &filled(1, 10)));
    batch.push(transmit(Address::Link(LinkId(7)), &filled(1, 10)));
    let expected = SendReport { unroutable: 5, ..SendReport::default() };
    assert_eq!(a.send(batch), expected);
    assert_eq!(a.links(), 0, "nothing is dialled");
}
