//! A static server on the loopback address: `www/`, with `pkg/` beside it.

use crate::{package, root};
use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::{HeaderValue, header};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::{SetResponseHeader, SetResponseHeaderLayer};

const PORT: u16 = 8080;

/// Builds everything and serves it until it is stopped.
pub(crate) fn serve(open: bool) -> Result<()> {
    package::build()?;
    let runtime = Runtime::new()?;
    let (listener, address) = runtime.block_on(listen(PORT))?;
    let url = format!("http://{address}");
    println!("ISMVault is at {url}  (Ctrl+C stops it)");
    if open {
        open_browser(&url);
    }
    runtime.block_on(async { axum::serve(listener, site()).await }).context("the server stopped")
}

/// Serves in the background, for as long as the runtime is kept.
pub(crate) fn in_background() -> Result<(Runtime, String)> {
    let runtime = Runtime::new()?;
    let (listener, address) = runtime.block_on(listen(0))?;
    runtime.spawn(async { axum::serve(listener, site()).await });
    Ok((runtime, format!("http://{address}")))
}

/// Takes the port, or another if it is taken.
async fn listen(port: u16) -> Result<(TcpListener, SocketAddr)> {
    let ports = (port..port.saturating_add(20)).chain([0]);
    for port in ports {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            let address = listener.local_addr()?;
            return Ok((listener, address));
        }
    }
    anyhow::bail!("no port is free on 127.0.0.1")
}

fn site() -> Router {
    let fresh = HeaderValue::from_static("no-cache");
    // The policy in the page does not bind its service worker; this one does.
    let bound = HeaderValue::from_static("default-src 'none'; connect-src 'self'");
    let offline = ServeFile::new(root().join("www/offline.js"));
    let offline = SetResponseHeader::overriding(offline, header::CONTENT_SECURITY_POLICY, bound);
    Router::new()
        .nest_service("/offline.js", offline)
        .nest_service("/pkg", ServeDir::new(root().join("pkg")))
        .nest_service("/benches", ServeDir::new(root().join("crates/browser/benches")))
        .nest_service("/npm", ServeDir::new(root().join("target/bench/node_modules")))
        .fallback_service(ServeDir::new(root().join("www")))
        .layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, fresh))
}

/// Opens the page where there is a desktop to open it on.
fn open_browser(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some()) {
        "xdg-open"
    } else {
        return;
    };
    let quiet = Command::new(program).arg(url).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if quiet.is_err() {
        println!("Open it in your browser.");
    }
}
