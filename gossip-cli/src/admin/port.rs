//! An admin port from its settings to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::token::Token;
use super::{Admin, Guard, router, server};
use crate::config::AdminSettings;
use crate::failure::Failure;
use crate::launch::Node;

/// A bound port that does not serve yet: what can go wrong goes wrong before a node starts.
#[derive(Debug)]
pub(crate) struct Port {
    guard: Guard,
    listener: TcpListener,
    address: SocketAddr,
}

/// A port that serves.
#[derive(Debug)]
pub(crate) struct Serving {
    admin: Arc<Admin>,
    close: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Port {
    /// Binds the port.
    ///
    /// # Errors
    /// When it would be open to others without a token, or the system refuses it.
    pub(crate) async fn bind(settings: &AdminSettings) -> anyhow::Result<Self> {
        let AdminSettings { hosts, listen, token_file } = settings;
        let token = token_file.as_deref().map(Token::read).transpose()?;
        // Asked before the port exists, so that it is never open for a moment.
        Guard::new(*listen, token.clone(), hosts.clone())?;
        let failed = |error| {
            let text = format!(
                "cannot serve the admin port at {listen}: {error}; choose another with --admin"
            );
            Failure::failed(text)
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { guard: Guard::new(address, token, hosts.clone())?, listener, address })
    }

    /// Where it is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves this node.
    pub(crate) fn serve(self, node: Node, name: String) -> Serving {
        let admin = Arc::new(Admin { leave: Notify::new(), name, node });
        let close = Arc::new(Notify::new());
        let router = router(Arc::clone(&admin), Arc::new(self.guard));
        let closing = Arc::clone(&close);
        let stop = async move { closing.notified().await };
        let task = tokio::spawn(server::serve(self.listener, router, stop));
        Serving { admin, close, task }
    }
}

impl Serving {
    /// Until somebody asked the node to leave, and it has.
    pub(crate) async fn left(&self) {
        self.admin.leave.notified().await;
    }

    /// Takes no more requests, and waits for answers that are under way.
    pub(crate) async fn close(self) {
        self.close.notify_one();
        // A panic of the port has been shown already.
        let _ = self.task.await;
    }
}
