use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpStream;

type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// How webhooks reach the network: names into addresses, addresses into connections. [`Network::system`] is the real one;
/// a test puts a network of its own in its place.
#[derive(Clone)]
pub struct Network {
    resolve: Arc<dyn Fn(String) -> Resolving + Send + Sync>,
    connect: Arc<dyn Fn(SocketAddr) -> Connecting + Send + Sync>,
}

impl Network {
    /// The system's resolver and its sockets.
    #[must_use]
    pub fn system() -> Self {
        let resolve = |host: String| async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        };
        Self::new(resolve, TcpStream::connect::<SocketAddr>)
    }

    /// A network made of two functions: all addresses of a name, and a connection to exactly this address.
    pub fn new<Resolve, Resolved, Connect, Connected>(resolve: Resolve, connect: Connect) -> Self
    where
        Resolve: Fn(String) -> Resolved + Send + Sync + 'static,
        Resolved: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
        Connect: Fn(SocketAddr) -> Connected + Send + Sync + 'static,
        Connected: Future<Output = io::Result<TcpStream>> + Send + 'static,
    {
        Self {
            resolve: Arc::new(move |host| Box::pin(resolve(host))),
            connect: Arc::new(move |address| Box::pin(connect(address))),
        }
    }

    pub(crate) async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        (self.resolve)(host.to_owned()).await
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        (self.connect)(address).await
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}
