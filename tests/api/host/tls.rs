//! TLS, with a certificate authority of the test's own making.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_socketio::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tower_socketio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tower_socketio::{HostHandle, TlsError};

use super::{PATIENCE, address, assert_free, get, host};
use crate::support::{Raw, Test};

struct Authority {
    root: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Authority {
    /// One that has vouched for `localhost`.
    fn new() -> Test<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self { root: issuer.der().clone(), certificate: certificate.der().clone(), key })
    }

    fn pem(&self) -> (String, String) {
        (pem("CERTIFICATE", &self.certificate), pem("PRIVATE KEY", self.key.secret_pkcs8_der()))
    }

    async fn start(&self) -> Test<HostHandle> {
        let (certificate, key) = self.pem();
        let host = host().grace(Duration::from_secs(60 * 60));
        Ok(host.tls_pem(certificate.as_bytes(), key.as_bytes())?.start().await?)
    }

    /// A client that trusts the authority and nobody else.
    async fn connect(&self, host: &HostHandle, protocols: &[&str]) -> Test<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone())?;
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let tcp = TcpStream::connect(address(host)).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?)
    }

    /// A client that is served.
    async fn served(&self, host: &HostHandle) -> Test<Raw<TlsStream<TcpStream>>> {
        let mut raw = Raw::over(self.connect(host, &[]).await?, "", &[]).await;
        raw.enter("/").await;
        raw.send(r#"420["conn"]"#).await;
        assert_eq!(raw.next().await, r#"430[true,"127.0.0.1"]"#);
        Ok(raw)
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_connects_and_is_secure() -> Test {
    let authority = Authority::new()?;
    let handle = authority.start().await?;
    let at = address(&handle);
    assert_eq!(handle.url(), Some(format!("https://{at}")));
    let mut client = authority.served(&handle).await?;
    assert!(Authority::new()?.connect(&handle, &[]).await.is_err(), "a stranger's certificate was taken");
    let told = tokio::spawn(async move { client.maybe_next().await });
    handle.stop().await;
    assert_eq!(told.await?, None);
    assert_free(at).await
}

#[tokio::test]
async fn both_versions_of_http_are_offered() -> Test {
    let authority = Authority::new()?;
    let handle = authority.start().await?;
    for (offered, chosen) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let stream = authority.connect(&handle, offered).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(chosen.as_bytes()));
    }
    let stream = authority.connect(&handle, &["h2"]).await?;
    let (mut sender, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/ready").body(())?;
    assert_eq!(sender.send_request(request, true)?.0.await?.status(), 200);
    // With its first response the server's settings have come.
    assert!(sender.is_extended_connect_protocol_enabled());

    let own = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![authority.certificate.clone()], authority.key.clone_key().into());
    let mut own = own?;
    own.alpn_protocols = vec![b"http/1.1".into()];
    let handle = host().tls(own).start().await?;
    assert!(authority.connect(&handle, &["h2"]).await.is_err());
    authority.served(&handle).await?;
    Ok(())
}

#[tokio::test]
async fn a_handshake_that_stalls_or_fails_keeps_nobody_from_being_served() -> Test {
    let authority = Authority::new()?;
    let handle = authority.start().await?;
    let mut stalled = Vec::new();
    for said in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut tcp = TcpStream::connect(address(&handle)).await?;
        tcp.write_all(said).await?;
        stalled.push(tcp);
    }
    assert!(get(address(&handle), "/").await.is_err(), "a request without TLS was answered");
    for _ in 0..3 {
        authority.served(&handle).await?;
    }
    // Nor does the end wait for them, which would be an hour.
    timeout(PATIENCE, handle.stop()).await?;
    for mut tcp in stalled {
        assert!(matches!(tcp.read(&mut [0]).await, Ok(0) | Err(_)), "it was not closed");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_is_given_up() -> Test {
    let handle = Authority::new()?.start().await?;
    let start = tokio::time::Instant::now();
    let mut tcp = TcpStream::connect(address(&handle)).await?;
    tcp.write_all(b"\x16\x03\x01\x02\x00\x01").await?;
    assert_eq!(timeout(PATIENCE, tcp.read_to_end(&mut Vec::new())).await??, 0);
    assert_eq!(start.elapsed().as_secs(), 10);
    Ok(())
}

#[tokio::test]
async fn pem_that_does_not_fit_is_an_error() -> Test {
    let (certificate, key) = Authority::new()?.pem();
    let other = Authority::new()?.pem().1;
    let error = |certificate: &str, key: &str| {
        host().tls_pem(certificate.as_bytes(), key.as_bytes()).expect_err("it does not fit")
    };
    assert!(matches!(error("", &key), TlsError::Certificates(_)));
    assert!(matches!(error(&key, &key), TlsError::Certificates(_)));
    assert!(matches!(error("-----BEGIN CERTIFICATE-----\n?", &key), TlsError::Certificates(_)));
    assert!(matches!(error(&certificate, &certificate), TlsError::Key(_)));
    assert!(matches!(error(&certificate, &other), TlsError::Mismatch(_)));
    Ok(())
}
